import CanonicalJSON

extension CheckID {
  static let snpDebug = CheckID("snp.debug", "The host cannot debug the guest")
  static let snpAcceptedProduct = CheckID("snp.accepted-product", "The processor is of an accepted line")
  static let snpSigningKey = CheckID("snp.signing-key", "The report is signed with an accepted kind of key")
  static let snpProvider = CheckID("snp.provider", "The key was given to an accepted provider")
  static let snpVMPL = CheckID("snp.vmpl", "The report was asked for at an accepted privilege level")
  static let snpReportedTCB = CheckID("snp.tcb.reported", "The signing key belongs to new enough firmware")
  static let snpCommittedTCB = CheckID("snp.tcb.committed", "The platform cannot go back below the minimum")
  static let snpLaunchTCB = CheckID("snp.tcb.launch", "New enough firmware launched the guest")
  static let snpCurrentTCB = CheckID("snp.tcb.current", "New enough firmware runs now")
  static let snpFirmware = CheckID("snp.firmware", "The committed firmware has at least the minimum version")
  static let snpGuestSVN = CheckID("snp.guest-svn", "The guest's security version is at least the minimum")
  static let snpABI = CheckID("snp.abi", "The guest demands at least the minimum version of the interface")
  static let snpGuestPolicy = CheckID("snp.guest-policy", "The guest was launched under the demanded policy")
  static let snpPlatform = CheckID("snp.platform", "The platform is configured as demanded")
  static let snpMitigations = CheckID("snp.mitigations", "The demanded mitigations held at launch and hold now")
  static let snpAcceptedChip = CheckID("snp.accepted-chip", "The chip is an accepted one")
  static let snpFamilyID = CheckID("snp.family-id", "The identity block names an accepted family")
  static let snpImageID = CheckID("snp.image-id", "The identity block names an accepted image")
  static let snpHostData = CheckID("snp.host-data", "The host bound accepted data at launch")
  static let snpIDKey = CheckID("snp.id-key", "An accepted key signed the identity block")
  static let snpAuthorKey = CheckID("snp.author-key", "An accepted author key certified the identity key")
}

/// Never waived: a guest that may be debugged is an open book for its host, whatever else holds.
struct SNPNoDebugRule: AppraisalRule {
  func appraise(_ claims: SNPClaims, into checks: inout CheckList) {
    checks.demand([.snpDebug])
    checks.require(
      .snpDebug, !claims.report.policy.allowsDebug, expected: "policy bit 19 clear",
      actual: "policy \(hexadecimal(claims.report.policy.bits))")
  }
}

/// A value is one of those accepted. What the evidence does not have is accepted by no list.
struct SNPMembershipRule<Value: Sendable & Hashable & PolicyText>: AppraisalRule {
  let id: CheckID
  let accepted: Accepted<Value>
  let value: @Sendable (SNPClaims) -> Value?

  init(_ id: CheckID, _ accepted: Accepted<Value>, value: @escaping @Sendable (SNPClaims) -> Value?) {
    self.id = id
    self.accepted = accepted
    self.value = value
  }

  func appraise(_ claims: SNPClaims, into checks: inout CheckList) {
    checks.requireMember(id, value(claims), of: accepted)
  }
}

/// A number or version is not below the minimum.
struct SNPMinimumRule<Value: Sendable & Comparable & PolicyText>: AppraisalRule {
  let id: CheckID
  /// nil accepts any.
  let minimum: Value?
  let value: @Sendable (SNPClaims) -> Value

  init(_ id: CheckID, _ minimum: Value?, value: @escaping @Sendable (SNPClaims) -> Value) {
    self.id = id
    self.minimum = minimum
    self.value = value
  }

  func appraise(_ claims: SNPClaims, into checks: inout CheckList) {
    checks.demand([id])
    guard let minimum else { return checks.waive(id, because: "the policy accepts any") }
    let actual = value(claims)
    checks.require(
      id, actual >= minimum, expected: "at least \(minimum.policyText)", actual: actual.policyText)
  }
}

/// Each component of each version reaches the product's minimum.
///
/// The reported version is the one that the signing key is derived from. Firmware below it cannot have had that key, so it
/// is what makes the other three believable; those say what the platform can be taken back to, and what launched the guest.
struct SNPMinimumTCBRule: AppraisalRule {
  let minimum: SNPPolicy.MinimumTCB

