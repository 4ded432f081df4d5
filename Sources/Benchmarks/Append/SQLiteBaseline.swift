import Storage

/// SQLite alone, with the log's durability settings: a table, an insert, a commit. No signature, no tree, no second thread.
///
/// With `--writers` above 1 so many entries share each transaction, which is the best that as many waiting callers could
/// get from it.
enum SQLiteBaseline {
  static func run(_ options: BenchmarkCommand.Options) throws -> [Measurement] {
    let connection = try SQLiteConnection(path: "\(options.directory)/plain.sqlite", access: .create)
    try connection.setPragma("journal_mode", to: "wal")
    try connection.setPragma("synchronous", to: "FULL", expecting: "2")
    try connection.execute("CREATE TABLE entries(idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")
    let insert = try connection.prepare("INSERT INTO entries(idx, bytes) VALUES (?, ?)")
    let (begin, commit) = (try connection.prepare("BEGIN IMMEDIATE"), try connection.prepare("COMMIT"))
    var next = 0
    func commitBatch() throws {
      try begin.run()
      for _ in 0..<options.writers {
        try insert.run(.integer(Int64(next)), .blob(AppendBenchmark.entry(0, next)))
        next += 1
      }
      try commit.run()
    }
    let warm = Stopwatch()
    while warm.seconds < options.seconds * Writers.warmUp { try commitBatch() }
    let first = next
    var latencies = Latencies()
    let watch = Stopwatch()
    while watch.seconds < options.seconds {
      let start = Stopwatch.nanoseconds
      try commitBatch()
      latencies.add(Stopwatch.nanoseconds - start)
    }
    let measurement = Measurement.rate(
      "append-\(options.writers)/sqlite", Double(next - first), watch, latencies: latencies,
      details: ["operations": .integer(Int64(next - first))])
    return [measurement, measurement.byProcessorTime("append-cpu-\(options.writers)/sqlite")]
  }
}
