import CanonicalJSON

/// Several runs of one benchmark as one row: medians, because a run that was disturbed must not count, and all rates.
struct Summary {
  let id: String
  let rates: [Double]
  let per: Measurement.Basis
  let least: Double?
  let p50: Double?
  let p99: Double?
  /// The details of the last run.
  let details: JSONObject

  /// Nil where no run has this name.
  init?(_ id: String, _ measurements: [Measurement]) {
    let runs = measurements.filter { $0.id == id }
    guard let last = runs.last else { return nil }
    self.id = id
    rates = runs.map(\.rate)
    per = last.per
    least = runs.compactMap(\.least).min()
    p50 = Self.median(runs.compactMap(\.p50))
    p99 = Self.median(runs.compactMap(\.p99))
    details = last.details
  }

  var rate: Double { Self.median(rates) ?? 0 }
  var best: Double { rates.max() ?? 0 }

  /// The middle value, or the mean of the two in the middle.
  static func median(_ values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// How many times as good this is as a peer: as fast, as quick or as small. Nil where that cannot be said.
  func ratio(to peer: Summary, _ kind: Group.Kind) -> Double? {
    switch kind {
    case .rate: peer.rate > 0 ? rate / peer.rate : nil
    case .latency: (p50 ?? 0) > 0 ? peer.p50.map { $0 / (p50 ?? 1) } : nil
    case .size: rate > 0 ? peer.rate / rate : nil
    }
  }

  /// Whether every bound of a goal is kept; `peer` is the first peer's row.
  func meets(_ goal: Group.Goal, peer: Summary?) -> Bool {
    if let least = goal.rate, rate < least { return false }
    if let most = goal.size, rate > most { return false }
    if let most = goal.p50, (p50 ?? .infinity) > most { return false }
    if let most = goal.p99, (p99 ?? .infinity) > most { return false }
    if let least = goal.ratio, rate / (peer?.rate ?? .infinity) < least { return false }
    return true
  }

  var json: JSON {
    var object: JSONObject = [
      "id": .string(id), "median": JSON(rounding: rate), "best": JSON(rounding: best),
      "runs": .array(rates.map(JSON.init(rounding:))), "per": .string(per.rawValue),
    ]
    object["min_us"] = least.map(JSON.init(rounding:))
    object["p50_us"] = p50.map(JSON.init(rounding:))
    object["p99_us"] = p99.map(JSON.init(rounding:))
    if !details.isEmpty { object["details"] = .object(details) }
    return .object(object)
  }
}
