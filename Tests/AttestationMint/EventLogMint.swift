import Attestation
import CanonicalJSON
import Cryptography

/// Writes event logs as firmware does, sound or with whatever is wrong that a test needs, and says which registers they yield.
public struct EventLogMint: Sendable {
  public enum Layout: Sendable, Hashable {
    /// With a Spec ID event, for PCRs.
    case agile([BankAlgorithm])
    /// TPM 1.2's layout.
    case legacy
    /// For RTMRs; register n is written as n + 1.
    case ccel
  }

  public static let separator: [UInt8] = [0, 0, 0, 0]
  static let globalVariable: [UInt8] = [
    0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c,
  ]
  static let imageSecurity: [UInt8] = [
    0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f,
  ]

  public let layout: Layout
  /// The log so far.
  public private(set) var bytes: [UInt8] = []
  /// What the registers hold after it, by bank and index.
  public private(set) var registers: [BankAlgorithm: [Int: [UInt8]]] = [:]
  private var locality: UInt8 = 0

  public init(_ layout: Layout) {
    self.layout = layout
    guard layout != .legacy else { return }
    bytes += Self.little32(0) + Self.little32(3) + [UInt8](repeating: 0, count: 20)
    var spec = [UInt8]("Spec ID Event03\0".utf8) + Self.little32(0) + [0, 2, 0, 2] + Self.little32(UInt32(banks.count))
    for bank in banks { spec += Self.little16(bank.identifier) + Self.little16(UInt16(bank.byteCount)) }
    spec.append(0)
    bytes += Self.little32(UInt32(spec.count)) + spec
  }

  public var banks: [BankAlgorithm] {
    switch layout {
    case .agile(let banks): banks
    case .legacy: [.sha1]
    case .ccel: [.sha384]
    }
  }

  /// Writes an event whose digest is that of `hashed`, and extends it; `logged` is what the log says it was. Both in the
  /// banks given, or in all of them.
  public mutating func measure(
    _ register: Int, _ type: UInt32, hashed: [UInt8], logged: [UInt8], in some: [BankAlgorithm]? = nil
  ) {
    write(register, type, logged: logged, in: some) { $0.hash(hashed) }
    for bank in some ?? banks {
      var initial = bank.zeros
      if register == 0 { initial[initial.count - 1] = locality }
      registers[bank, default: [:]][register] = bank.extend(
        registers[bank]?[register] ?? initial, with: bank.hash(hashed))
    }
  }

  /// The same where the data is what was hashed.
  public mutating func measure(_ register: Int, _ type: UInt32, _ data: [UInt8], in some: [BankAlgorithm]? = nil) {
    measure(register, type, hashed: data, logged: data, in: some)
  }

  /// Writes an event that nobody extends.
  public mutating func note(_ register: Int, _ data: [UInt8]) { write(register, 3, logged: data) { $0.zeros } }

  public mutating func startup(locality: UInt8) {
    self.locality = locality
    note(0, [UInt8]("StartupLocality\0".utf8) + [locality])
  }

  public mutating func write(
    _ register: Int, _ type: UInt32, logged: [UInt8], in some: [BankAlgorithm]? = nil,
    digest: (BankAlgorithm) -> [UInt8]
  ) {
    let banks = some ?? banks
    bytes += Self.little32(UInt32(truncatingIfNeeded: layout == .ccel ? register + 1 : register)) + Self.little32(type)
    if layout == .legacy {
      bytes += digest(.sha1)
    } else {
      bytes += Self.little32(UInt32(banks.count))
      for bank in banks { bytes += Self.little16(bank.identifier) + digest(bank) }
    }
    bytes += Self.little32(UInt32(logged.count)) + logged
  }

  /// Bytes as they are: padding, rubbish.
  public mutating func append(_ rest: [UInt8]) { bytes += rest }

  // MARK: What a machine measures

  public mutating func variable(
    _ name: String, _ value: [UInt8], type: UInt32 = 0x8000_0001, register: Int? = nil
  ) {
    measure(register ?? (layout == .ccel ? 0 : 7), type, Self.variable(name, value))
  }

  /// UEFI_VARIABLE_DATA.
  public static func variable(_ name: String, _ value: [UInt8]) -> [UInt8] {
    let text = name.utf16.flatMap { little16($0) }
    let vendor = name.hasPrefix("db") ? imageSecurity : globalVariable
    return vendor + little32(UInt32(name.utf16.count)) + little32(0) + little32(UInt32(value.count)) + little32(0)
      + text + value
  }

