public import CanonicalJSON

/// What a verification of evidence came to.
public struct AttestationReport: Sendable {
  public enum Verdict: String, Sendable, Hashable { case accepted, rejected }

  public let kind: EvidenceKind
  public let verdict: Verdict
  /// All checks, in the order in which they were made.
  public let checks: [Check]
  /// What genuine evidence says; nil where it is not genuine.
  public let claims: (any EvidenceClaims)?
  /// Until when (Unix milliseconds) an accepted result holds: the earliest end of all that it rests on.
  public let deadline: Int64?

  init(kind: EvidenceKind, checks: CheckList, claims: (any EvidenceClaims)?) {
    self.kind = kind
    self.claims = claims
    deadline = checks.deadline
    verdict = checks.succeeds && claims != nil ? .accepted : .rejected
    // A demanded check that nobody made is shown, or the list would look complete.
    let made = Set(checks.checks.map(\.id))
    self.checks =
      checks.checks
      + checks.missing.filter { !made.contains($0) }.map {
        Check(id: $0, outcome: .notPerformed("an earlier check failed"))
      }
  }

  public var failures: [Check] {
    checks.filter { if case .failed = $0.outcome { true } else { false } }
  }

  /// The report for programs.
  public var json: JSON {
    [
      "format": "safebox-attestation-report/v1", "kind": .string(kind.rawValue), "verdict": .string(verdict.rawValue),
      "assurance": (claims?.assurance.json) ?? .null,
      "deadline": deadline.map { .integer($0) } ?? .null, "checks": .array(checks.map(\.json)),
      "claims": claims?.json ?? .null,
    ]
  }
}
