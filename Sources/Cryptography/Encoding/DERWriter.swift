/// Writes the few DER structures that we make ourselves (X.690 section 10): keys and certificates.
public enum DERWriter {
  /// One element: tag, shortest length, content.
  public static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    var length: [UInt8] = []
    if content.count < 0x80 {
      length = [UInt8(content.count)]
    } else {
      var rest = content.count
      while rest > 0 {
        length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
        rest >>= 8
      }
      length.insert(0x80 | UInt8(length.count), at: 0)
    }
    return [tag] + length + content
  }

  /// SEQUENCE of encoded elements.
  public static func sequence(_ elements: [UInt8]...) -> [UInt8] { element(0x30, elements.flatMap { $0 }) }
  /// SET of one encoded element.
  public static func set(_ one: [UInt8]) -> [UInt8] { element(0x31, one) }
  public static func boolean(_ value: Bool) -> [UInt8] { element(0x01, [value ? 0xFF : 0]) }
  public static func octetString(_ bytes: [UInt8]) -> [UInt8] { element(0x04, bytes) }
  public static func bitString(_ bytes: [UInt8]) -> [UInt8] { element(0x03, [0] + bytes) }
  public static func utf8String(_ text: String) -> [UInt8] { element(0x0C, Array(text.utf8)) }
  public static let null: [UInt8] = [0x05, 0x00]

  /// A non-negative integer from its big-endian bytes, in the shortest form.
  public static func integer(_ magnitude: [UInt8]) -> [UInt8] {
    var digits = [UInt8](magnitude.drop { $0 == 0 })
    if digits.first.map({ $0 & 0x80 != 0 }) ?? true { digits.insert(0, at: 0) }
    return element(0x02, digits)
  }

  /// BIT STRING of named bits, the first bit lowest, without trailing zeros (X.690 section 11.2.2).
  public static func namedBits(_ bits: UInt32) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4)
    for bit in 0..<32 where bits & (1 << UInt32(bit)) != 0 { bytes[bit / 8] |= 0x80 >> UInt8(bit % 8) }
    while bytes.last == 0 { bytes.removeLast() }
    return element(0x03, [UInt8(bytes.last?.trailingZeroBitCount ?? 0)] + bytes)
  }

  /// An object identifier.
  public static func objectIdentifier(_ identifier: OID) -> [UInt8] { element(0x06, identifier.content) }

  /// An object identifier from the content bytes of its encoding.
  public static func objectIdentifier(_ content: [UInt8]) -> [UInt8] { element(0x06, content) }
}