  /// A section of a unified kernel image: its name, then its contents.
  public mutating func section(_ name: String, _ contents: [UInt8]) {
    let register = layout == .ccel ? 2 : 11
    let label = Self.text(name)
    measure(register, 13, hashed: [UInt8](name.utf8) + [0], logged: label)
    measure(register, 13, hashed: contents, logged: label)
  }

  /// UTF-16 with a zero at its end.
  public static func text(_ text: String) -> [UInt8] { text.utf16.flatMap { little16($0) } + [0, 0] }

  /// GRUB's command or command line: the label is not hashed.
  public mutating func grub(_ label: String, _ text: String) {
    measure(
      layout == .ccel ? 2 : 8, 13, hashed: [UInt8](text.utf8), logged: [UInt8]("\(label): \(text)".utf8) + [0])
  }

  /// The start of a machine: firmware, secure-boot policy, separators, an application of db, a unified kernel image.
  public static func machine(_ layout: Layout, secureBoot: Bool = true) -> EventLogMint {
    var mint = EventLogMint(layout)
    mint.firmware(secureBoot: secureBoot)
    mint.loaders()
    return mint
  }

  public mutating func firmware(secureBoot: Bool = true) {
    let isCCEL = layout == .ccel
    if case .agile = layout { startup(locality: 3) }
    measure(0, 8, Self.text("firmware 1.0"))
    measure(0, 0x8000_000a, hashed: [1, 2, 3], logged: [UInt8]("Fv(boot)".utf8))
    variable("SecureBoot", secureBoot ? [1] : [0])
    variable("PK", [1, 1, 1])
    variable("KEK", [2, 2])
    variable("db", [3, 3, 3, 3])
    variable("dbx", [])
    if isCCEL { measure(0, 4, Self.separator) }
    measure(isCCEL ? 1 : 4, 0x8000_0007, [UInt8]("Calling EFI Application from Boot Option".utf8))
    for register in isCCEL ? 1...1 : 0...7 { measure(register, 4, Self.separator) }
    variable("db", [3, 3], type: 0x8000_00e0)
    measure(isCCEL ? 1 : 5, 0x8000_0006, [UInt8](repeating: 7, count: 92))
    measure(isCCEL ? 1 : 4, 0x8000_0003, hashed: [9, 9], logged: [UInt8]("a device path".utf8))
  }

  public mutating func loaders() {
    grub("grub_cmd", "linux /vmlinuz quiet")
    grub("kernel_cmdline", "/vmlinuz quiet")
    section(".linux", [1, 2, 3])
    section(".initrd", [4])
    for action in ["Exit Boot Services Invocation", "Exit Boot Services Returned with Success"] {
      measure(layout == .ccel ? 1 : 5, 0x8000_0007, [UInt8](action.utf8))
    }
  }

  /// Firmware that logs two banks, below Windows, which logs one of them.
  public static func partlyLogged() -> EventLogMint {
    var mint = machine(.agile([.sha384, .sha256]))
    for (register, type) in [(11, 0xC), (12, 6), (13, 6), (14, 6), (12, 4)] as [(Int, UInt32)] {
      mint.measure(register, type, separator, in: [.sha256])
    }
    return mint
  }

  /// The registers as a quote would sign them, in the strongest bank: those of the firmware that nothing was extended into are zero.
  public var signed: MeasuredRegisters {
    let bank = banks.max { $0.byteCount < $1.byteCount } ?? .sha256
    var values = registers[bank] ?? [:]
    switch layout {
    case .ccel:
      for index in 0...3 where values[index] == nil { values[index] = bank.zeros }
      return MeasuredRegisters(rtmrs: values)
    case .agile, .legacy:
      for index in 0...15 where values[index] == nil { values[index] = bank.zeros }
      return MeasuredRegisters(pcrs: values, algorithm: bank)
    }
  }

  static func little16(_ value: UInt16) -> [UInt8] { [UInt8(truncatingIfNeeded: value), UInt8(value >> 8)] }
  static func little32(_ value: UInt32) -> [UInt8] {
    stride(from: 0, through: 24, by: 8).map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
  }
}
