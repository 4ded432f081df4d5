import CanonicalJSON
import Cryptography

/// The syntax of the short texts that name things in entries (docs/formats.md section 1). All are ASCII, so that equal
/// names have equal bytes and sort the same way everywhere.
public enum Name {
  /// Signers, committees, policies and clients: 1-64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
  public static func isValid(_ text: String) -> Bool {
    let bytes = text.utf8
    guard let first = bytes.first, bytes.count <= 64, isLetterOrDigit(first) else { return false }
    return bytes.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: ".") || isJoiner($0) }
  }

  /// Action types: 2-5 lower-case words joined by dots, at most 64 characters.
  public static func isActionType(_ text: String) -> Bool {
    guard text.utf8.count <= 64 else { return false }
    let words = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return (2...5).contains(words.count) && words.allSatisfy(isWord)
  }

  /// One word of an action type: a lower-case letter, then letters, digits, `_` or `-`.
  static func isWord(_ word: Substring.UTF8View) -> Bool {
    guard let first = word.first, isLetter(first) else { return false }
    return word.allSatisfy { isLetterOrDigit($0) || isJoiner($0) }
  }

  /// A box's name, which is the origin of its log and the name of its keys: 1-255 visible ASCII characters without `+`,
  /// which separates the parts of a verifier key (C2SP signed-note).
  public static func isOrigin(_ text: String) -> Bool {
    let bytes = text.utf8
    return (1...255).contains(bytes.count)
      && bytes.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "+") }
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
  private static func isJoiner(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") }
}

/// Fields of the kinds that entries share.
extension ObjectReader {
  /// The name of a signer, committee, policy or client.
  mutating func name(_ field: String) throws(FieldError) -> String {
    try Name.checked(string(field, maxBytes: 256), at: pathOf(field))
  }

  /// A box's name.
  mutating func origin(_ field: String) throws(FieldError) -> String {
    let text = try string(field, maxBytes: 1024)
    guard Name.isOrigin(text) else {
      throw FieldError(field: pathOf(field), expected: "the name of a box", actual: JSON.string(text).summary)
    }
    return text
  }

  /// A digest: 64 lower-case hexadecimal digits.
  mutating func digest(_ field: String) throws(FieldError) -> SHA256Digest {
    try SHA256Digest(field: .string(string(field, maxBytes: 256)), at: pathOf(field))
  }

  /// A digest, or nil when the member is absent.
  mutating func optionalDigest(_ field: String) throws(FieldError) -> SHA256Digest? {
    guard let text = try optionalString(field, maxBytes: 256) else { return nil }
    return try SHA256Digest(field: .string(text), at: pathOf(field))
  }

  /// A time in Unix milliseconds.
  mutating func time(_ field: String) throws(FieldError) -> Int64 {
    try integer(field, in: 0...JSON.maxSafeInteger)
  }

  /// An array of distinct names.
  mutating func names(_ field: String, maxCount: Int) throws(FieldError) -> [String] {
    var names: [String] = []
    for (index, value) in try array(field, maxCount: maxCount).enumerated() {
      let path = "\(pathOf(field))[\(index)]"
      guard let text = value.string else {
        throw FieldError(field: path, expected: "a name", actual: value.summary)
      }
      let name = try Name.checked(text, at: path)
      guard !names.contains(name) else {
        throw FieldError(field: path, expected: "a name given once", actual: "\(name) again")
      }
      names.append(name)
    }
    return names
  }
}

extension Name {
  static func checked(_ text: String, at path: String) throws(FieldError) -> String {
    guard isValid(text) else {
      throw FieldError(
        field: path, expected: "a name: 1-64 of a-z 0-9 . _ -", actual: JSON.string(text).summary)
    }
    return text
  }
}

extension SHA256Digest {
  /// Reads a digest that stands at `path` of a document.
  init(field value: JSON, at path: String) throws(FieldError) {
    guard let text = value.string, let digest = SHA256Digest(hex: text) else {
      throw FieldError(
        field: path, expected: "a digest of 64 lower-case hexadecimal digits", actual: value.summary)
    }
    self = digest
  }

  /// The digest of the canonical bytes of a document (RFC 8785).
  public static func of(_ json: JSON) -> SHA256Digest { SHA256.hash(json.canonicalBytes()) }
}
