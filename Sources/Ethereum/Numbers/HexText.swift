/// Bytes as `0x` and hexadecimal digits: JSON-RPC's "data". Written in lower case, read in either.
public enum HexText {
  /// `0x` and two digits for each byte.
  public static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text = [UInt8]("0x".utf8)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes, or nil where there is no `0x`, an odd number of digits, or anything else.
  public static func decode(_ text: String) -> [UInt8]? {
    guard text.hasPrefix("0x"), text.utf8.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count / 2)
    var high: UInt8?
    for digit in text.utf8.dropFirst(2) {
      guard let value = nibble(digit) else { return nil }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return bytes
  }

  /// The value of one digit.
  public static func nibble(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 48...57: digit - 48
    case 97...102: digit - 87
    case 65...70: digit - 55
    default: nil
    }
  }

  static let digits = [UInt8]("0123456789abcdef".utf8)
}
