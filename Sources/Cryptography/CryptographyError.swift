/// Why bytes were refused by a parser, a key constructor or an authenticated cipher.
///
/// Signature checks do not throw: a signature is valid or it is not.
public enum CryptographyError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A field has the wrong number of bytes.
  case wrongLength(of: String, expected: String, actual: Int)
  /// The bytes are not the structure they should be.
  case malformed(String, reason: String)
  /// The bytes decode, but are not the one encoding that is allowed.
  case notCanonical(String)
  /// A key of another algorithm, curve or strength than the type stands for.
  case unsupportedKey(expected: String, actual: String)
  /// A number outside its range, a point that is not on its curve.
  case invalidKey(String)
  /// The tag does not match: wrong key, wrong associated data, or altered bytes.
  case authenticationFailed
  /// Key agreement yielded the all-zero secret, so the peer's point has small order (RFC 7748 section 6.1).
  case weakSharedSecret
  /// The library refused an operation that valid arguments allow; the text names the operation.
  case libraryFailure(String)

  public var description: String {
    switch self {
    case .wrongLength(let field, let expected, let actual): "\(field): expected \(expected) bytes, found \(actual)"
    case .malformed(let field, let reason): "\(field): \(reason)"
    case .notCanonical(let field): "\(field): not the canonical encoding"
    case .unsupportedKey(let expected, let actual): "expected a key of \(expected), found \(actual)"
    case .invalidKey(let reason): "invalid key: \(reason)"
    case .authenticationFailed: "authentication failed: wrong key, wrong associated data or altered bytes"
    case .weakSharedSecret: "key agreement yielded the all-zero secret"
    case .libraryFailure(let operation): "the cryptographic library refused: \(operation)"
    }
  }
}
