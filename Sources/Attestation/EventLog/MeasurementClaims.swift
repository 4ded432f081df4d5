public import CanonicalJSON

/// What logs say that signed registers prove. Only ``MeasurementLogs/verify(against:into:)`` makes one.
public struct MeasurementClaims: Sendable, Hashable {
  /// What the firmware's log proves; nil where there was none, or where it does not hold.
  public internal(set) var boot: BootFacts?
  /// The runtime events; nil where there was no log of them, or where it does not hold.
  public internal(set) var runtime: RuntimeLog?
  /// The register of runtime events, as releases name it.
  public let registerName: String

  init(registerName: String) { self.registerName = registerName }

  /// `eventLog` and `runtime`, null where there was none.
  public var json: JSON {
    ["eventLog": boot?.json ?? .null, "runtime": runtime.map(json) ?? .null]
  }

  private func json(_ log: RuntimeLog) -> JSON {
    ["register": .string(registerName), "locked": .bool(log.isLocked), "events": log.json]
  }
}

/// Claims of evidence whose platform has a register for code that is measured at run time.
public protocol MeasuringClaims: EvidenceClaims {
  var measurements: MeasurementClaims { get }
}

extension MeasuringClaims {
  public var allMeasurements: [MeasurementClaims] { [measurements] }
}
