public import CanonicalJSON
import Cryptography

/// What a firmware log proves about the boot: facts from registers whose signed value the log yields, and of those only what
/// is hashed. Everything else in a log is hearsay and is not here.
public struct BootFacts: Sendable, Hashable {
  /// A measurement with a name. The digest is of the bank that was quoted.
  public struct Named: Sendable, Hashable {
    public let name: String
    public let digest: [UInt8]
  }

  /// Something in the log that a sound firmware does not do. It may be a bug of the firmware or an attempt to deceive.
  public struct Irregularity: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
      case duplicateSeparator = "duplicate-separator"
      case missingSeparator = "missing-separator"
      /// The firmware reports that measuring failed.
      case errorSeparator = "error-separator"
      /// A variable of the secure-boot policy measured after the separator.
      case lateVariable = "late-variable"
      /// A variable of the secure-boot policy measured twice before the separator.
      case repeatedVariable = "repeated-variable"
    }
    public let kind: Kind
    /// As releases name it.
    public let register: String

    var text: String { "\(kind.rawValue): \(register)" }
  }

  public internal(set) var bank: BankAlgorithm
  /// The registers that the log yields as they were signed, as releases name them.
  public internal(set) var registers: [String] = []
  /// Whether images were checked before they ran; nil where the log does not prove it either way.
  public internal(set) var secureBoot: Bool?
  /// The secure-boot policy (SecureBoot, PK, KEK, db, dbx, ...) as it was before anything else ran.
  public internal(set) var variables: [Named] = []
  /// What authorised images that ran: entries of `db`, and of shim's lists.
  public internal(set) var authorities: [Named] = []
  /// Sections of a unified kernel image in the order in which they were measured, with the digests of their contents.
  public internal(set) var sections: [Named] = []
  /// Texts that boot loaders measured, in order: GRUB's commands and command lines, and what systemd's stub passed on. That a
  /// text was measured is proved; that it was the kernel's command line, and not a command, is said by a label only.
  public internal(set) var loaderTexts: [String] = []
  /// Whether the registers of those texts hold nothing but texts. Where they do not, the kernel may have been given another
  /// command line beside what is shown.
  public internal(set) var loaderTextsAreComplete = true
  /// Phases of the start that systemd extended into PCR 11 after the log had ended, for example `enter-initrd`.
  public internal(set) var phases: [String] = []
  /// dstack's named events, with their payloads in place of digests.
  public internal(set) var applicationEvents: [Named] = []
  public internal(set) var irregularities: [Irregularity] = []

  init(bank: BankAlgorithm) { self.bank = bank }

  public var json: JSON {
    [
      "bank": .string(bank.rawValue), "registers": .array(registers.map { .string($0) }),
      "secureBoot": secureBoot.map { .bool($0) } ?? .null, "variables": Self.json(variables, "digest"),
      "authorities": Self.json(authorities, "digest"), "sections": Self.json(sections, "digest"),
      "loaderTexts": .array(loaderTexts.map { .string($0) }),
      "loaderTextsAreComplete": .bool(loaderTextsAreComplete), "phases": .array(phases.map { .string($0) }),
      "applicationEvents": Self.json(applicationEvents, "payload"),
      "irregularities": .array(irregularities.map { .string($0.text) }),
    ]
  }

  private static func json(_ named: [Named], _ value: String) -> JSON {
    .array(named.map { ["name": .string($0.name), value: .string(Hex.encode($0.digest))] })
  }
}
