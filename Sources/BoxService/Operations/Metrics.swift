import Synchronization

/// Counters and histograms in the Prometheus text format (version 0.0.4).
///
/// Label values come from fixed sets only (statuses, action types that the box knows), never from a request, so that a
/// client cannot grow the page.
final class Metrics: Sendable {
  private struct Series: Hashable {
    var name: String
    var labels: [String]
  }
  private struct Histogram {
    var buckets: [UInt64]
    var sum = 0.0
    var count: UInt64 = 0
  }
  private struct State {
    var counters: [Series: UInt64] = [:]
    var histograms: [String: Histogram] = [:]
  }
  private let state = Mutex(State())
  private static let bounds = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30]

  /// Help texts; a series that is not listed here does not exist.
  private static let help: [(name: String, type: String, text: String)] = [
    ("safebox_requests_total", "counter", "API requests by status class."),
    ("safebox_proposals_total", "counter", "Proposals opened, by outcome of the attempt."),
    ("safebox_votes_total", "counter", "Approvals, objections and withdrawals, by outcome of the attempt."),
    ("safebox_executions_total", "counter", "Executions finished, by outcome."),
    ("safebox_inference_requests_total", "counter", "Requests that reached a runner, by what the prompt cache did."),
    ("safebox_inference_prompt_tokens_total", "counter", "Tokens of prompts, cached ones included."),
    ("safebox_inference_cached_tokens_total", "counter", "Tokens of prompts that runners took from their cache."),
    ("safebox_inference_completion_tokens_total", "counter", "Tokens of answers."),
    ("safebox_inference_alarms_total", "counter", "Alarms of the prompt cache."),
    ("safebox_append_seconds", "histogram", "From handing a request to the sequencer to its durable commit."),
    ("safebox_execution_seconds", "histogram", "From the start of an execution to its finish."),
  ]

  func count(_ name: String, _ labels: (String, String)...) { add(name, 1, labels) }

  func add(_ name: String, _ amount: Int64, _ labels: (String, String)...) { add(name, amount, labels) }

  private func add(_ name: String, _ amount: Int64, _ labels: [(String, String)]) {
    let series = Series(name: name, labels: labels.map { "\($0.0)=\"\($0.1)\"" })
    state.withLock { $0.counters[series, default: 0] += UInt64(max(0, amount)) }
  }

  func observe(_ name: String, seconds: Double) {
    state.withLock { state in
      var histogram =
        state.histograms[name] ?? Histogram(buckets: Array(repeating: 0, count: Self.bounds.count))
      for (index, bound) in Self.bounds.enumerated() where seconds <= bound { histogram.buckets[index] += 1 }
      histogram.sum += seconds
      histogram.count += 1
      state.histograms[name] = histogram
    }
  }

  /// The page; `gauges` are read at the time of asking.
  func page(gauges: [(name: String, help: String, value: Double)]) -> String {
    let state = state.withLock { $0 }
    var page = ""
    for (name, help, value) in gauges {
      page += "# HELP \(name) \(help)\n# TYPE \(name) gauge\n\(name) \(Self.number(value))\n"
    }
    for (name, type, text) in Self.help {
      page += "# HELP \(name) \(text)\n# TYPE \(name) \(type)\n"
      for (series, value) in state.counters.filter({ $0.key.name == name })
        .sorted(by: { $0.key.labels.lexicographicallyPrecedes($1.key.labels) })
      {
        page += "\(name){\(series.labels.joined(separator: ","))} \(value)\n"
      }
      guard let histogram = state.histograms[name] else { continue }
      for (index, bound) in Self.bounds.enumerated() {
        page += "\(name)_bucket{le=\"\(Self.number(bound))\"} \(histogram.buckets[index])\n"
      }
      page += "\(name)_bucket{le=\"+Inf\"} \(histogram.count)\n"
      page += "\(name)_sum \(Self.number(histogram.sum))\n\(name)_count \(histogram.count)\n"
    }
    return page
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
  }
}
