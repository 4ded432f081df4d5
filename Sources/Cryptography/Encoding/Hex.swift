/// Lower-case hexadecimal (RFC 4648 section 8, but one case only, so that each byte string has one text).
public enum Hex {
  /// The bytes as lower-case digits, two per byte.
  public static func encode(_ bytes: [UInt8]) -> String {
    bytes.withUnsafeBytes { encode($0) }
  }

  /// The bytes as lower-case digits, two per byte.
  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    encode([UInt8](bytes))
  }

  /// The bytes as lower-case digits, two per byte.
  public static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
    String(unsafeUninitializedCapacity: bytes.count * 2) { text in
      var position = 0
      for byte in bytes {
        text.initializeElement(at: position, to: digit(byte >> 4))
        text.initializeElement(at: position + 1, to: digit(byte & 15))
        position += 2
      }
      return position
    }
  }

  /// The bytes of a text, or nil when it has an odd length or anything but `0-9a-f`.
  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    var copy = String(text)
    return copy.withUTF8 { decode(utf8: $0) }
  }

  static func decode(utf8 text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    guard text.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    var position = 0
    while position < text.count {
      guard let high = value(text[position]), let low = value(text[position + 1]) else { return nil }
      bytes.append(high << 4 | low)
      position += 2
    }
    return bytes
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? 0x30 + value : 0x57 + value
  }

  private static func value(_ character: UInt8) -> UInt8? {
    switch character {
    case 0x30...0x39: character - 0x30
    case 0x61...0x66: character - 0x57
    default: nil
    }
  }
}
