import CanonicalJSON

/// What one run of one benchmark found: a line of `.build/bench/results.jsonl`, which peers write too.
struct Measurement {
  /// `<group>/<subject>`, as ``Catalogue`` names them.
  var id: String
  /// Operations, megabytes or whatever the row counts, for each second of `per`.
  var rate: Double
  /// `wall`: seconds on the clock. `cpu`: seconds of processor time, which a busy machine does not stretch.
  var per: Basis
  /// Length of the measured part in seconds on the clock.
  var seconds: Double
  /// Processor time that the subject used meanwhile, in seconds; nil where it was not measured.
  var processorSeconds: Double?
  /// Microseconds; nil where single operations were not timed.
  var least: Double?
  var p50: Double?
  var p99: Double?
  /// Further numbers under their own names.
  var details: JSONObject = [:]

  enum Basis: String { case wall, cpu }

  init(
    id: String, rate: Double, per: Basis = .wall, seconds: Double, processorSeconds: Double? = nil,
    latencies: Latencies? = nil, details: JSONObject = [:]
  ) {
    self.id = id
    self.rate = rate
    self.per = per
    self.seconds = seconds
    self.processorSeconds = processorSeconds
    if let latencies, case let percentiles = latencies.microseconds(percentiles: 50, 99) {
      least = latencies.least
      p50 = percentiles[0]
      p99 = percentiles[1]
    }
    self.details = details
  }

  /// `operations` done since `watch` was started.
  static func rate(
    _ id: String, _ operations: Double, _ watch: Stopwatch, per: Basis = .wall, latencies: Latencies? = nil,
    details: JSONObject = [:]
  ) -> Measurement {
    let (seconds, processor) = (watch.seconds, watch.processorSeconds)
    return Measurement(
      id: id, rate: operations / (per == .wall ? seconds : processor), per: per, seconds: seconds,
      processorSeconds: processor, latencies: latencies, details: details)
  }

  /// Operations one after the other, each timed; the time between them does not count.
  static func latency(_ id: String, _ latencies: Latencies, details: JSONObject = [:]) -> Measurement {
    Measurement(
      id: id, rate: latencies.total > 0 ? Double(latencies.count) / latencies.total : 0, seconds: latencies.total,
      latencies: latencies, details: details)
  }

  /// KiB that each of `count` takes: what both grew by, or what both have.
  static func size(_ id: String, kib: Double, each count: Int, details: JSONObject = [:]) -> Measurement {
    var details = details
    details["count"] = .integer(Int64(count))
    return Measurement(id: id, rate: kib / Double(count), seconds: 0, details: details)
  }

  /// The same operations by the processor time that they took, under another name.
  func byProcessorTime(_ id: String) -> Measurement {
    let processor = processorSeconds ?? 0
    return Measurement(
      id: id, rate: processor > 0 ? rate * seconds / processor : 0, per: .cpu, seconds: seconds,
      processorSeconds: processor)
  }

  init(json: JSON) throws {
    var reader = try ObjectReader(json)
    id = try reader.string("id")
    let basis = try reader.optionalString("per") ?? Basis.wall.rawValue
    guard let per = Basis(rawValue: basis) else {
      throw FieldError(field: "per", expected: "wall or cpu", actual: basis)
    }
    self.per = per
    rate = try Self.number(reader.json("rate"), "rate")
    seconds = try reader.optionalJSON("seconds").map { try Self.number($0, "seconds") } ?? 0
    processorSeconds = try reader.optionalJSON("processor_seconds").map { try Self.number($0, "processor_seconds") }
    least = try reader.optionalJSON("min_us").map { try Self.number($0, "min_us") }
    p50 = try reader.optionalJSON("p50_us").map { try Self.number($0, "p50_us") }
    p99 = try reader.optionalJSON("p99_us").map { try Self.number($0, "p99_us") }
    details = reader.optionalJSON("details")?.object ?? [:]
    try reader.finish()
  }

  var json: JSON {
    var object: JSONObject = [
      "id": .string(id), "rate": JSON(rounding: rate), "per": .string(per.rawValue), "seconds": JSON(rounding: seconds),
    ]
    object["processor_seconds"] = processorSeconds.map(JSON.init(rounding:))
    object["min_us"] = least.map(JSON.init(rounding:))
    object["p50_us"] = p50.map(JSON.init(rounding:))
    object["p99_us"] = p99.map(JSON.init(rounding:))
    if !details.isEmpty { object["details"] = .object(details) }
    return .object(object)
  }

  private static func number(_ json: JSON, _ field: String) throws(FieldError) -> Double {
    guard let number = json.number else {
      throw FieldError(field: field, expected: "a number", actual: "\(json)")
    }
    return number
  }
}

extension JSON {
  /// A measured number, to the precision that measuring has: three decimals.
  init(rounding value: Double) {
    let rounded = (value * 1000).rounded() / 1000
    self = Int64(exactly: rounded).map(JSON.integer) ?? .double(rounded)
  }
}
