/// Writes the few DER structures that we make ourselves (X.690 section 10): keys and certificates.
enum DERWriter {
  /// One element: tag, shortest length, content.
  static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
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

  static func sequence(_ elements: [UInt8]...) -> [UInt8] { element(0x30, elements.flatMap { $0 }) }
  static func set(_ one: [UInt8]) -> [UInt8] { element(0x31, one) }
  static func boolean(_ value: Bool) -> [UInt8] { element(0x01, [value ? 0xFF : 0]) }
  static func octetString(_ bytes: [UInt8]) -> [UInt8] { element(0x04, bytes) }
  static func bitString(_ bytes: [UInt8]) -> [UInt8] { element(0x03, [0] + bytes) }
  static func utf8String(_ text: String) -> [UInt8] { element(0x0C, Array(text.utf8)) }
  static let null: [UInt8] = [0x05, 0x00]

  /// A non-negative integer from its big-endian bytes, in the shortest form.
  static func integer(_ magnitude: [UInt8]) -> [UInt8] {
    var digits = [UInt8](magnitude.drop { $0 == 0 })
    if digits.first.map({ $0 & 0x80 != 0 }) ?? true { digits.insert(0, at: 0) }
    return element(0x02, digits)
  }

  /// An object identifier from the content bytes of its encoding.
  static func objectIdentifier(_ content: [UInt8]) -> [UInt8] { element(0x06, content) }
}
