import Attestation
import Governance

/// Whether the evidence shows the tool: an operator who runs other code than what is registered would have to measure it.
extension RunVerification {
  func checkMeasured() throws(CheckFailure) -> StepOutcome {
    let tool = try need(manifest, .tool).digest
    // Events in evidence that nobody accepted are words: only the quote makes them what the register holds.
    guard let report = base.report else {
      return .notProved("It rests on evidence that was held against a policy and accepted.")
    }
    guard let measurements = (report.claims as? any MeasuringClaims)?.measurements, let log = measurements.runtime
    else {
      return .notApplicable("The evidence measures no code at run time.")
    }
    guard let place = log.events.firstIndex(where: { $0.kind == .tool && $0.digest == tool }) else {
      throw CheckFailure(
        "measured.tool", expected: "tool \(tool) among what was measured",
        actual: "\(PlainWords.count(Int64(log.events.count), "event")) without it")
    }
    return .passed("Event \(place + 1) of the \(log.events.count) that yield \(measurements.registerName).")
  }
}
