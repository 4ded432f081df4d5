import CanonicalJSON
import Governance
import Storage

/// Parsing log records on one core. Leaves them in `records.jsonl`, one a line, for a peer to parse.
enum ParseBenchmark {
  private static let entries = 2000

  static func run(_ options: BenchmarkCommand.Options) throws -> Measurement {
    let log = try SampleLog(.actions, count: entries)
    // Without entry 0, whose constitution is no ordinary record.
    let records = Array(log.entries.dropFirst())
    try WholeFile.create(
      "\(options.directory)/records.jsonl", with: Array(records.joined(separator: [UInt8(ascii: "\n")])), mode: 0o644)
    let bytes = records.reduce(0) { $0 + $1.count }
    let limits = JSONLimits.entry
    func parseAll() throws {
      for record in records {
        guard case .object = try JSON(parsing: record, limits: limits) else {
          throw BenchmarkFailure.wrongResult("a record is no object")
        }
      }
    }
    let warm = Stopwatch()
    while warm.seconds < options.seconds * Writers.warmUp { try parseAll() }
    var passes = 0
    let watch = Stopwatch()
    while watch.seconds < options.seconds {
      try parseAll()
      passes += 1
    }
    return .rate(
      "parse/safebox", Double(passes * bytes) / 1e6, watch, per: .cpu,
      details: ["records": .integer(Int64(records.count)), "bytes": .integer(Int64(bytes))])
  }
}
