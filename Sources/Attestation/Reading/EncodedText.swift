import CanonicalJSON
import Cryptography

/// Bytes in texts, as tools write them.
enum EncodedText {
  /// The longest file that is taken for a text.
  private static let maxBytes = 4 * TDXQuote.Limits.bytes

  /// A file without its white space, as long as it is ASCII; empty for anything else.
  static func trimmed(_ bytes: [UInt8]) -> String {
    let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
    guard bytes.count <= maxBytes, bytes.allSatisfy({ $0 < 0x80 }) else { return "" }
    let lines = bytes.filter { !isSpace($0) }
    return String(decoding: lines, as: UTF8.self)
  }

  /// Hexadecimal of either case, or base64 of either alphabet, padded or not. nil for anything else and for nothing.
  static func decoded(_ text: String) -> [UInt8]? {
    guard !text.isEmpty else { return nil }
    let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
    if let bytes = Hex.decode(digits.lowercased()) { return bytes }
    if let bytes = Base64.decode(text) { return bytes }
    return Base64.decodeURL(text)
  }
}
