import CanonicalJSON

/// Tools as a client of a box runs them: over HTTP, in the jail, every start, call and end in the durable log.
enum BoxRunBenchmark {
  private static let calls = 500

  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    let box = BoxClient(address: options.box, token: options.token)
    try await box.register("sum", "let s = 0; for (let i = 0; i < 1000; i++) s += i; return 'r=' + s")
    try await box.register(
      "caller", "for (let i = 0; i < input; i++) await Protocol.Workflow.sleep({milliseconds: 0}); return input",
      uses: [["method": "Workflow.sleep"]])
    return [
      try await Writers.run(1, seconds: options.seconds) { _, _ in try await box.run("sum", expecting: "r=499500") }
        .measurement("box-run-1/safebox"),
      try await Writers.run(16, seconds: options.seconds) { _, _ in try await box.run("sum", expecting: "r=499500") }
        .measurement("box-run-16/safebox"),
      try await durableCalls("durable-calls-1/safebox", box, runs: 1),
      try await durableCalls("durable-calls-16/safebox-16", box, runs: 16),
    ]
  }

  /// Timers that are over at once: of all calls those with the least behind them.
  private static func durableCalls(_ id: String, _ box: BoxClient, runs: Int) async throws -> Measurement {
    let count: JSON = .integer(Int64(calls))
    try await box.run("caller", count, expecting: count)
    let watch = Stopwatch()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<runs { group.addTask { try await box.run("caller", count, expecting: count) } }
      try await group.waitForAll()
    }
    return .rate(id, Double(runs * calls), watch)
  }
}

/// What a box grows by for runs that wait for people and have given their workers back.
enum ParkedMemoryBenchmark {
  private static let starters = 16
  /// Runs beforehand, for what the first ones bring.
  private static let warmUp = 100

  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    let box = BoxClient(address: options.box, token: options.token)
    try await box.register(
      "sender", "return await Protocol.HTTP.send({method: 'POST', url: 'http://127.0.0.1:9/' + input, body: {}})",
      uses: [["method": "HTTP.send", "hosts": ["*"], "paths": ["*"], "methods": ["*"]]])
    try await park(0..<warmUp, box)
    let before = ProcessMemory.residentKiB(of: options.process)
    try await park(warmUp..<(warmUp + options.count), box)
    let after = ProcessMemory.residentKiB(of: options.process)
    return [
      .size(
        "parked-memory/safebox", kib: Double(after - before), each: options.count,
        details: ["before_kib": .integer(before), "after_kib": .integer(after)])
    ]
  }

  /// Starts runs and returns when all of them are parked.
  private static func park(_ numbers: Range<Int>, _ box: BoxClient) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for starter in 0..<starters {
        group.addTask {
          var ids: [String] = []
          for number in numbers where number % starters == starter {
            let view = try await box.run("sender", .string("\(number)"), waits: false)
            guard let id = view["run"]?.string else { throw BenchmarkFailure.wrongResult("\(view)") }
            ids.append(id)
          }
          for id in ids {
            while true {
              let view = try await box.call("GET", "/v1/runs/\(id)")
              if view["parked"] == true { break }
              guard ["running", "waiting"].contains(view["status"]?.string) else {
                throw BenchmarkFailure.wrongResult("a run that is to wait: \(view.canonicalString().prefix(800))")
              }
              try await Task.sleep(for: .milliseconds(50))
            }
          }
        }
      }
      try await group.waitForAll()
    }
  }
}
