public import CanonicalJSON

/// Which genuine TDX evidence is acceptable: the members of ``TDXQuotePolicy`` and those of ``MeasurementPolicy``.
public struct TDXPolicy: PlatformPolicy {
  public typealias Claims = TDXClaims

  public let quote: TDXQuotePolicy
  public let measurements: MeasurementPolicy

  public init(members reader: inout ObjectReader) throws(FieldError) {
    quote = try TDXQuotePolicy(members: &reader)
    measurements = try MeasurementPolicy(members: &reader)
  }

  public var members: JSONObject {
    var object = quote.members
    for (name, value) in measurements.members { object[name] = value }
    return object
  }

  public var rules: [any AppraisalRule<TDXClaims>] {
    QuoteRule(policy: quote)
    MeasurementRule(policy: measurements)
  }

  private struct QuoteRule: AppraisalRule {
    let policy: TDXQuotePolicy
    func appraise(_ claims: TDXClaims, into checks: inout CheckList) { policy.appraise(claims.quote, into: &checks) }
  }

  private struct MeasurementRule: AppraisalRule {
    let policy: MeasurementPolicy
    func appraise(_ claims: TDXClaims, into checks: inout CheckList) {
      policy.appraise(claims.measurements, into: &checks)
    }
  }
}
