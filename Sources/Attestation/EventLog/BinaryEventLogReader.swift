import CanonicalJSON
import Cryptography

/// Reads the firmware's binary logs (TCG PC Client Platform Firmware Profile, section 10; for a CCEL: Intel's TDX Virtual
/// Firmware Design Guide, section 8.3).
struct BinaryEventLogReader {
  private var reader: ByteReader
  private let bytes: [UInt8]
  private let family: MeasuredRegisters.Family
  private var events: [LoggedEvent] = []
  private var startupLocality: UInt8?
  private var measuresRegister0 = false

  /// Of an event that belongs to no register.
  private static let noRegister: UInt32 = 0xffff_ffff
  static let specIDSignature = [UInt8]("Spec ID Event03\0".utf8)
  private static let localitySignature = [UInt8]("StartupLocality\0".utf8)

  /// A bank as the Spec ID event announces it.
  private struct AnnouncedBank {
    let identifier: UInt16
    let byteCount: Int
    /// nil for a hash that this program does not compute: its digests are passed over.
    let algorithm: BankAlgorithm?
  }

  init(_ bytes: [UInt8], family: MeasuredRegisters.Family) {
    self.bytes = bytes
    self.family = family
    reader = ByteReader(bytes)
  }

  mutating func read() throws(FieldError) -> EventLog {
    let first = try legacyEvent(0)
    guard first.type == .noAction, let data = first.data, data.starts(with: Self.specIDSignature) else {
      return try readLegacy(first)
    }
    let announced = try Self.specID(data)
    // The one event whose layout is that of TPM 1.2 in a log of TPM 2.0.
    guard first.digests[.sha1]?.allSatisfy({ $0 == 0 }) == true, first.register == 0 || family == .rtmrs else {
      throw FieldError(field: "event[0]", expected: "a Spec ID event of PCR 0 without digest", actual: "another")
    }
    var padding = 0
    while reader.remaining > 0 {
      padding = paddingCount()
      guard padding == 0 else { break }
      try append(try agileEvent(announced))
    }
    let banks = announced.compactMap(\.algorithm).filter { bank in
      events.allSatisfy { !$0.isMeasured || $0.digests[bank] != nil }
    }
    return EventLog(
      form: .cryptoAgile, banks: banks, events: events, startupLocality: startupLocality, paddingCount: padding)
  }

  private mutating func readLegacy(_ first: LoggedEvent) throws(FieldError) -> EventLog {
    guard family == .pcrs else {
      throw FieldError(field: "event[0]", expected: "a Spec ID event: RTMRs are SHA-384", actual: first.type.name)
    }
    try append(first)
    while reader.remaining > 0 { try append(try legacyEvent(events.count)) }
    return EventLog(form: .legacy, banks: [.sha1], events: events, startupLocality: startupLocality)
  }

  /// How many bytes of padding follow: all that is left, if it is one byte, 0x00 or 0xff, over and over. A TPM's log is
  /// handed out in its own length and has none.
  private func paddingCount() -> Int {
    guard family == .rtmrs, let last = bytes.last, last == 0 || last == 0xff else { return 0 }
    return bytes[reader.offset...].allSatisfy { $0 == last } ? reader.remaining : 0
  }

  private mutating func append(_ event: LoggedEvent) throws(FieldError) {
    guard events.count < EventLog.Limits.events else {
      throw FieldError(field: "eventLog", expected: "at most \(EventLog.Limits.events) events", actual: "more")
    }
    if event.isMeasured {
      if event.register == 0 { measuresRegister0 = true }
    } else {
      try unmeasured(event)
    }
    events.append(event)
  }

  /// Nobody extends these, so nothing but this protects what they say: no digest, or that of their data.
  private mutating func unmeasured(_ event: LoggedEvent) throws(FieldError) {
    let field = "event[\(events.count)]"
    let data = event.data ?? []
    for (bank, digest) in event.digests where digest.contains(where: { $0 != 0 }) && digest != bank.hash(data) {
      throw FieldError(
        field: field, expected: "no digest in an event that is not extended", actual: Hex.encode(digest))
    }
    guard data.starts(with: Self.localitySignature) else { return }
    // A locality that came later, or twice, would say that PCR 0 began with something else than it did.
    guard
      family == .pcrs, event.register == 0, startupLocality == nil, !measuresRegister0,
      data.count == Self.localitySignature.count + 1, let locality = data.last, [0, 3, 4].contains(locality)
    else {
      throw FieldError(
        field: field, expected: "one start-up locality of 0, 3 or 4 before PCR 0 is extended",
        actual: Hex.encode([UInt8](data.prefix(32))))
    }
    startupLocality = locality
  }

  // MARK: One event

