public import CanonicalJSON

/// What logs say that the registers prove. Only ``MeasurementLogs/verify(against:into:)`` makes one.
public struct MeasurementClaims: Sendable, Hashable {
  /// The runtime events; nil where no log of them was there.
  public internal(set) var runtime: RuntimeLog?

  init() {}

  /// For programs and people.
  public var json: JSON { .object(JSONObject()) }
}
