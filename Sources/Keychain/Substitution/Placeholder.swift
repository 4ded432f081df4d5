import Cryptography
import Governance

/// `{{keychain:NAME}}`, with a filter where one is wanted:
///
///     placeholder = "{{keychain:" name [ "|" filter ] "}}"
///     filter      = encoding / "hmac_sha256:" payload [ "|" encoding ]
///     encoding    = "base64" / "base64url" / "hex"
///     payload     = 1*( %x20-7E without "%", "{", "|", "}" / "%" 2HEXDIG )
///
/// The payload is percent-decoded (`encodeURIComponent` writes it) and authenticated under the value; without an encoding
/// after it the code is hexadecimal. There are no blanks, and no text but this begins with `{{keychain:`.
struct Placeholder: Hashable {
  enum Encoding: String, CaseIterable {
    case base64, base64url, hex

    func encode(_ bytes: [UInt8]) -> String {
      switch self {
      case .base64: Base64.encode(bytes)
      case .base64url: Base64.encodeURL(bytes)
      case .hex: Hex.encode(bytes)
      }
    }
  }

  enum Filter: Hashable {
    case encoding(Encoding)
    case hmac(payload: [UInt8], Encoding)
  }

  static let opening = "{{keychain:"
  static let closing = "}}"

  var name: String
  var filter: Filter?

  /// Reads what stands between `{{keychain:` and `}}`.
  init(parsing text: String) throws(SecretFailure) {
    let parts = text.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    name = parts[0]
    guard Name.isValid(name) else {
      throw .malformedPlaceholder(placeholder: Self.shown(text), expected: "a name: 1-64 of a-z 0-9 . _ -")
    }
    let shown = Self.opening + name + Self.closing
    guard parts.count > 1 else { return }
    let prefix = "hmac_sha256:"
    if parts[1].hasPrefix(prefix) {
      guard let payload = Self.payload(parts[1].dropFirst(prefix.count)) else {
        throw .malformedPlaceholder(
          placeholder: shown, expected: "a payload of visible ASCII after hmac_sha256:, all else percent-encoded")
      }
      filter = .hmac(payload: payload, parts.count > 2 ? try Self.encoding(parts[2], shown) : .hex)
    } else {
      filter = .encoding(try Self.encoding(parts[1], shown))
    }
    let most = if case .hmac = filter { 3 } else { 2 }
    guard parts.count <= most else {
      throw .malformedPlaceholder(placeholder: shown, expected: "nothing after the encoding")
    }
  }

  private static func encoding(_ text: String, _ shown: String) throws(SecretFailure) -> Encoding {
    guard let encoding = Encoding(rawValue: text) else {
      throw .unknownFilter(placeholder: shown, filter: Self.cut(text))
    }
    return encoding
  }

  private static func payload(_ text: Substring) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = text.utf8
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(HexDigit.value), let low = rest.popFirst().flatMap(HexDigit.value)
        else { return nil }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "{"), UInt8(ascii: "}"): return nil
      case 0x20...0x7E: bytes.append(byte)
      default: return nil
      }
    }
    return bytes.isEmpty ? nil : bytes
  }

  /// What the value becomes.
  func output(_ value: SecretBytes) -> SecretBytes {
    switch filter {
    case nil: return value
    case .encoding(let encoding):
      return value.withUnsafeBytes { SecretBytes(copying: encoding.encode([UInt8]($0)).utf8) }
    case .hmac(let payload, let encoding):
      let code = HMACSHA256.authenticationCode(for: payload, key: value)
      return SecretBytes(copying: encoding.encode(code).utf8)
    }
  }

  /// A placeholder for an error: short, and nothing that deceives a terminal.
  private static func shown(_ text: String) -> String { opening + cut(text) + closing }

  private static func cut(_ text: String) -> String {
    let visible = text.utf8.prefix(64).filter { (0x21...0x7E).contains($0) }
    return String(decoding: visible, as: UTF8.self)
  }
}

enum HexDigit {
  static func value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
