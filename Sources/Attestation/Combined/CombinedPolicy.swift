public import CanonicalJSON

extension CheckID {
  static let combinedMembers = CheckID(
    "combined.members", "The combination has exactly the kinds that the policy asks for")
}

/// Which genuine combinations are acceptable: exactly these kinds, each with the demands that its kind has alone.
///
///     "members": {KIND: {...}, KIND: {...}}
public struct CombinedPolicy: PlatformPolicy {
  let platforms: [EvidenceKind: any PlatformPolicy]

  public init(members reader: inout ObjectReader) throws(FieldError) {
    let path = reader.pathOf("members")
    platforms = try AppraisalPolicy.platforms(
      try reader.json("members"), among: Evidence.memberFormats, path: path)
    guard CombinedEvidence.memberCount.contains(platforms.count) else {
      throw FieldError(
        field: path,
        expected: "\(CombinedEvidence.memberCount.lowerBound) to \(CombinedEvidence.memberCount.upperBound) kinds",
        actual: "\(platforms.count)")
    }
  }

  public var members: JSONObject {
    ["members": .object(JSONObject(platforms.map { ($0.key.rawValue, .object($0.value.members)) }))]
  }

  public var rules: [any AppraisalRule<CombinedClaims>] {
    MembersRule(kinds: Set(platforms.keys))
    for kind in platforms.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
      PlatformRule(kind: kind, policy: platforms[kind])
    }
  }

  /// A combination that lacks a kind, or has another one, is not what was asked for.
  private struct MembersRule: AppraisalRule {
    let kinds: Set<EvidenceKind>

    func appraise(_ claims: CombinedClaims, into checks: inout CheckList) {
      let found = Set(claims.parts.map(\.kind))
      checks.demand([.combinedMembers])
      checks.require(.combinedMembers, found == kinds, expected: kinds.text, actual: found.text)
    }
  }

  /// The demands on one member, where it is there.
  private struct PlatformRule: AppraisalRule {
    let kind: EvidenceKind
    let policy: (any PlatformPolicy)?

    func appraise(_ claims: CombinedClaims, into checks: inout CheckList) {
      guard let policy, let part = claims.parts.first(where: { $0.kind == kind }) else { return }
      var apart = CheckList()
      appraise(part.claims, by: policy, into: &apart)
      checks.include(apart, of: kind)
    }

    private func appraise<Policy: PlatformPolicy>(
      _ claims: any EvidenceClaims, by policy: Policy, into checks: inout CheckList
    ) {
      guard let claims = claims as? Policy.Claims else {
        return checks.fail(.policyPlatform, expected: "\(Policy.Claims.self)", actual: "\(type(of: claims))")
      }
      policy.appraise(claims, into: &checks)
    }
  }
}
