import CanonicalJSON
import Governance
import OpenClaims

/// Verifies the claims of one step; failures have that step's codes.
struct ClaimCheck {
  let step: StepID

  private func failure(_ reason: String, _ expected: String, _ actual: String) -> CheckFailure {
    CheckFailure("\(step.rawValue).\(reason)", expected: expected, actual: actual)
  }

  /// Holds a claim against the statement that its entry is about.
  func read(
    _ json: JSON, _ verdict: Verdict, _ statement: Statement, by signer: String, at now: Int64
  ) throws(CheckFailure) -> VoteClaim {
    do {
      return try VoteClaim(json, verdict, of: statement, by: signer, at: now)
    } catch {
      switch error {
      case .malformed(let why): throw failure("malformed", "a claim", why)
      case .issuer(let expected, let actual): throw failure("issuer", expected, actual)
      case .subject(let expected, let actual): throw failure("subject", expected, actual)
      case .statement(let field, let expected, let actual): throw failure(field, expected, actual)
      case .keys(let expected, let actual): throw failure("keys", "\(expected)", "\(actual)")
      case .nonceMissing: throw failure("nonce", "a nonce", "none")
      case .expiryMissing: throw failure("expiry-missing", "an expiry", "none")
      case .expiryTooFar(let limit, let actual):
        throw failure(
          "expiry-too-far", "at most \(PlainWords.time(limit * 1000))", PlainWords.time(actual.clampedMilliseconds))
      default: throw failure("malformed", "a claim", "\(error)")
      }
    }
  }

  /// Checks that a signer of `constitution` signed the claim, at the time of its entry.
  func verify(_ claim: VoteClaim, under constitution: Constitution, at now: Int64) throws(CheckFailure) {
    guard let signer = constitution.signers[claim.signer] else {
      throw failure("unknown-signer", "a signer of this epoch", claim.signer)
    }
    guard signer.keys.contains(where: { $0.key == claim.key && $0.key.algorithm == claim.key.algorithm }) else {
      throw failure("foreign-key", "a registered key of \(claim.signer)", claim.key.text)
    }
    let policy = constitution.passkeys.map {
      WebAuthnPolicy(rpID: $0.rpID, origins: $0.origins, requireUserVerification: true)
    }
    do {
      _ = try ClaimVerifier().verify(claim.claim, at: now / 1000, webAuthn: policy)
    } catch {
      throw failure(Self.reason(error), "a claim that verifies", "\(error)")
    }
  }

  /// For whose signers an approval counts. It must count for somebody.
  func sides(
    _ claim: VoteClaim, current: Constitution, proposed: Constitution?, at now: Int64
  ) throws(CheckFailure) -> Approval.Sides {
    var sides: Approval.Sides = []
    var reason: CheckFailure?
    for (side, constitution) in [(Approval.Sides.current, current), (.proposed, proposed)] {
      guard let constitution else { continue }
      do {
        try verify(claim, under: constitution, at: now)
        sides.insert(side)
      } catch {
        // The complaint of the side that knows the signer says more.
        if reason == nil || reason?.code == "\(step.rawValue).unknown-signer" { reason = error }
      }
    }
    if sides.isEmpty, let reason { throw reason }
    return sides
  }

  private static func reason(_ error: ClaimError) -> String {
    switch error {
    case .expired: "expired"
    case .notYetValid: "not-yet-valid"
    case .unsigned: "unsigned"
    case .malformedSignature: "signature-encoding"
    case .webAuthn(_, let fault): reason(fault)
    default: "signature"
    }
  }

  private static func reason(_ fault: WebAuthnFault) -> String {
    switch fault {
    case .noPolicy: "assertion-policy"
    case .malformedEnvelope, .malformedClientData, .malformedAuthenticatorData: "assertion"
    case .wrongType: "assertion-type"
    case .wrongChallenge: "assertion-challenge"
    case .wrongOrigin: "assertion-origin"
    case .crossOrigin: "assertion-frame"
    case .wrongRelyingParty: "assertion-relying-party"
    case .userNotPresent: "assertion-presence"
    case .userNotVerified: "assertion-verification"
    case .malformedSignature: "signature-encoding"
    case .invalidSignature: "signature"
    }
  }
}

extension Int64 {
  /// Seconds as milliseconds, without trapping on what a claim may say.
  fileprivate var clampedMilliseconds: Int64 {
    let (product, overflow) = multipliedReportingOverflow(by: 1000)
    return overflow ? .max : product
  }
}
