public import CanonicalJSON
import Cryptography

/// The logs that evidence carries beside a quote: members `eventLog` and `runtime` of `safebox-evidence/v1`.
///
/// Kinds with a TPM or with RTMRs read, write, verify and appraise them with these four:
/// `MeasurementLogs(members:)`, ``members``, ``verify(against:into:)``, ``MeasurementPolicy``.
public struct MeasurementLogs: Sendable, Hashable {
  public static let maxEventLogBytes = 2 << 20

  /// The firmware's log as it came (`eventLog`, base64): a UEFI event log, or for RTMRs a CCEL or dstack's JSON. nil where
  /// there is none, which is not the same as an empty one.
  public var eventLog: [UInt8]?
  /// Runtime events (`runtime`, an array of `{"kind","name","digest"}`); nil where the box keeps none.
  public var runtime: RuntimeLog?

  public init(eventLog: [UInt8]? = nil, runtime: RuntimeLog? = nil) {
    self.eventLog = eventLog
    self.runtime = runtime
  }

  /// Takes the members `eventLog` and `runtime`, both of which may be absent.
  public init(members reader: inout ObjectReader) throws(FieldError) {
    eventLog = try reader.optionalBase64("eventLog", maxBytes: Self.maxEventLogBytes)
    runtime = try reader.optionalArray("runtime", maxCount: RuntimeLog.maxEvents).map { json throws(FieldError) in
      try RuntimeLog(json: json, path: reader.pathOf("runtime"))
    }
  }

  /// `eventLog` and `runtime`, as far as they are there.
  public var members: JSONObject {
    var object = JSONObject()
    if let eventLog { object["eventLog"] = .string(Base64.encode(eventLog)) }
    if let runtime { object["runtime"] = runtime.json }
    return object
  }

  /// Holds the logs against registers that were signed. Makes `eventlog.*` and `runtime.*`; a log that is absent is not
  /// applicable, one that does not yield the registers is a failure.
  ///
  /// - Returns: What the logs say, as far as the registers prove it. Use it only where `checks` still hold.
  public func verify(against registers: MeasuredRegisters, into checks: inout CheckList) -> MeasurementClaims {
    var claims = MeasurementClaims(registerName: registers.name(registers.runtimeIndex))
    var initial: [UInt8]?
    var initialIsKnown = true
    if let eventLog {
      let continued = runtime == nil ? nil : registers.runtimeIndex
      let result = EventLogVerifier.verify(eventLog, against: registers, continued: continued, into: &checks)
      claims.boot = result?.facts
      initial = result?.replayed[registers.runtimeIndex]
      initialIsKnown = result != nil
    } else {
      for id in EventLogVerifier.checks { checks.notApplicable(id, "the evidence has no event log") }
    }
    guard let runtime else {
      for id in RuntimeVerifier.checks { checks.notApplicable(id, "the evidence has no runtime events") }
      return claims
    }
    guard initialIsKnown else {
      checks.demand(RuntimeVerifier.checks)
      for id in RuntimeVerifier.checks { checks.notPerformed(id, "the event log before them does not hold") }
      return claims
    }
    if RuntimeVerifier.verify(runtime, from: initial, against: registers, into: &checks) { claims.runtime = runtime }
    return claims
  }
}
