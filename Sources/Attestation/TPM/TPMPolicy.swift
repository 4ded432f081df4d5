public import CanonicalJSON

/// Which genuine quote of a TPM is acceptable: ``QuotePolicy`` and ``MeasurementPolicy`` in one object.
public struct TPMPolicy: PlatformPolicy {
  public let quote: QuotePolicy
  public let measurements: MeasurementPolicy

  public init(members reader: inout ObjectReader) throws(FieldError) {
    quote = try QuotePolicy(members: &reader)
    measurements = try MeasurementPolicy(members: &reader)
  }

  public var members: JSONObject {
    JSONObject(quote.members.map { ($0.key, $0.value) } + measurements.members.map { ($0.key, $0.value) })
  }

  public var rules: [any AppraisalRule<TPMClaims>] {
    QuoteRule(policy: quote)
    MeasurementRule(policy: measurements)
  }

  private struct QuoteRule: AppraisalRule {
    let policy: QuotePolicy

    func appraise(_ claims: TPMClaims, into checks: inout CheckList) { policy.appraise(claims.quote, into: &checks) }
  }

  private struct MeasurementRule: AppraisalRule {
    let policy: MeasurementPolicy

    func appraise(_ claims: TPMClaims, into checks: inout CheckList) {
      policy.appraise(claims.measurements, into: &checks)
    }
  }
}
