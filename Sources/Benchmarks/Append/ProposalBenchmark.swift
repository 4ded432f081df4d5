import Governance

/// Proposals through the fold: each is checked against the constitution, made an entry, folded, and durably appended with
/// its receipt.
enum ProposalBenchmark {
  static func run(_ options: BenchmarkCommand.Options) async throws -> Measurement {
    let box = try BenchmarkBox()
    let log = try await GovernedLog(directory: options.directory, box: box)
    let work = try await Writers.run(options.writers, seconds: options.seconds) { caller, number in
      try await log.open(try BenchmarkBox.payment(caller << 32 | number))
    }
    var measurement = work.measurement("propose-\(options.writers)/safebox")
    for receipt in work.last {
      try AppendBenchmark.check(receipt, box.log)
      measurement.details["entry_bytes"] = .integer(Int64(receipt.entries.first?.bytes.count ?? 0))
    }
    await log.close()
    return measurement
  }
}

/// Whole governed actions: opened, approved by three people, started and finished. Six entries, each waited for before the
/// next, and three ECDSA signatures, made by the callers and checked by the fold.
enum GovernedActionBenchmark {
  static func run(_ options: BenchmarkCommand.Options) async throws -> Measurement {
    let box = try BenchmarkBox()
    let log = try await GovernedLog(directory: options.directory, box: box)
    let work = try await Writers.run(options.writers, seconds: options.seconds) { caller, number in
      guard let statement = try await log.open(try BenchmarkBox.payment(caller << 32 | number)).response else {
        throw BenchmarkFailure.wrongResult("a proposal without a statement")
      }
      for name in ["ana", "ben", "dora"] {
        let vote = try box.approval(of: statement, by: name, at: Stopwatch.unixMilliseconds)
        _ = try await log.submit(.vote(vote))
      }
      _ = try await log.submit(.start(statement.digest))
      return try await log.submit(.finish(statement.digest))
    }
    let measurement = work.measurement("govern-\(options.writers)/safebox")
    for receipt in work.last { try AppendBenchmark.check(receipt, box.log) }
    await log.close()
    return measurement
  }
}
