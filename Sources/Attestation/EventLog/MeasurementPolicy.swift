public import CanonicalJSON

/// What a kind's policy demands of its logs: members `eventLog` and `runtime`, beside the kind's own.
///
///     "eventLog": "any" or {"secureBoot": true | "any", "separators": "regular" | "any"}
///     "runtime": {"code": "any" | [HEX, ...], "locked": true | "any"}
public struct MeasurementPolicy: Sendable, Hashable {
  /// Takes the members `eventLog` and `runtime`, both of which must be there.
  public init(members reader: inout ObjectReader) throws(FieldError) {
    _ = try reader.json("eventLog")
    _ = try reader.json("runtime")
  }

  /// `eventLog` and `runtime`.
  public var members: JSONObject { [:] }

  /// Demands and makes its checks.
  public func appraise(_ claims: MeasurementClaims, into checks: inout CheckList) {}
}
