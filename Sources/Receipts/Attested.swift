import Attestation
import CanonicalJSON
import Governance

/// The part of a receipt below the checkpoint: the identity that the box claimed when it acted, and the evidence of its
/// machine. Both may be missing; what then is not proved is said.
public struct Attested: Sendable, Hashable {
  /// The newest `identity.claimed` before the end of what the receipt is about.
  public let identity: Receipt.Item
  /// The evidence that it names, as JSON; null where whoever made the receipt does not have it any more.
  public let evidence: JSON

  public init(identity: Receipt.Item, evidence: JSON) {
    self.identity = identity
    self.evidence = evidence
  }

  /// Reads the members `identity`, `evidence` and `release` of a receipt.
  static func read(_ reader: inout ObjectReader) throws(FieldError) -> Attested? {
    let identity = try reader.json("identity")
    let evidence = try reader.json("evidence")
    guard try reader.json("release").isNull else {
      throw FieldError(
        field: "release", expected: "null: releases are the verifier's to name", actual: "something else")
    }
    guard !identity.isNull else {
      guard evidence.isNull else {
        throw FieldError(field: "evidence", expected: "null without an identity", actual: evidence.summary)
      }
      return nil
    }
    switch evidence {
    case .null, .object: return Attested(identity: try LogProof.item(identity, path: "identity"), evidence: evidence)
    default: throw FieldError(field: "evidence", expected: "null or evidence", actual: evidence.summary)
    }
  }

  /// The members that ``read(_:)`` reads.
  static func members(_ attested: Attested?) -> [(String, JSON)] {
    [
      ("identity", attested.map { LogProof.json($0.identity) } ?? .null), ("evidence", attested?.evidence ?? .null),
      ("release", .null),
    ]
  }
}

/// Against what a verifier holds the evidence in a receipt. Without one, evidence is only said to be there.
public struct EvidenceExpectation: Sendable {
  public let policy: AppraisalPolicy
  /// When the evidence is judged.
  public let time: Time

  public enum Time: Sendable, Hashable {
    /// When the box recorded its identity: certificates live shorter than receipts.
    case ofClaim
    /// A time of the verifier's own, Unix milliseconds.
    case at(Int64)
  }

  public init(policy: AppraisalPolicy, time: Time) {
    self.policy = policy
    self.time = time
  }
}
