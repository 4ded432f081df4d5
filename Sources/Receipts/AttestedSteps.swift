import Attestation
import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import TransparencyLog

/// The steps below the checkpoint: identity, evidence, release.
extension LogVerification {
  /// What the step `identity` has established.
  struct Established: Sendable {
    let identity: Logged<IdentityClaimed>
    /// nil where the receipt does not carry it.
    let evidence: Evidence?
  }

  mutating func checkIdentity() throws(CheckFailure) -> StepOutcome {
    guard let attested else {
      return .notProved(
        "The box claims no identity of a machine: its key is proof of the key, not of what holds it.")
    }
    let genesis = try need(genesis, .entries)
    let item = attested.identity
    let claimed = try LoggedEntries([item]).part("identity", item.index, .identityClaimed) { json throws(FieldError) in
      try IdentityClaimed(body: json)
    }
    try checkInclusion(of: item)
    let (claim, identity) = (claimed.body.claim, claimed.body.identity)
    for (name, expected, actual) in [
      ("issuer", genesis.body.box, claim.iss), ("subject", genesis.body.box, claim.sub),
      ("box", genesis.body.box, identity.box), ("es256", genesis.body.keys.es256, identity.keys.es256),
      ("ed25519", genesis.body.keys.ed25519, identity.keys.ed25519),
      ("key", genesis.body.keys.es256, claim.keys.map(\.text).joined(separator: ", ")),
    ] where actual != expected {
      throw CheckFailure("identity.\(name)", expected: expected, actual: actual)
    }
    do {
      let verified = try ClaimVerifier().verify(claim, at: claimed.at / 1000)
      guard verified.validKeys == claim.keys else {
        throw CheckFailure("identity.signature", expected: "the box's signature", actual: "none")
      }
    } catch let failure as CheckFailure {
      throw failure
    } catch {
      throw CheckFailure("identity.signature", expected: "a claim that verifies", actual: "\(error)")
    }
    let evidence = try readEvidence(attested.evidence, of: identity)
    if let end = ended, let exp = claim.exp, end >= exp * 1000 {
      return .notProved("The identity had expired at \(PlainWords.time(exp * 1000)), before the end of this.")
    }
    established = Established(identity: claimed, evidence: evidence)
    return .passed(
      "Claimed \(PlainWords.time(claimed.at)), bound to evidence \(identity.evidence.hex) by \(identity.binding.hex).")
  }

  private func checkInclusion(of item: Receipt.Item) throws(CheckFailure) {
    let checkpoint = try need(signed, .checkpoint).checkpoint
    let proof = InclusionProof(index: item.index, size: checkpoint.size, hashes: item.proof)
    guard let root = try? proof.computedRoot(leafHash: MerkleTree.leafHash(item.entry)), root == checkpoint.root else {
      throw CheckFailure(
        "identity.inclusion", expected: "an entry of the signed log", actual: "entry \(item.index), which is not")
    }
  }

  private func readEvidence(_ json: JSON, of identity: BoxIdentity) throws(CheckFailure) -> Evidence? {
    guard !json.isNull else { return nil }
    // The bytes that were named, before anything in them is read.
    let digest = SHA256.hash(json.canonicalBytes())
    guard digest == identity.evidence else {
      throw CheckFailure("identity.evidence", expected: identity.evidence.hex, actual: digest.hex)
    }
    do {
      return try Evidence(json: json)
    } catch {
      throw CheckFailure(
        "identity.evidence-format", expected: "\(error.field): \(error.expected)", actual: error.actual)
    }
  }

  mutating func checkEvidence() throws(CheckFailure) -> StepOutcome {
    guard attested != nil else {
      return .notProved(
        "There is no hardware evidence: an operator with full access to the machine could have read or changed its memory."
      )
    }
    guard let established else { return .notProved("It rests on the identity, which did not pass.") }
    guard let evidence = established.evidence else {
      return .notProved("The receipt does not carry the evidence that the identity names.")
    }
    guard let appraisal else {
      return .notProved(
        "The receipt carries evidence (\(evidence.title)); no appraisal policy was given to hold it against.")
    }
    let at: Int64 =
      switch appraisal.time {
      case .ofClaim: established.identity.at
      case .at(let time): time
      }
    let report = evidence.appraised(
      by: appraisal.policy, binding: .bytes(established.identity.body.identity.binding.bytes), at: at)
    guard report.verdict == .accepted, let claims = report.claims else {
      guard let first = report.failures.first, case .failed(let expected, let actual) = first.outcome else {
        throw CheckFailure("evidence.incomplete", expected: "every demanded check to pass", actual: "one was not made")
      }
      throw CheckFailure("evidence.\(first.id.name)", expected: expected, actual: actual)
    }
    self.report = report
    switch claims.assurance {
    case .hardware(let vendor): return .passed("\(evidence.title), vouched for by \(vendor).")
    case .software(let name):
      return .passed("\(evidence.title) by software (\(name)), which proves nothing about hardware.")
    }
  }

  func checkRelease() throws(CheckFailure) -> StepOutcome {
    guard let report else { return .notProved("Nothing here says which software the box ran.") }
    guard let check = report.checks.first(where: { $0.id.name == "policy.release" }),
      case .passed(let release) = check.outcome
    else { return .notProved("The appraisal policy accepts any software.") }
    return .passed("\(release).")
  }
}
