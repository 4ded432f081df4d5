import Governance

/// How long the fold takes to say whether a proposal may be executed: two engineers and one auditor have approved it, a
/// check holds its amount against a range, and a thousand other proposals are open beside it.
///
/// Signatures are checked when an approval is folded, not when it is counted; the audit benchmark has their cost.
enum DecisionBenchmark {
  private static let proposals = 1000

  static func run(_ options: BenchmarkCommand.Options) throws -> [Measurement] {
    let log = try SampleLog(.signed, count: 4 * proposals)
    let (state, now) = (log.state, log.now)
    let ids = log.open.map(\.digest)
    func evaluate(_ number: Int) throws {
      guard case .satisfied? = state.evaluation(of: ids[number % ids.count], at: now) else {
        throw BenchmarkFailure.wrongResult("an approved proposal is not satisfied")
      }
    }
    func decide(_ number: Int) throws {
      let id = ids[number % ids.count]
      let decision = try state.approvedDecision(for: id, at: now)
      guard decision.proposal == id else { throw BenchmarkFailure.wrongResult("a decision on another proposal") }
    }
    return [
      try measure("decision-evaluation/safebox", options, evaluate),
      try measure("decision-approved/safebox", options, decide),
    ]
  }

  private static func measure(
    _ id: String, _ options: BenchmarkCommand.Options, _ operation: (Int) throws -> Void
  ) throws -> Measurement {
    for number in 0..<proposals { try operation(number) }
    var latencies = Latencies()
    var number = 0
    let watch = Stopwatch()
    while watch.seconds < options.seconds {
      let start = Stopwatch.nanoseconds
      try operation(number)
      latencies.add(Stopwatch.nanoseconds - start)
      number += 1
    }
    return .rate(id, Double(number), watch, per: .cpu, latencies: latencies)
  }
}
