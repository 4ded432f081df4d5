public import CanonicalJSON

/// One kind of evidence: how it is written, verified and explained. All of it is pure: no socket, no clock, and every root
/// of trust comes from the ``VerificationContext``, never from the evidence.
public protocol EvidenceFormat: Sendable {
  associatedtype Claims: EvidenceClaims
  associatedtype Policy: PlatformPolicy where Policy.Claims == Claims

  static var kind: EvidenceKind { get }

  /// Reads the members of `safebox-evidence/v1` beside `format` and `kind` (docs/attestation.md).
  init(members: inout ObjectReader) throws(FieldError)

  /// What `init(members:)` reads.
  var members: JSONObject { get }

  /// Recognises the raw form in which the platform, or a well-known tool, hands this evidence out. nil where the bytes are
  /// something else; throws where they are this kind and malformed.
  static func recognise(_ file: RawEvidence) throws(FieldError) -> Self?

  /// Is it genuine? Demands and makes its checks; returns what the evidence says only where all of them hold.
  func verify(in context: VerificationContext, into checks: inout CheckList) -> Claims?

  /// The registers as they stand in the evidence, with nothing verified: what somebody who knows what runs there makes
  /// reference values from. Empty where they cannot be read.
  var unverifiedRegisters: [String: [UInt8]] { get }

  /// What is inside, line by line, with nothing verified. Never throws: what cannot be read is said to be unreadable.
  var explanation: [EvidenceLine] { get }
}

/// A file of evidence as it came, with the files given beside it (certificates, collateral).
public struct RawEvidence: Sendable {
  public let bytes: [UInt8]
  /// Name and contents of what was given beside it, in the order given.
  public let attachments: [(name: String, bytes: [UInt8])]

  public init(bytes: [UInt8], attachments: [(name: String, bytes: [UInt8])] = []) {
    self.bytes = bytes
    self.attachments = attachments
  }
}

/// One line of an explanation.
public struct EvidenceLine: Sendable, Hashable {
  public let name: String
  public let value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// What genuine evidence says. Only verifiers make one.
public protocol EvidenceClaims: Sendable {
  var assurance: Assurance { get }
  /// The registers that reference values are compared with, by name, for example `measurement`, `sha256.pcr4`, `rtmr1`.
  var registers: [String: [UInt8]] { get }
  /// The same registers under the kind of evidence that vouches for them, as releases have them. `kind` is that of the evidence.
  func measured(as kind: EvidenceKind) -> [EvidenceKind: [String: [UInt8]]]
  /// What logs say that its registers prove; empty for kinds without such logs.
  var allMeasurements: [MeasurementClaims] { get }
  /// For programs and people.
  var json: JSON { get }
}

extension EvidenceClaims {
  public func measured(as kind: EvidenceKind) -> [EvidenceKind: [String: [UInt8]]] { [kind: registers] }

  public var allMeasurements: [MeasurementClaims] { [] }
}

/// What stands at the end of the chain of trust.
public enum Assurance: Sendable, Hashable {
  /// The maker of the hardware vouches.
  case hardware(vendor: String)
  /// Software plays the hardware: this proves nothing about a machine.
  case software(name: String)

  public var isHardware: Bool { if case .hardware = self { true } else { false } }

  public var json: JSON {
    switch self {
    case .hardware(let vendor): ["type": "hardware", "by": .string(vendor)]
    case .software(let name): ["type": "software", "by": .string(name)]
    }
  }
}
