import CanonicalJSON
import Cryptography

/// dstack's attestation of a TDX guest, as its guest agent hands it out: SCALE, version 0, the first kind of quote; then quote
/// and event log, and configuration that nothing here relies on.
struct DstackAttestation: Sendable {
  let quote: [UInt8]
  /// As the JSON in which dstack writes its log elsewhere. nil where the firmware's events were left out ("lite"): then it
  /// yields no registers.
  let eventLog: [UInt8]?

  private static let maxEvents = 4096

  /// nil where the bytes are something else.
  init?(parsing bytes: [UInt8]) throws(FieldError) {
    guard bytes.starts(with: [0, 0]) else { return nil }
    var reader = ByteReader(bytes.dropFirst(2), path: "attestation")
    guard let count = try? reader.compact("quote"), let quote = try? reader.bytes(count, "quote"),
      TDXEvidence.isQuote(quote)
    else { return nil }
    self.quote = quote
    let events = try reader.compact("event_log")
    guard events <= Self.maxEvents else {
      throw FieldError(field: "attestation.event_log", expected: "at most \(Self.maxEvents)", actual: "\(events)")
    }
    var log: [JSON] = []
    var registers: Set<UInt32> = []
    for _ in 0..<events {
      let register = try reader.uint32(littleEndian: "imr")
      let type = try reader.uint32(littleEndian: "event_type")
      let digest = try reader.bytes(try reader.compact("digest"), "digest")
      let name = try reader.bytes(try reader.compact("event"), "event")
      let payload = try reader.bytes(try reader.compact("event_payload"), "event_payload")
      registers.insert(register)
      log.append([
        "imr": .integer(Int64(register)), "event_type": .integer(Int64(type)), "digest": .string(Hex.encode(digest)),
        "event": .string(String(decoding: name, as: UTF8.self)), "event_payload": .string(Hex.encode(payload)),
      ])
    }
    eventLog = registers.isSuperset(of: [0, 1, 2]) ? JSON.array(log).canonicalBytes() : nil
  }
}

extension ByteReader {
  /// A compact integer of SCALE, of at most four bytes: a length.
  fileprivate mutating func compact(_ field: String) throws(FieldError) -> Int {
    let first = try uint8(field)
    let more: Int
    switch first & 3 {
    case 0: return Int(first >> 2)
    case 1: more = 1
    case 2: more = 3
    default: throw FieldError(field: field, expected: "a length below 2^30", actual: "a greater one")
    }
    var value = Int(first)
    for index in 1...more { value |= Int(try uint8(field)) << (8 * index) }
    return value >> 2
  }
}
