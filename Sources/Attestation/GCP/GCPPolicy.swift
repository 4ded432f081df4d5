public import CanonicalJSON
import Cryptography

extension CheckID {
  static let gcpProduction = CheckID("gcp.production", "The machine is a production machine of Google's")
  static let gcpProject = CheckID("gcp.project", "The machine is of an accepted project")
  static let gcpZone = CheckID("gcp.zone", "The machine is in an accepted zone")
}

/// Which genuine evidence of a Google vTPM is acceptable: ``QuotePolicy``, ``MeasurementPolicy``, and of the machine
///
///     "production": true | "any"
///     "projects": "any" | ["project-id", ...]
///     "zones": "any" | ["us-central1-a", ...]
public struct GCPPolicy: PlatformPolicy {
  public static let maxNames = 256

  public let quote: QuotePolicy
  public let measurements: MeasurementPolicy
  /// false is the written-out `any`.
  public let demandsProduction: Bool
  public let projects: Accepted<ExactText>
  public let zones: Accepted<ExactText>

  public init(members reader: inout ObjectReader) throws(FieldError) {
    quote = try QuotePolicy(members: &reader)
    measurements = try MeasurementPolicy(members: &reader)
    let production = try reader.json("production")
    guard production == true || production.string == "any" else {
      throw FieldError(field: reader.pathOf("production"), expected: "true or any", actual: production.summary)
    }
    demandsProduction = production == true
    projects = try Self.names("projects", &reader)
    zones = try Self.names("zones", &reader)
  }

  private static func names(_ name: String, _ reader: inout ObjectReader) throws(FieldError) -> Accepted<ExactText> {
    let json = try reader.json(name)
    if json.string == "any" { return .any }
    let names = json.array?.compactMap(\.string).map(ExactText.init) ?? []
    guard (1...maxNames).contains(names.count), names.count == json.array?.count, Set(names).count == names.count,
      names.allSatisfy({ (1...GCPInstance.maxTextBytes).contains($0.text.utf8.count) })
    else {
      throw FieldError(
        field: reader.pathOf(name), expected: "any, or 1 to \(maxNames) names", actual: json.summary)
    }
    return .only(Set(names))
  }

  private static func json(_ accepted: Accepted<ExactText>) -> JSON {
    switch accepted {
    case .any: "any"
    case .only(let names): .array(names.map(\.text).sorted().map { .string($0) })
    }
  }

  public var members: JSONObject {
    JSONObject(
      quote.members.map { ($0.key, $0.value) } + measurements.members.map { ($0.key, $0.value) } + [
        ("production", demandsProduction ? true : "any"), ("projects", Self.json(projects)),
        ("zones", Self.json(zones)),
      ])
  }

  public var rules: [any AppraisalRule<GCPClaims>] {
    QuoteRule(policy: quote)
    MeasurementRule(policy: measurements)
    ProductionRule(isDemanded: demandsProduction)
    NameRule(id: .gcpProject, accepted: projects) { $0.projectID }
    NameRule(id: .gcpZone, accepted: zones) { $0.zone }
  }

  private struct QuoteRule: AppraisalRule {
    let policy: QuotePolicy

    /// The quote of the bank that the policy judges; where there is none, any will say so.
    func appraise(_ claims: GCPClaims, into checks: inout CheckList) {
      let quote = claims.quotes.first { $0.bank(policy.bank) != nil } ?? claims.quotes.first
      if let quote { policy.appraise(quote, into: &checks) }
    }
  }

  private struct MeasurementRule: AppraisalRule {
    let policy: MeasurementPolicy

    func appraise(_ claims: GCPClaims, into checks: inout CheckList) {
      policy.appraise(claims.measurements, into: &checks)
    }
  }

  private struct ProductionRule: AppraisalRule {
    let isDemanded: Bool

    /// A certificate that says nothing is no certificate that says yes.
    func appraise(_ claims: GCPClaims, into checks: inout CheckList) {
      checks.demand([.gcpProduction])
      guard isDemanded else {
        return checks.waive(.gcpProduction, because: "the policy accepts machines that are not for production")
      }
      let isProduction = claims.machine.isProduction
      checks.require(
        .gcpProduction, isProduction == true, expected: "production",
        actual: isProduction.map { $0 ? "production" : "not production" } ?? "not said")
    }
  }

  private struct NameRule: AppraisalRule {
    let id: CheckID
    let accepted: Accepted<ExactText>
    let name: @Sendable (GCPInstance) -> String

    func appraise(_ claims: GCPClaims, into checks: inout CheckList) {
      checks.requireMember(id, name(claims.machine.instance), of: accepted)
    }
  }
}
