import CanonicalJSON
import JavaScript
import Sandbox

/// Round trips between a tool in its jail and the host, which answers each call at once: what the boundary costs, without
/// log, payloads and a world behind it.
enum HostCallBenchmark {
  /// Calls of one run: the most that a manifest can ask for.
  private static let calls = 10_000

  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    [
      try await measure("calls-1/safebox", runs: 1, options.seconds),
      try await measure("calls-8/safebox", runs: 8, options.seconds),
    ]
  }

  private static func measure(_ id: String, runs: Int, _ seconds: Double) async throws -> Measurement {
    let backend = try SampleTool.jail(ready: runs)
    let until = Stopwatch.nanoseconds + UInt64(seconds * 1e9)
    let watch = Stopwatch()
    let latencies = try await withThrowingTaskGroup(of: Latencies.self) { group in
      for _ in 0..<runs {
        group.addTask {
          var latencies = Latencies()
          repeat { try await converse(backend, until: until, &latencies) } while Stopwatch.nanoseconds < until
          return latencies
        }
      }
      var all = Latencies()
      for try await latencies in group { all.add(latencies) }
      return all
    }
    let measurement = Measurement.rate(id, Double(latencies.count), watch, latencies: latencies)
    await backend.shutDown()
    return measurement
  }

  /// One run; it is cut off when the time is over.
  private static func converse(_ backend: JailBackend, until: UInt64, _ latencies: inout Latencies) async throws {
    let program = SampleTool.calling(calls)
    let session = try await backend.open(program, seconds: 10)
    defer { session.end() }
    var turn = try await session.begin()
    var answered = 0
    while case .waiting = turn.state {
      guard turn.calls.count == 1, let call = turn.calls.first, call.number == answered else {
        throw BenchmarkFailure.wrongResult("a turn with \(turn.calls.count) calls")
      }
      let start = Stopwatch.nanoseconds
      if start >= until { return }
      turn = try await session.answer(
        MachineAnswer(call: call.number, isError: false, value: [UInt8(ascii: "1")], at: program.startedAt))
      latencies.add(Stopwatch.nanoseconds - start)
      answered += 1
    }
    guard turn.state == .finished(Array("\(calls)".utf8)) else {
      throw BenchmarkFailure.wrongResult("\(turn.state) after \(answered) calls")
    }
  }
}
