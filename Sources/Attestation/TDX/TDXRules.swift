import Cryptography

extension CheckID {
  static let tdxCollateral = CheckID("tdx.collateral", "Intel's word on the platform is there, where the policy asks")
  static let tdxTCBStatus = CheckID("tdx.tcb-status", "The platform's status is one that the policy accepts")
  static let tdxAdvisories = CheckID("tdx.advisories", "The platform has no weakness but those that the policy accepts")
  static let tdxEvaluation = CheckID("tdx.evaluation-number", "Intel's word is recent enough for the policy")
  static let tdxDebug = CheckID("tdx.debug", "The domain is not under debug")
  static let tdxAttributes = CheckID(
    "tdx.attributes", "The domain has the attributes that the policy wants, and no others")
  static let tdxXFAM = CheckID("tdx.xfam", "The domain may use the processor features that the policy accepts")
  static let tdxPlatform = CheckID("tdx.platform", "The platform is one of those that the policy names")

  static func tdxRegister(_ name: String) -> CheckID {
    CheckID("tdx.\(name)", "\(name.uppercased()) is a value that the policy accepts")
  }
}

/// Without collateral nothing is known of the platform but that Intel once provisioned it.
struct TDXCollateralRule: AppraisalRule {
  let acceptsNone: Bool

  func appraise(_ claims: VerifiedTDXQuote, into checks: inout CheckList) {
    checks.demand([.tdxCollateral])
    if let tcb = claims.tcb {
      checks.pass(.tdxCollateral, "evaluation number \(tcb.evaluationNumber)")
    } else if acceptsNone {
      checks.waive(.tdxCollateral, because: "the policy accepts quotes without collateral")
    } else {
      checks.fail(.tdxCollateral, expected: "TCB info, enclave identity and revocation lists", actual: "none")
    }
  }
}

extension CheckList {
  /// What the evidence says of the platform's standing; where it says nothing, the check is not made, and waived only if
  /// the policy gave it up.
  fileprivate mutating func standing(_ id: CheckID, _ claims: VerifiedTDXQuote, accepts: Bool) -> TDXStanding? {
    demand([id])
    if let tcb = claims.tcb { return tcb }
    if accepts { waive(id, because: "there is no collateral") } else { notPerformed(id, "there is no collateral") }
    return nil
  }
}

struct TDXStatusRule: AppraisalRule {
  let accepted: Set<TCBStatus>
  let acceptsNoCollateral: Bool

  func appraise(_ claims: VerifiedTDXQuote, into checks: inout CheckList) {
    guard let tcb = checks.standing(.tdxTCBStatus, claims, accepts: acceptsNoCollateral) else { return }
    var holds = false
    if case .status(let status) = tcb.standing { holds = accepted.contains(status) }
    checks.require(
      .tdxTCBStatus, holds, expected: accepted.map(\.rawValue).sorted().joined(separator: " or "),
      actual: tcb.standing.name)
  }
}

struct TDXAdvisoryRule: AppraisalRule {
  let accepted: Accepted<ExactText>
  let acceptsNoCollateral: Bool

  func appraise(_ claims: VerifiedTDXQuote, into checks: inout CheckList) {
    guard let tcb = checks.standing(.tdxAdvisories, claims, accepts: acceptsNoCollateral) else { return }
    let found = tcb.advisories.sorted().joined(separator: ", ")
    guard case .only(let values) = accepted else {
      return checks.waive(.tdxAdvisories, because: "the policy accepts any: \(found.isEmpty ? "none" : found)")
    }
    checks.require(
      .tdxAdvisories, tcb.advisories.allSatisfy { values.contains(ExactText($0)) },
      expected: values.isEmpty ? "none" : "none but \(values.map(\.text).sorted().joined(separator: ", "))",
      actual: found.isEmpty ? "none" : found)
  }
}

/// An old statement of Intel's says that a platform is up to date which today's says is not: the number tells old from new
/// where the time alone does not.
struct TDXEvaluationRule: AppraisalRule {
  let minimum: Int64?
  let acceptsNoCollateral: Bool

  func appraise(_ claims: VerifiedTDXQuote, into checks: inout CheckList) {
    guard let tcb = checks.standing(.tdxEvaluation, claims, accepts: acceptsNoCollateral) else { return }
    guard let minimum else { return checks.waive(.tdxEvaluation, because: "the policy accepts any") }
    checks.require(
      .tdxEvaluation, tcb.evaluationNumber >= minimum, expected: "at least \(minimum)",
      actual: "\(tcb.evaluationNumber)")
  }
}

/// The host reads and writes the memory of a domain under debug, whatever it measures.
struct TDXDebugRule: AppraisalRule {
  func appraise(_ claims: VerifiedTDXQuote, into checks: inout CheckList) {
    checks.demand([.tdxDebug])
    let found = claims.report.attributes.intersection(.underDebug)
    checks.require(
      .tdxDebug, found.isEmpty, expected: "no debug attribute",
      actual: found.isEmpty ? "none" : found.names.joined(separator: ", "))
  }
}

struct TDXAttributeRule: AppraisalRule {
  let required: TDAttributes
  let allowed: TDAttributes?

  func appraise(_ claims: VerifiedTDXQuote, into checks: inout CheckList) {
    checks.demand([.tdxAttributes])
    // Debug has a check of its own, which nobody can give up.
    let found = claims.report.attributes.subtracting(.underDebug)
    let permitted = allowed.map { found.isSubset(of: $0.union(required)) } ?? true
    checks.require(
      .tdxAttributes, found.isSuperset(of: required) && permitted,
      expected: "\(required.names), and no others but \(allowed.map { "\($0.names)" } ?? "any")",
      actual: "\(found.names)")
  }
}

/// A field that must have one of the listed values.
struct TDXFieldRule: AppraisalRule {
  let id: CheckID
  let accepted: Accepted<[UInt8]>
  let field: @Sendable (VerifiedTDXQuote) -> [UInt8]?

  init(id: CheckID, accepted: Accepted<[UInt8]>, field: @escaping @Sendable (VerifiedTDXQuote) -> [UInt8]?) {
    self.id = id
    self.accepted = accepted
    self.field = field
  }

  func appraise(_ claims: VerifiedTDXQuote, into checks: inout CheckList) {
    checks.demand([id])
    let found = field(claims)
    guard case .only(let values) = accepted else {
      return checks.waive(id, because: "the policy accepts any: \(found.map { Hex.encode($0) } ?? "absent")")
    }
    checks.require(
      id, found.map(values.contains) ?? false,
      expected: values.isEmpty
        ? "nothing is accepted" : values.map { Hex.encode($0) }.sorted().joined(separator: " or "),
      actual: found.map { Hex.encode($0) } ?? "absent")
  }
}
