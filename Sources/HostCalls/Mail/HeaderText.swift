import Cryptography

/// Texts in mail headers. The header of a message is ASCII with lines of at most 78 bytes; what is not goes into encoded
/// words (RFC 2047) and extended parameters (RFC 2231).
enum HeaderText {
  /// Unstructured text, as of a subject; lines after the first begin with a blank.
  static func unstructured(_ text: String) -> String {
    let isPlain =
      text.utf8.count <= 60 && isPrintable(text) && !text.contains("=?")
      && text.utf8.first != 0x20 && text.utf8.last != 0x20
    return isPlain ? text : encodedWords(text)
  }

  /// A display name before an address.
  static func phrase(_ text: String) -> String {
    guard isPrintable(text), text.utf8.count <= 60, !text.contains("=?") else { return encodedWords(text) }
    return quoted(text)
  }

  /// `; filename="..."`, on a line of its own.
  static func fileName(_ text: String) -> String {
    if isPrintable(text), text.utf8.count <= 60 { return ";\r\n filename=\(quoted(text))" }
    let encoded = text.utf8.map { byte in
      isAttributeByte(byte) ? String(UnicodeScalar(byte)) : "%" + Hex.encode([byte]).uppercased()
    }
    return ";\r\n filename*=UTF-8''" + encoded.joined()
  }

  /// RFC 2047 section 2: at most 75 bytes each, cut between characters.
  private static func encodedWords(_ text: String) -> String {
    var words: [String] = []
    var chunk: [UInt8] = []
    for scalar in text.unicodeScalars {
      let bytes = Array(String(scalar).utf8)
      if chunk.count + bytes.count > 42 {
        words.append(word(chunk))
        chunk = []
      }
      chunk += bytes
    }
    if !chunk.isEmpty { words.append(word(chunk)) }
    return words.joined(separator: "\r\n ")
  }

  private static func word(_ bytes: [UInt8]) -> String { "=?UTF-8?B?\(Base64.encode(bytes))?=" }

  private static func quoted(_ text: String) -> String {
    let escaped = text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }
    return "\"" + escaped.joined() + "\""
  }

  private static func isPrintable(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20...0x7E).contains($0) } }

  // RFC 5987 section 3.2.1.
  private static func isAttributeByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      || "!#$&+-.^_`|~".utf8.contains(byte)
  }
}
