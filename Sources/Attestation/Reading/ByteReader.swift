public import CanonicalJSON
import Cryptography

/// Reads fixed binary layouts: every length is checked before anything is taken, and `finish` refuses what is left over.
public struct ByteReader: Sendable {
  private let bytes: ArraySlice<UInt8>
  private var position: Int
  /// Prefix of the fields in errors.
  public let path: String

  public init(_ bytes: ArraySlice<UInt8>, path: String = "") {
    self.bytes = bytes
    self.path = path
    position = bytes.startIndex
  }

  public init(_ bytes: [UInt8], path: String = "") { self.init(bytes[...], path: path) }

  /// Bytes not yet read.
  public var remaining: Int { bytes.endIndex - position }
  /// Bytes already read.
  public var offset: Int { position - bytes.startIndex }
  /// What was read from that offset on, as it was written.
  func read(from start: Int) -> ArraySlice<UInt8> { bytes[bytes.startIndex + start..<position] }

  private func name(_ field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }

  /// The next `count` bytes.
  public mutating func slice(_ count: Int, _ field: String) throws(FieldError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= remaining else {
      throw FieldError(field: name(field), expected: "\(count) bytes", actual: "\(remaining) bytes")
    }
    defer { position += count }
    return bytes[position..<position + count]
  }

  public mutating func bytes(_ count: Int, _ field: String) throws(FieldError) -> [UInt8] {
    [UInt8](try slice(count, field))
  }

  /// Everything that is left.
  public mutating func rest() -> [UInt8] {
    defer { position = bytes.endIndex }
    return [UInt8](bytes[position...])
  }

  public mutating func uint8(_ field: String) throws(FieldError) -> UInt8 {
    var value: UInt8 = 0
    for byte in try slice(1, field) { value = byte }
    return value
  }

  public mutating func uint16(bigEndian field: String) throws(FieldError) -> UInt16 { try big(2, field) }
  public mutating func uint32(bigEndian field: String) throws(FieldError) -> UInt32 { try big(4, field) }
  public mutating func uint64(bigEndian field: String) throws(FieldError) -> UInt64 { try big(8, field) }
  public mutating func uint16(littleEndian field: String) throws(FieldError) -> UInt16 { try little(2, field) }
  public mutating func uint32(littleEndian field: String) throws(FieldError) -> UInt32 { try little(4, field) }
  public mutating func uint64(littleEndian field: String) throws(FieldError) -> UInt64 { try little(8, field) }

  private mutating func big<Value: FixedWidthInteger>(_ count: Int, _ field: String) throws(FieldError) -> Value {
    try slice(count, field).reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
  }

  private mutating func little<Value: FixedWidthInteger>(_ count: Int, _ field: String) throws(FieldError) -> Value {
    try slice(count, field).reversed().reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
  }

  /// A two-byte big-endian length of at most `max`, then as many bytes (TPM2B).
  public mutating func sized16(_ field: String, max: Int) throws(FieldError) -> [UInt8] {
    let count = Int(try uint16(bigEndian: field))
    guard count <= max else {
      throw FieldError(field: name(field), expected: "at most \(max) bytes", actual: "\(count) bytes")
    }
    return try bytes(count, field)
  }

  /// `count` reserved bytes, which must be zero.
  public mutating func zeros(_ count: Int, _ field: String) throws(FieldError) {
    let found = try slice(count, field)
    guard found.allSatisfy({ $0 == 0 }) else {
      throw FieldError(
        field: name(field), expected: "\(count) zero bytes", actual: Hex.encode([UInt8](found.prefix(64))))
    }
  }

  /// Refuses what is left.
  public func finish() throws(FieldError) {
    guard remaining == 0 else {
      throw FieldError(field: name("end"), expected: "nothing more", actual: "\(remaining) further bytes")
    }
  }
}