  private mutating func legacyEvent(_ index: Int) throws(FieldError) -> LoggedEvent {
    let field = "event[\(index)]"
    let rawRegister = try reader.uint32(littleEndian: "\(field).register")
    let type = EventType(rawValue: try reader.uint32(littleEndian: "\(field).type"))
    let register = try register(rawRegister, type, field)
    let digest = try reader.bytes(20, "\(field).digest")
    let data = try data(field)
    return LoggedEvent(register: register, type: type, digests: [.sha1: digest], data: data)
  }

  private mutating func agileEvent(_ announced: [AnnouncedBank]) throws(FieldError) -> LoggedEvent {
    // The Spec ID event is the first, and is not among `events`.
    let field = "event[\(events.count + 1)]"
    let rawRegister = try reader.uint32(littleEndian: "\(field).register")
    let type = EventType(rawValue: try reader.uint32(littleEndian: "\(field).type"))
    let register = try register(rawRegister, type, field)
    let count = try reader.uint32(littleEndian: "\(field).digestCount")
    // Windows logs what it measures in the one bank that it uses, below firmware that logs them all.
    guard (1...announced.count).contains(Int(count)) else {
      throw FieldError(
        field: "\(field).digestCount", expected: "1 to \(announced.count), at most one of each bank", actual: "\(count)"
      )
    }
    var digests: [BankAlgorithm: [UInt8]] = [:]
    var seen: Set<UInt16> = []
    for _ in 0..<count {
      let identifier = try reader.uint16(littleEndian: "\(field).algorithm")
      guard let bank = announced.first(where: { $0.identifier == identifier }), seen.insert(identifier).inserted else {
        throw FieldError(
          field: "\(field).algorithm", expected: "at most one digest of each bank of the Spec ID event",
          actual: "0x" + String(identifier, radix: 16))
      }
      let digest = try reader.bytes(bank.byteCount, "\(field).digest")
      if let algorithm = bank.algorithm { digests[algorithm] = digest }
    }
    return LoggedEvent(register: register, type: type, digests: digests, data: try data(field))
  }

  private mutating func data(_ field: String) throws(FieldError) -> [UInt8] {
    let count = try reader.uint32(littleEndian: "\(field).size")
    return try reader.bytes(Int(count), "\(field).data")
  }

  private func register(_ raw: UInt32, _ type: EventType, _ field: String) throws(FieldError) -> Int? {
    switch family {
    case .pcrs:
      if raw < 24 { return Int(raw) }
    case .rtmrs:
      // Register 0 of a CCEL is MRTD, which nothing extends at run time; register n is RTMR n - 1.
      if (1...4).contains(raw) { return Int(raw) - 1 }
      if raw == 0, type == .noAction { return nil }
    }
    guard raw == Self.noRegister, type == .noAction else {
      throw FieldError(
        field: "\(field).register", expected: family == .pcrs ? "a PCR from 0 to 23" : "a register from 1 to 4",
        actual: "\(raw)")
    }
    return nil
  }

  /// Section 10.4.5.1, TCG_EfiSpecIDEvent. Nobody hashes it: it is held to its exact shape, and nothing but the banks is used.
  private static func specID(_ data: [UInt8]) throws(FieldError) -> [AnnouncedBank] {
    var reader = ByteReader(data, path: "event[0]")
    _ = try reader.bytes(specIDSignature.count, "signature")
    let platformClass = try reader.uint32(littleEndian: "platformClass")
    let minor = try reader.uint8("specVersionMinor")
    let major = try reader.uint8("specVersionMajor")
    _ = try reader.uint8("specErrata")
    let uintnSize = try reader.uint8("uintnSize")
    guard platformClass <= 1, minor == 0, major == 2, (1...2).contains(uintnSize) else {
      throw FieldError(
        field: "event[0]", expected: "platform class 0 or 1, version 2.0, 32 or 64 bits",
        actual: Hex.encode(data[16..<24]))
    }
    let count = Int(try reader.uint32(littleEndian: "numberOfAlgorithms"))
    guard (1...EventLog.Limits.banks).contains(count) else {
      throw FieldError(
        field: "event[0].numberOfAlgorithms", expected: "1 to \(EventLog.Limits.banks)", actual: "\(count)")
    }
    var banks: [AnnouncedBank] = []
    for _ in 0..<count {
      let identifier = try reader.uint16(littleEndian: "algorithm")
      let byteCount = Int(try reader.uint16(littleEndian: "digestSize"))
      let algorithm = BankAlgorithm(identifier: identifier)
      guard
        (16...64).contains(byteCount), algorithm.map({ $0.byteCount == byteCount }) ?? true,
        !banks.contains(where: { $0.identifier == identifier })
      else {
        throw FieldError(
          field: "event[0].digestSize", expected: "the size of the hash, each bank once",
          actual: "\(byteCount) bytes for 0x" + String(identifier, radix: 16))
      }
      banks.append(AnnouncedBank(identifier: identifier, byteCount: byteCount, algorithm: algorithm))
    }
    _ = try reader.bytes(Int(try reader.uint8("vendorInfoSize")), "vendorInfo")
    try reader.finish()
    return banks
  }
}
