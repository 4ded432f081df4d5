/// Why a secret was not stored, not found or not given. Names what was asked for; never holds a value.
public enum SecretFailure: Error, Sendable, Hashable, CustomStringConvertible {
  /// What stands between the braces is no placeholder: `expected` says what is.
  case malformedPlaceholder(placeholder: String, expected: String)
  case unknownFilter(placeholder: String, filter: String)
  /// The community has no secret of the name.
  case unknown(name: String)
  /// The secret is not for this host.
  case unboundHost(name: String, host: String)
  /// A key is never put into a text.
  case isKey(name: String)
  case tooManyPlaceholders(limit: Int)
  /// The text would become longer than is reasonable.
  case tooLong(limit: Int)
  case invalidName(field: String, String)
  /// A text that is no UTF-8.
  case valueIsNoText
  case invalidHosts(String)
  /// A value shorter than this cannot be told from ordinary text, and so could not be redacted.
  case valueTooShort(bytes: Int, minimum: Int)
  case valueTooLong(bytes: Int, limit: Int)
  case tooManySecrets(limit: Int)
  /// The row was sealed under another key, for another community or name, or tampered with.
  case doesNotOpen(reference: String)
  /// The store cannot be read or written. The reason is the operator's matter; see ``Keychain``.
  case unavailable

  /// For `HostCallError.code`.
  public var code: String {
    switch self {
    case .unknown: "no_secret"
    case .unboundHost, .isKey: "not_granted"
    case .doesNotOpen, .unavailable: "failed"
    default: "bad_argument"
    }
  }

  public var description: String {
    switch self {
    case .malformedPlaceholder(let placeholder, let expected): "\(placeholder): expected \(expected)"
    case .unknownFilter(let placeholder, let filter):
      "\(placeholder): there is no filter \(filter); there are base64, base64url, hex and hmac_sha256:PAYLOAD"
    case .unknown(let name): "the community has no secret \(name)"
    case .unboundHost(let name, let host): "the secret \(name) is not bound to \(host)"
    case .isKey(let name): "the secret \(name) is a key, and keys are never put into a text"
    case .tooManyPlaceholders(let limit): "more than \(limit) placeholders in one text"
    case .tooLong(let limit): "the text with its secrets has more than \(limit) bytes"
    case .invalidName(let field, let name): "\(field): \(name) is not a name: 1-64 of a-z 0-9 . _ -"
    case .valueIsNoText: "the value is no UTF-8 text"
    case .invalidHosts(let why): why
    case .valueTooShort(let bytes, let minimum):
      "the value has \(bytes) bytes; with fewer than \(minimum) it could not be redacted from what comes back"
    case .valueTooLong(let bytes, let limit): "the value has \(bytes) bytes, at most \(limit) are kept"
    case .tooManySecrets(let limit): "the community has \(limit) secrets already"
    case .doesNotOpen(let reference): "the secret \(reference) does not open with this box's key"
    case .unavailable: "the keychain cannot be read"
    }
  }
}
