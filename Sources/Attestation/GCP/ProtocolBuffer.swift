import CanonicalJSON
import Cryptography

/// One message in Protocol Buffers' wire format (protobuf.dev, "Encoding"), read strictly: the shortest varints, lengths that
/// fit, no groups and no fixed-width fields, and whoever asks for fields names all that there may be.
///
/// Limits: those of ``Evidence/maxBytes`` and ``maxFields``.
struct ProtocolBuffer {
  static let maxFields = 1024

  enum Value {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  let path: String
  private let fields: [(number: UInt64, value: Value)]

  /// Splits a message into fields and refuses those that are not in `known`.
  init(_ bytes: ArraySlice<UInt8>, known: Set<UInt64>, path: String) throws(FieldError) {
    self.path = path
    var reader = Reader(bytes: bytes, path: path)
    var fields: [(UInt64, Value)] = []
    while !reader.bytes.isEmpty {
      let key = try reader.varint("key")
      let number = key >> 3
      guard known.contains(number) else {
        throw FieldError(field: path, expected: "fields that are known", actual: "field \(number)")
      }
      guard fields.count < Self.maxFields else {
        throw FieldError(field: path, expected: "at most \(Self.maxFields) fields", actual: "more")
      }
      switch key & 7 {
      case 0: fields.append((number, .number(try reader.varint("\(number)"))))
      case 2: fields.append((number, .bytes(try reader.sized("\(number)"))))
      default: throw FieldError(field: path, expected: "wire type 0 or 2", actual: "\(key & 7)")
      }
    }
    self.fields = fields
  }

  private func name(_ number: UInt64) -> String { "\(path).\(number)" }

  /// The contents of a repeated field of bytes or messages, in order.
  func all(_ number: UInt64) throws(FieldError) -> [ArraySlice<UInt8>] {
    var found: [ArraySlice<UInt8>] = []
    for field in fields where field.number == number {
      guard case .bytes(let bytes) = field.value else {
        throw FieldError(field: name(number), expected: "bytes", actual: "a number")
      }
      found.append(bytes)
    }
    return found
  }

  /// A field of bytes; nil where it is absent. One that is there twice would be read differently by different readers.
  func bytes(_ number: UInt64) throws(FieldError) -> [UInt8]? {
    let found = try all(number)
    guard found.count <= 1 else {
      throw FieldError(field: name(number), expected: "one value", actual: "\(found.count)")
    }
    return found.first.map { [UInt8]($0) }
  }

  /// A number; nil where it is absent, which in version 3 of the language means zero.
  func number(_ number: UInt64) throws(FieldError) -> UInt64? {
    let found = fields.filter { $0.number == number }
    guard found.count <= 1 else {
      throw FieldError(field: name(number), expected: "one value", actual: "\(found.count)")
    }
    guard let value = found.first?.value else { return nil }
    guard case .number(let read) = value else {
      throw FieldError(field: name(number), expected: "a number", actual: "bytes")
    }
    return read
  }

  private struct Reader {
    var bytes: ArraySlice<UInt8>
    let path: String

    mutating func varint(_ field: String) throws(FieldError) -> UInt64 {
      var value: UInt64 = 0
      for position in 0..<10 {
        guard let byte = bytes.popFirst() else {
          throw FieldError(field: "\(path).\(field)", expected: "a varint", actual: "its end")
        }
        // The tenth byte has one bit of 64, and a last byte of zero says in more bytes what fewer would have said.
        guard position < 9 || byte <= 1, position == 0 || byte != 0 else { break }
        value |= UInt64(byte & 0x7F) << UInt64(7 * position)
        if byte & 0x80 == 0 { return value }
      }
      throw FieldError(field: "\(path).\(field)", expected: "a varint in its shortest form", actual: "another")
    }

    mutating func sized(_ field: String) throws(FieldError) -> ArraySlice<UInt8> {
      let count = try varint(field)
      guard count <= UInt64(bytes.count) else {
        throw FieldError(field: "\(path).\(field)", expected: "\(count) bytes", actual: "\(bytes.count) bytes")
      }
      defer { bytes = bytes.dropFirst(Int(count)) }
      return bytes.prefix(Int(count))
    }
  }
}
