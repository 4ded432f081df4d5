import CanonicalJSON
import JavaScript
import Storage

/// A decision by code: a new engine, the module, one call with the facts. The source and the facts are also those of the
/// peers, which get them as files.
enum PolicyCodeBenchmark {
  static let source = """
    export default function (facts) {
      const {amount, currency} = facts.action.params
      const night = facts.utc.hour < 6 || facts.utc.hour >= 22
      if (currency !== "EUR" || !Number.isInteger(amount)) return "none"
      return amount <= 1000 && !night ? "small" : "large"
    }
    """

  static let facts: JSON = [
    "action": [
      "type": "http.request",
      "params": [
        "amount": 250, "currency": "EUR", "method": "POST", "reference": "invoice 7",
        "url": "https://bank.example/v1/transfers",
      ],
    ],
    "box": "box.example/benchmark", "epoch": 1, "proposer": "run:bench", "tool": "invoices",
    "opened": 1_767_225_600_000, "expires": 1_767_229_200_000,
    "utc": ["year": 2026, "month": 1, "day": 1, "weekday": 4, "hour": 12, "minute": 0],
  ]

  static func run(_ options: BenchmarkCommand.Options) throws -> [Measurement] {
    let (source, facts) = (Array(source.utf8), facts.canonicalBytes())
    try WholeFile.create("\(options.directory)/policy.mjs", with: source, mode: 0o644)
    try WholeFile.create("\(options.directory)/facts.json", with: facts, mode: 0o644)
    func decide() throws {
      guard case .success("small") = PolicyCode.evaluate(source: source, facts: facts, at: 1_767_225_600_000) else {
        throw BenchmarkFailure.wrongResult("the code names another branch")
      }
    }
    for _ in 0..<200 { try decide() }
    var latencies = Latencies()
    let watch = Stopwatch()
    while watch.seconds < options.seconds {
      let start = Stopwatch.nanoseconds
      try decide()
      latencies.add(Stopwatch.nanoseconds - start)
    }
    return [.latency("decision-code/safebox", latencies)]
  }
}
