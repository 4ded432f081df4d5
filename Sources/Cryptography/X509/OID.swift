/// An object identifier (X.690 section 8.19), kept as the content bytes of its encoding.
public struct OID: Sendable, Hashable, CustomStringConvertible {
  /// The greatest number of content bytes that is read.
  public static let maxBytes = 64

  /// The content bytes, without tag and length.
  public let content: [UInt8]

  /// `OID(2, 5, 29, 15)` is `2.5.29.15`. For identifiers that the program itself names: stops the process for fewer than
  /// two numbers, or a first pair that has no encoding.
  public init(_ arcs: UInt64...) {
    precondition(arcs.count >= 2 && arcs[0] <= 2 && (arcs[0] == 2 || arcs[1] < 40), "not an object identifier")
    var bytes: [UInt8] = []
    for arc in [arcs[0] * 40 + arcs[1]] + arcs.dropFirst(2) {
      var digits = [UInt8(arc & 0x7F)]
      var rest = arc >> 7
      while rest > 0 {
        digits.append(UInt8(rest & 0x7F) | 0x80)
        rest >>= 7
      }
      bytes += digits.reversed()
    }
    content = bytes
  }

  /// Reads content bytes: every number in its shortest form, none above 2^63 - 1, at most ``maxBytes`` in all.
  public init(content: some Collection<UInt8>) throws(CryptographyError) {
    guard (1...Self.maxBytes).contains(content.count) else {
      throw .wrongLength(of: "object identifier", expected: "1 to \(Self.maxBytes)", actual: content.count)
    }
    var digits = 0
    for byte in content {
      // A leading digit of zero is a longer form of the same number.
      guard digits > 0 || byte != 0x80 else { throw .notCanonical("object identifier") }
      digits += 1
      guard digits <= 9 else { throw .malformed("object identifier", reason: "a number is longer than 63 bits") }
      if byte & 0x80 == 0 { digits = 0 }
    }
    guard digits == 0 else { throw .malformed("object identifier", reason: "ends inside a number") }
    self.content = [UInt8](content)
  }

  /// The numbers with dots between them.
  public var description: String {
    var arcs: [UInt64] = []
    var value: UInt64 = 0
    for byte in content {
      value = value << 7 | UInt64(byte & 0x7F)
      guard byte & 0x80 == 0 else { continue }
      if arcs.isEmpty {
        let first = min(value / 40, 2)
        arcs = [first, value - first * 40]
      } else {
        arcs.append(value)
      }
      value = 0
    }
    return arcs.map { String($0) }.joined(separator: ".")
  }
}
