/// Durations of single operations. All are kept, so that a percentile is one of them and not an estimate.
struct Latencies: Sendable {
  private var samples: [UInt64] = []

  /// Adds one duration in nanoseconds.
  mutating func add(_ nanoseconds: UInt64) { samples.append(nanoseconds) }

  var count: Int { samples.count }

  /// The shortest, in microseconds; 0 where there is none.
  var least: Double { samples.min().map { Double($0) / 1000 } ?? 0 }

  /// All of them together, in seconds.
  var total: Double { samples.reduce(0) { $0 + Double($1) } / 1e9 }

  /// Adds all of another collection.
  mutating func add(_ other: Latencies) { samples.append(contentsOf: other.samples) }

  /// The smallest duration that `percents` of the samples do not exceed, in microseconds (nearest rank).
  func microseconds(percentiles percents: Double...) -> [Double] {
    guard !samples.isEmpty else { return percents.map { _ in 0 } }
    let sorted = samples.sorted()
    return percents.map { percent in
      let rank = (percent / 100 * Double(sorted.count)).rounded(.up)
      return Double(sorted[min(sorted.count, max(1, Int(rank))) - 1]) / 1000
    }
  }
}
