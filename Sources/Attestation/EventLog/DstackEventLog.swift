import CanonicalJSON
import Cryptography

/// dstack's event log of a TDX guest: a JSON array of `{"imr","event_type","digest","event","event_payload"}`.
///
/// Events of the running guest (type 0x08000001) are named, and their digest is recomputed: SHA-384 over type (four bytes,
/// little-endian), `:`, name, `:`, payload. Newer logs leave such digests out, and the payloads of firmware events.
enum DstackEventLog {
  static func read(_ bytes: [UInt8]) throws(FieldError) -> EventLog {
    let json: JSON
    do { json = try JSON(parsing: bytes, limits: .document(maxBytes: EventLog.Limits.bytes)) } catch {
      throw FieldError(field: "eventLog", expected: "JSON", actual: "\(error)")
    }
    guard let array = json.array, (1...EventLog.Limits.events).contains(array.count) else {
      throw FieldError(
        field: "eventLog", expected: "an array of 1 to \(EventLog.Limits.events) events", actual: json.summary)
    }
    var events: [LoggedEvent] = []
    for (index, json) in array.enumerated() { events.append(try event(json, path: "event[\(index)]")) }
    return EventLog(form: .dstack, banks: [.sha384], events: events)
  }

  private static func event(_ json: JSON, path: String) throws(FieldError) -> LoggedEvent {
    // Members that later versions add are passed over: all that is used is held against a register.
    var reader = try ObjectReader(json, path: path)
    let register = Int(try reader.integer("imr", in: 0...3))
    let number = try reader.integer("event_type", in: 0...0xffff_ffff)
    let type = EventType(rawValue: UInt32(truncatingIfNeeded: number))
    let name = try reader.string("event", maxBytes: 1024)
    let payload = try hex(&reader, "event_payload", maxBytes: 1 << 20)
    let digest = try hex(&reader, "digest", maxBytes: 48)
    guard digest.isEmpty || digest.count == 48 else {
      throw FieldError(field: reader.pathOf("digest"), expected: "48 bytes or none", actual: "\(digest.count) bytes")
    }
    guard type == .dstackRuntime else {
      guard !digest.isEmpty || type == .noAction else {
        throw FieldError(field: reader.pathOf("digest"), expected: "48 bytes", actual: "none")
      }
      return LoggedEvent(
        register: register, type: type, digests: [.sha384: digest], data: payload.isEmpty ? nil : payload)
    }
    let computed = SHA384.hash(preimage(type: type, name: name, payload: payload))
    guard digest.isEmpty || digest == computed else {
      throw FieldError(
        field: reader.pathOf("digest"), expected: Hex.encode(computed), actual: Hex.encode(digest))
    }
    return LoggedEvent(
      register: register, type: type, digests: [.sha384: computed], data: payload, label: name)
  }

  static func preimage(type: EventType, name: String, payload: [UInt8]) -> [UInt8] {
    let number = stride(from: 0, through: 24, by: 8).map { UInt8(truncatingIfNeeded: type.rawValue >> UInt32($0)) }
    return number + [UInt8(ascii: ":")] + [UInt8](name.utf8) + [UInt8(ascii: ":")] + payload
  }

  private static func hex(_ reader: inout ObjectReader, _ name: String, maxBytes: Int) throws(FieldError) -> [UInt8] {
    let text = try reader.string(name, maxBytes: maxBytes * 2)
    guard let bytes = Hex.decode(text) else {
      throw FieldError(
        field: reader.pathOf(name), expected: "lower-case hexadecimal", actual: JSON.string(text).summary)
    }
    return bytes
  }
}