  init(_ minimum: SNPPolicy.MinimumTCB) { self.minimum = minimum }

  func appraise(_ claims: SNPClaims, into checks: inout CheckList) {
    let versions: [(CheckID, SNPTCB)] = [
      (.snpReportedTCB, claims.reportedTCB), (.snpCommittedTCB, claims.committedTCB),
      (.snpLaunchTCB, claims.launchTCB), (.snpCurrentTCB, claims.currentTCB),
    ]
    checks.demand(versions.map(\.0))
    for (id, version) in versions {
      switch minimum {
      case .any: checks.waive(id, because: "the policy accepts any")
      case .of(let minimums):
        guard let least = minimums[claims.product] else {
          checks.fail(
            id, expected: "a minimum for \(minimums.keys.map(\.rawValue).sorted().joined(separator: ", "))",
            actual: claims.product.rawValue)
          continue
        }
        checks.require(id, version.isAtLeast(least), expected: "at least \(least)", actual: "\(version)")
      }
    }
  }
}

/// The guest's own policy has the demanded version and flags.
struct SNPGuestPolicyRule: AppraisalRule {
  /// nil accepts any.
  let demands: SNPGuestPolicyDemands?

  init(_ demands: SNPGuestPolicyDemands?) { self.demands = demands }

  func appraise(_ claims: SNPClaims, into checks: inout CheckList) {
    checks.demand([.snpABI, .snpGuestPolicy])
    let policy = claims.report.policy
    guard let demands else {
      checks.waive(.snpABI, because: "the policy accepts any")
      return checks.waive(.snpGuestPolicy, because: "the policy accepts any")
    }
    if let minimum = demands.minimumABI {
      checks.require(
        .snpABI, (policy.abiMajor, policy.abiMinor) >= (minimum.major, minimum.minor),
        expected: "at least \(minimum.major).\(minimum.minor)", actual: "\(policy.abiMajor).\(policy.abiMinor)")
    } else {
      checks.waive(.snpABI, because: "the policy accepts any")
    }
    let different = SNPGuestPolicyDemands.Flag.allCases.compactMap { flag -> String? in
      demands.flags[flag].flatMap { $0 == flag.value(in: policy) ? nil : "\(flag.rawValue) \($0)" }
    }
    checks.require(
      .snpGuestPolicy, different.isEmpty, expected: different.joined(separator: ", "),
      actual: "policy \(hexadecimal(policy.bits))")
  }
}

/// The platform has the demanded settings, and none that nobody has defined.
struct SNPPlatformRule: AppraisalRule {
  /// nil accepts any.
  let demands: SNPPlatformDemands?

  init(_ demands: SNPPlatformDemands?) { self.demands = demands }

  func appraise(_ claims: SNPClaims, into checks: inout CheckList) {
    checks.demand([.snpPlatform])
    guard let demands else { return checks.waive(.snpPlatform, because: "the policy accepts any") }
    let platform = claims.report.platform
    var different = SNPPlatformInfo.Flag.allCases.compactMap { flag -> String? in
      demands.flags[flag].flatMap { $0 == platform.has(flag) ? nil : "\(flag.rawValue) \($0)" }
    }
    if !platform.isWellFormed { different.append("bits 8 to 63 clear") }
    checks.require(
      .snpPlatform, different.isEmpty, expected: different.joined(separator: ", "),
      actual: "platform \(hexadecimal(platform.bits))")
  }
}

/// Mitigations, by the numbers of their bits: reports before version 5 have none.
struct SNPMitigationsRule: AppraisalRule {
  /// nil accepts any.
  let bits: Set<Int64>?

  init(_ bits: Set<Int64>?) { self.bits = bits }

  func appraise(_ claims: SNPClaims, into checks: inout CheckList) {
    checks.demand([.snpMitigations])
    guard let bits else { return checks.waive(.snpMitigations, because: "the policy accepts any") }
    let mask = bits.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
    let (launch, current) = (claims.report.launchMitigations, claims.report.currentMitigations)
    checks.require(
      .snpMitigations, ((launch ?? 0) & (current ?? 0) & mask) == mask,
      expected: "\(hexadecimal(mask)) at launch and now",
      actual: "\(launch.map(hexadecimal) ?? "none") at launch, \(current.map(hexadecimal) ?? "none") now")
  }
}
