import CanonicalJSON
import OpenClaims

/// How the fold checks signatures: with the real verifier everywhere but in tests, which may remember its answers.
struct SignatureCheck: Sendable {
  /// The keys whose signature on the claim is valid at a time in seconds, or why there are none.
  var validKeys: @Sendable (Claim, Int64, WebAuthnPolicy?) -> Result<[ClaimKey], ClaimError>

  static let real = SignatureCheck { claim, seconds, policy in
    Result { () throws(ClaimError) in
      try ClaimVerifier().verify(claim, at: seconds, webAuthn: policy).validKeys
    }
  }

  /// Why a signature does not count.
  struct Failure: Error { var why: String }

  /// The claim is signed by its only key, at this time (Unix milliseconds).
  func check(_ claim: Claim, at now: Int64, passkeys: Passkeys?) throws(Failure) {
    switch validKeys(claim, now / 1000, passkeys?.webAuthnPolicy) {
    case .success(let keys):
      guard claim.keys.count == 1, keys == claim.keys else { throw Failure(why: "not signed by its one key") }
    case .failure(let error): throw Failure(why: "\(error)")
    }
  }

  /// Whoever holds the key has agreed to be this signer of this box (docs/formats.md section 2).
  func checkPossession(box: String, signer: String, key: SignerKey, passkeys: Passkeys?) throws(Failure) {
    let claim: Claim
    do throws(ClaimError) {
      let unsigned = try Claim.possession(box: box, signer: signer, key: key.key)
      claim = try unsigned.adding(key.possession, of: key.key)
    } catch {
      throw Failure(why: "\(error)")
    }
    try check(claim, at: 0, passkeys: passkeys)
  }
}

extension Claim {
  /// The claim by which the holder of a key agrees to be a signer of a box. Its signature is the possession proof.
  public static func possession(box: String, signer: String, key: ClaimKey) throws(ClaimError) -> Claim {
    try Claim(
      iss: signer, sub: box,
      stm: ["box": .string(box), "purpose": "possession", "signer": .string(signer)], keys: [key])
  }
}

extension Statement {
  /// The claim by which a signer says something about this proposal, not yet signed. `nonce` is any fresh text; `exp` is
  /// in Unix seconds, at most 30 days after the box records it, and from then on an approval no longer counts.
  public func claim(
    _ verdict: Verdict, by signer: String, key: ClaimKey, nonce: String, exp: Int64
  ) throws(ClaimError) -> Claim {
    try Claim(iss: signer, sub: box, stm: stm(verdict), exp: exp, nce: nonce, keys: [key])
  }
}
