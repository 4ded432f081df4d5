/// Why an assertion is refused. Sections are those of W3C Web Authentication Level 2.
public enum WebAuthnFault: Error, Hashable, Sendable {
  /// Nobody said which relying party and origins to accept.
  case noPolicy
  /// The `sig` value is not base64 of JCS `{authenticatorData, clientDataJSON, signature}`.
  case malformedEnvelope(String)
  /// `clientDataJSON` is not the object of section 5.8.1.
  case malformedClientData(String)
  case wrongType(expected: String, actual: String)
  /// The challenge is not the digest of this claim: the assertion was made for something else.
  case wrongChallenge(expected: String, actual: String)
  case wrongOrigin(expected: [String], actual: String)
  /// Made in a frame of another site, which can lie about what the person sees.
  case crossOrigin
  /// Authenticator data that contradicts section 6.1.
  case malformedAuthenticatorData(String)
  case wrongRelyingParty(expected: String, actual: String)
  case userNotPresent
  case userNotVerified
  case malformedSignature
  case invalidSignature
}

extension WebAuthnFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noPolicy: "passkeys are not accepted here"
    case .malformedEnvelope(let reason): "malformed envelope: \(reason)"
    case .malformedClientData(let reason): "malformed client data: \(reason)"
    case .wrongType(let expected, let actual): "made for \(actual), not for \(expected)"
    case .wrongChallenge(let expected, let actual): "signs the challenge \(actual), not \(expected)"
    case .wrongOrigin(let expected, let actual): "made at \(actual), not at \(expected.joined(separator: " or "))"
    case .crossOrigin: "made in a frame of another origin"
    case .malformedAuthenticatorData(let reason): "malformed authenticator data: \(reason)"
    case .wrongRelyingParty(let expected, let actual): "made for relying party \(actual), not \(expected)"
    case .userNotPresent: "the device saw nobody (UP)"
    case .userNotVerified: "the device did not verify the person (UV)"
    case .malformedSignature: "the signature is not strict DER"
    case .invalidSignature: "the signature does not belong to the assertion"
    }
  }
}

extension WebAuthnFault {
  /// A stable name of the reason, for programs: the name of the case.
  public var code: String {
    switch self {
    case .noPolicy: "noPolicy"
    case .malformedEnvelope: "malformedEnvelope"
    case .malformedClientData: "malformedClientData"
    case .wrongType: "wrongType"
    case .wrongChallenge: "wrongChallenge"
    case .wrongOrigin: "wrongOrigin"
    case .crossOrigin: "crossOrigin"
    case .malformedAuthenticatorData: "malformedAuthenticatorData"
    case .wrongRelyingParty: "wrongRelyingParty"
    case .userNotPresent: "userNotPresent"
    case .userNotVerified: "userNotVerified"
    case .malformedSignature: "malformedSignature"
    case .invalidSignature: "invalidSignature"
    }
  }
}
