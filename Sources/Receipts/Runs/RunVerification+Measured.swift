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
    var count: Int?
    for claims in report.claims?.allMeasurements ?? [] {
      guard let events = claims.runtime?.events else { continue }
      if let place = events.firstIndex(where: { $0.kind == .tool && $0.digest == tool }) {
        return .passed("Event \(place + 1) of the \(events.count) that yield \(claims.registerName).")
      }
      count = (count ?? 0) + events.count
    }
    guard let count else { return .notApplicable("The evidence measures no code at run time.") }
    throw CheckFailure(
      "measured.tool", expected: "tool \(tool) among what was measured",
      actual: "\(PlainWords.count(Int64(count), "event")) without it")
  }
}
