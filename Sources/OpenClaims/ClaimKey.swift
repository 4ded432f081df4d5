public import CanonicalJSON
public import Cryptography

/// A public key as a claim writes it: `data:key/es256;base64,<SPKI DER>` or `data:key/webauthn;base64,<SPKI DER>`.
///
/// Two keys are equal when their bytes are, whatever their texts: whoever counts keys in a set counts keyholders' keys
/// and not spellings. Compare ``algorithm`` too where it matters how the key must sign.
public struct ClaimKey: Sendable {
  /// How the key signs.
  public enum Algorithm: String, Sendable, Hashable, CaseIterable {
    /// ECDSA P-256 over the SHA-256 of the claim's signed bytes.
    case es256
    /// A passkey: an assertion whose challenge is the claim's digest (W3C WebAuthn Level 2).
    case webauthn
  }

  /// The text as it was read; it is part of the signed bytes.
  public let text: String
  public let algorithm: Algorithm
  public let publicKey: P256.PublicKey

  /// The key in its usual text.
  public init(_ publicKey: P256.PublicKey, algorithm: Algorithm = .es256) {
    text = "data:key/\(algorithm.rawValue);base64,\(Base64.encode(publicKey.spkiDER))"
    self.algorithm = algorithm
    self.publicKey = publicKey
  }

  /// Reads a `data:` key, in `base64` or (unpadded) `base64url`. Keys that are a reference, such as
  /// `https://...#member`, are refused: verification never fetches anything. `path` names the field in errors.
  public init(parsing text: String, path: String = "key") throws(FieldError) {
    guard text.utf8.count <= 256 else {
      throw FieldError(field: path, expected: "a key of at most 256 bytes", actual: "\(text.utf8.count) bytes")
    }
    guard let (algorithm, encoding, data) = Self.split(text) else {
      throw FieldError(
        field: path, expected: "data:key/es256;base64,... or data:key/webauthn;base64,...", actual: Self.shortened(text)
      )
    }
    let decoded: [UInt8]? =
      switch encoding {
      case "base64": Base64.decode(data)
      case "base64url": Base64.decodeURL(data)
      default: nil
      }
    guard let decoded else {
      throw FieldError(field: path, expected: "a P-256 key in canonical base64", actual: Self.shortened(text))
    }
    do throws(CryptographyError) {
      publicKey = try DecodedKeys.shared.key(spkiDER: decoded)
    } catch {
      throw FieldError(field: path, expected: "a P-256 SubjectPublicKeyInfo", actual: error.description)
    }
    self.text = text
    self.algorithm = algorithm
  }

  private static func split(_ text: String) -> (Algorithm, Substring, Substring)? {
    for algorithm in Algorithm.allCases {
      let prefix = "data:key/\(algorithm.rawValue);"
      guard text.utf8.starts(with: prefix.utf8) else { continue }
      let rest = text.utf8.dropFirst(prefix.utf8.count)
      guard let comma = rest.firstIndex(of: UInt8(ascii: ",")) else { return nil }
      return (algorithm, text[rest.startIndex..<comma], text[rest.index(after: comma)...])
    }
    return nil
  }

  /// Enough of an untrusted text for an error message, in printable ASCII.
  private static func shortened(_ text: String) -> String {
    let head = text.utf8.prefix(48).map { (0x20...0x7E).contains($0) ? Character(Unicode.Scalar($0)) : "?" }
    return String(head) + (text.utf8.count > 48 ? "..." : "")
  }
}

extension ClaimKey: Hashable, CustomStringConvertible {
  public static func == (left: ClaimKey, right: ClaimKey) -> Bool { left.publicKey == right.publicKey }
  public func hash(into hasher: inout Hasher) { hasher.combine(publicKey) }

  /// The text.
  public var description: String { text }
}
