public import CanonicalJSON

/// Which genuine instances with NitroTPM are acceptable (docs/attestation/nitro.md): `maximumAge` and `instances` as in
/// ``NitroPolicy``, and the members of ``QuotePolicy`` (whose bank is `sha384`) and ``MeasurementPolicy``.
public struct NitroTPMPolicy: PlatformPolicy {
  /// Seconds; nil is the written-out `any`.
  let maximumAge: Int64?
  let instances: Accepted<ExactText>
  public let quote: QuotePolicy
  public let measurements: MeasurementPolicy
  public let members: JSONObject

  public init(members reader: inout ObjectReader) throws(FieldError) {
    var written = JSONObject()
    maximumAge = try reader.minimum("maximumAge", in: NitroPolicy.ages, &written)
    instances = try reader.accepted("instances", &written, NitroPolicy.instance)
    quote = try QuotePolicy(members: &reader)
    measurements = try MeasurementPolicy(members: &reader)
    for (name, value) in quote.members { written[name] = value }
    for (name, value) in measurements.members { written[name] = value }
    members = written
  }

  public var rules: [any AppraisalRule<NitroTPMClaims>] {
    NitroAgeRule<NitroTPMClaims>(seconds: maximumAge) { ($0.document, $0.age) }
    NitroInstanceRule<NitroTPMClaims>(instances: instances) { $0.document.instanceID }
    QuoteRule(policy: quote)
    MeasurementRule(policy: measurements)
  }

  private struct QuoteRule: AppraisalRule {
    let policy: QuotePolicy

    func appraise(_ claims: NitroTPMClaims, into checks: inout CheckList) {
      policy.appraise(claims.quote, into: &checks)
    }
  }

  private struct MeasurementRule: AppraisalRule {
    let policy: MeasurementPolicy

    func appraise(_ claims: NitroTPMClaims, into checks: inout CheckList) {
      policy.appraise(claims.measurements, into: &checks)
    }
  }
}
