/// Checks a claim's window of validity and every signature that it carries. Fetches nothing and reads no clock.
public struct ClaimVerifier: Sendable {
  public init() {}

  /// The claim as ``Verified``, or why not.
  ///
  /// A claim holds at `seconds` (since 1970) when `nbf <= seconds < exp`. Every signature that is present must be valid:
  /// one that is not makes the claim a forgery or a mistake, and either is worth stopping for. Keys without a
  /// signature are left out of ``Verified/validKeys``; whether the rest suffices is for a ``KeyQuorum`` or a policy to
  /// say. Without a `webAuthn` policy passkeys are refused.
  public func verify(
    _ claim: Claim, at seconds: Int64, webAuthn: WebAuthnPolicy? = nil
  ) throws(ClaimError) -> Verified<Claim> {
    if let nbf = claim.nbf, seconds < nbf { throw .notYetValid(nbf: nbf, at: seconds) }
    if let exp = claim.exp, seconds >= exp { throw .expired(exp: exp, at: seconds) }
    var valid: [ClaimKey] = []
    for (key, text) in zip(claim.keys, claim.signatures) {
      guard let text else { continue }
      switch key.algorithm {
      case .es256: try ES256Signature.check(text, key: key, digest: claim.digest)
      case .webauthn:
        do throws(WebAuthnFault) {
          guard let webAuthn else { throw .noPolicy }
          let assertion = try WebAuthnAssertion(parsing: text)
          try assertion.check(digest: claim.digest, key: key.publicKey, policy: webAuthn)
        } catch {
          throw .webAuthn(key: key, error)
        }
      }
      valid.append(key)
    }
    if valid.isEmpty { throw .unsigned }
    return Verified(claim, validKeys: valid, time: seconds)
  }
}
