import JavaScript
import Sandbox

/// The tools of the benchmarks, and what must come of them.
enum SampleTool {
  /// What every peer computes too.
  static let sum = program(
    "let s = 0; for (let i = 0; i < 1000; i++) s += i; return 'r=' + s", limits: .standard)
  static let sumResult = Array(#""r=499500""#.utf8)

  /// Waits for the answer to its one call.
  static let waiting = program("return await Protocol.HTTP.get({})", limits: .standard)

  /// Makes so many calls, each when the one before is answered, and returns the sum of the answers.
  static func calling(_ count: Int) -> MachineProgram {
    program(
      "let s = 0; for (let i = 0; i < \(count); i++) s += await Protocol.HTTP.get({i}); return s",
      limits: MachineLimits(fuel: 1_000_000, memory: 64 << 20, stack: 256 << 10, calls: count))
  }

  static func source(_ body: String) -> [UInt8] {
    Array("export default async function (input, context) { \(body) }".utf8)
  }

  private static func program(_ body: String, limits: MachineLimits) -> MachineProgram {
    MachineProgram(
      source: source(body), input: Array("null".utf8),
      context: Array(#"{"community":"home","tool":"bench","version":"1"}"#.utf8),
      seed: [UInt8](repeating: 7, count: 32), startedAt: 1_767_225_600_000, limits: limits)
  }

  /// The jail with the worker beside this program.
  static func jail(ready: Int, workers: Int = 64) throws -> JailBackend {
    var configuration = JailBackend.Configuration()
    configuration.ready = ready
    configuration.workers = workers
    return try JailBackend(configuration)
  }

  /// Runs `sum` once, from asking for a worker to the result, and returns the session's isolation.
  @discardableResult
  static func run(on backend: JailBackend) async throws -> Isolation {
    let session = try await backend.open(sum, seconds: 10)
    defer { session.end() }
    let turn = try await session.begin()
    guard turn.state == .finished(sumResult) else { throw BenchmarkFailure.wrongResult("a tool: \(turn.state)") }
    return session.isolation
  }
}
