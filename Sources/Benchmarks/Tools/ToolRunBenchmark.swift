import CanonicalJSON
import Sandbox

/// How long a tool takes from asking for a worker to its result, in the full jail: with a new worker for each run, with
/// one from the pool, and many in a row.
enum ToolRunBenchmark {
  /// What passes between two runs that are timed one by one: time to refill the pool, and for the kernel to forget the
  /// run before. A box is not asked back to back all day.
  private static let pause = Duration.milliseconds(10)

  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    [
      try await cold(options.count), try await warm(options.count),
      try await row("tool-row-1/safebox", callers: 1, options.seconds),
      try await row("tool-row-8/safebox-8", callers: 8, options.seconds),
    ]
  }

  private static func cold(_ count: Int) async throws -> Measurement {
    let backend = try SampleTool.jail(ready: 0)
    var isolation = try await SampleTool.run(on: backend)
    var latencies = Latencies()
    for _ in 0..<count {
      // The end of a worker is no part of the next one's beginning.
      repeat { try await Task.sleep(for: pause) } while backend.population > 0
      let start = Stopwatch.nanoseconds
      isolation = try await SampleTool.run(on: backend)
      latencies.add(Stopwatch.nanoseconds - start)
    }
    await backend.shutDown()
    return .latency("tool-cold/safebox", latencies, details: details(isolation))
  }

  private static func warm(_ count: Int) async throws -> Measurement {
    let backend = try SampleTool.jail(ready: JailBackend.Configuration().ready)
    var isolation = try await SampleTool.run(on: backend)
    var latencies = Latencies()
    for _ in 0..<count {
      try await Task.sleep(for: pause)
      let start = Stopwatch.nanoseconds
      isolation = try await SampleTool.run(on: backend)
      latencies.add(Stopwatch.nanoseconds - start)
    }
    await backend.shutDown()
    return .latency("tool-warm/safebox", latencies, details: details(isolation))
  }

  private static func row(_ id: String, callers: Int, _ seconds: Double) async throws -> Measurement {
    let backend = try SampleTool.jail(ready: JailBackend.Configuration().ready)
    let work = try await Writers.run(callers, seconds: seconds) { _, _ in try await SampleTool.run(on: backend) }
    await backend.shutDown()
    return work.measurement(id)
  }

  /// What stood around the worker, and what did not: a figure of half a jail is another figure.
  private static func details(_ isolation: Isolation) -> JSONObject {
    [
      "layers": .integer(Int64(isolation.applied.count)),
      "missing": .array(isolation.missing.keys.sorted().map(JSON.string)),
    ]
  }
}
