/// The DER form of an ECDSA signature, `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 section 2.2.3, X.690 section 10).
///
/// Strict: one byte string for each pair. BER lengths, padded or negative integers and bytes after the end are
/// refused; a lenient reader would let anyone restate a signature in other bytes.
enum DERSignature {
  /// The magnitudes of r and s without leading zeros, each of 1 to `scalarCount` bytes and not zero.
  static func decode(
    _ bytes: [UInt8], scalarCount: Int
  ) throws(CryptographyError) -> (r: ArraySlice<UInt8>, s: ArraySlice<UInt8>) {
    var rest = bytes[...]
    guard rest.popFirst() == 0x30 else { throw malformed("is not a DER sequence") }
    let count = try length(&rest)
    guard count == rest.count else { throw malformed("sequence of \(count) bytes, but \(rest.count) follow") }
    let r = try integer(&rest, scalarCount: scalarCount)
    let s = try integer(&rest, scalarCount: scalarCount)
    guard rest.isEmpty else { throw malformed("\(rest.count) bytes follow the second integer") }
    return (r, s)
  }

  /// The DER form of two big-endian magnitudes of equal length.
  static func encode(r: ArraySlice<UInt8>, s: ArraySlice<UInt8>) -> [UInt8] {
    let integers = encode(integer: r) + encode(integer: s)
    // P-384 needs at most 104 bytes: the length always fits one byte or, in theory, the 0x81 form.
    let header: [UInt8] =
      integers.count < 0x80 ? [0x30, UInt8(integers.count)] : [0x30, 0x81, UInt8(truncatingIfNeeded: integers.count)]
    return header + integers
  }

  private static func encode(integer magnitude: ArraySlice<UInt8>) -> [UInt8] {
    var digits = magnitude.drop { $0 == 0 }
    if digits.isEmpty || digits[digits.startIndex] & 0x80 != 0 { digits = [0] + digits }
    return [0x02, UInt8(truncatingIfNeeded: digits.count)] + digits
  }

  private static func length(_ rest: inout ArraySlice<UInt8>) throws(CryptographyError) -> Int {
    guard let first = rest.popFirst() else { throw malformed("ends before a length") }
    // Nothing here is as long as 128 bytes, and DER allows no longer form than needed.
    guard first < 0x80 else { throw malformed("a length is not in its shortest form") }
    return Int(first)
  }

  private static func integer(
    _ rest: inout ArraySlice<UInt8>, scalarCount: Int
  ) throws(CryptographyError) -> ArraySlice<UInt8> {
    guard rest.popFirst() == 0x02 else { throw malformed("an integer is missing") }
    let count = try length(&rest)
    guard count > 0 else { throw malformed("an integer is empty") }
    guard count <= rest.count else { throw malformed("an integer of \(count) bytes, but \(rest.count) follow") }
    var digits = rest.prefix(count)
    rest = rest.dropFirst(count)
    guard let first = digits.first, first & 0x80 == 0 else { throw malformed("an integer is negative") }
    if first == 0 {
      digits = digits.dropFirst()
      guard let second = digits.first else { throw malformed("an integer is zero") }
      guard second & 0x80 != 0 else { throw malformed("an integer has a leading zero") }
    }
    guard digits.count <= scalarCount else { throw malformed("an integer is longer than \(scalarCount) bytes") }
    return digits
  }

  private static func malformed(_ reason: String) -> CryptographyError {
    .malformed("DER signature", reason: reason)
  }
}
