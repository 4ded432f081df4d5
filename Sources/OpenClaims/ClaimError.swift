public import CanonicalJSON
public import Cryptography

/// Why a claim cannot be read, signed or believed.
public enum ClaimError: Error, Hashable, Sendable {
  /// Not JSON, or not the JSON that claims may use.
  case json(JSONError)
  /// A member is missing or not what OpenClaim says.
  case field(FieldError)
  /// The signature text of a key cannot be decoded.
  case malformedSignature(key: ClaimKey, reason: String)
  /// The signature does not belong to this key and these bytes.
  case invalidSignature(key: ClaimKey)
  /// A passkey's assertion is refused.
  case webAuthn(key: ClaimKey, WebAuthnFault)
  /// No key has signed.
  case unsigned
  case notYetValid(nbf: Int64, at: Int64)
  case expired(exp: Int64, at: Int64)
  /// The key that should sign is not among the keys of the claim, which its signed bytes fix.
  case keyNotListed(ClaimKey)
  case alreadySigned(ClaimKey)
  /// A threshold below 1 or above the number of distinct keys.
  case thresholdOutOfRange(threshold: Int, keys: Int)
  /// Fewer keys of the quorum have signed than it needs.
  case belowThreshold(required: Int, actual: Int)
  /// The private key refused to sign.
  case signing(CryptographyError)
}

extension ClaimError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .json(let error): "\(error)"
    case .field(let error): "\(error)"
    case .malformedSignature(let key, let reason): "the signature of \(key) \(reason)"
    case .invalidSignature(let key): "the signature of \(key) does not belong to this claim"
    case .webAuthn(let key, let fault): "the passkey signature of \(key): \(fault)"
    case .unsigned: "nobody has signed"
    case .notYetValid(let nbf, let time): "valid from \(nbf), and it is \(time)"
    case .expired(let exp, let time): "expired at \(exp), and it is \(time)"
    case .keyNotListed(let key): "\(key) is not among the keys of the claim"
    case .alreadySigned(let key): "\(key) has already signed"
    case .thresholdOutOfRange(let threshold, let keys): "a threshold of \(threshold) with \(keys) distinct keys"
    case .belowThreshold(let required, let actual): "\(required) distinct keys must sign, \(actual) have"
    case .signing(let error): "cannot sign: \(error)"
    }
  }
}

extension ClaimError {
  /// A stable name of the reason, for programs: the name of the case, and of the case or field within.
  public var code: String {
    switch self {
    case .json(let error): "json \(error.kind.code)"
    case .field(let error): "field \(error.field)"
    case .malformedSignature: "malformedSignature"
    case .invalidSignature: "invalidSignature"
    case .webAuthn(_, let fault): "webAuthn \(fault.code)"
    case .unsigned: "unsigned"
    case .notYetValid: "notYetValid"
    case .expired: "expired"
    case .keyNotListed: "keyNotListed"
    case .alreadySigned: "alreadySigned"
    case .thresholdOutOfRange: "thresholdOutOfRange"
    case .belowThreshold: "belowThreshold"
    case .signing: "signing"
    }
  }
}
