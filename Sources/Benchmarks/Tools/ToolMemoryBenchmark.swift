import CanonicalJSON
import Glibc
import Sandbox

/// What a live run occupies: its worker (proportional set size: shared pages are counted once among those who share them)
/// and what this process grows by for it.
enum ToolMemoryBenchmark {
  private static let runs = 48

  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    let backend = try SampleTool.jail(ready: 0)
    // The first run brings what all share.
    try await SampleTool.run(on: backend)
    let before = ProcessMemory.residentKiB
    var sessions: [any SandboxSession] = []
    for _ in 0..<runs {
      let session = try await backend.open(SampleTool.waiting, seconds: 10)
      guard case .waiting = try await session.begin().state else {
        throw BenchmarkFailure.wrongResult("a tool that waits does not")
      }
      sessions.append(session)
    }
    let daemon = max(0, ProcessMemory.residentKiB - before)
    let workers = try ProcessMemory.children().map { try ProcessMemory.rollup(of: $0) }
    guard workers.count >= runs else { throw BenchmarkFailure.wrongResult("\(workers.count) workers of \(runs)") }
    let proportional = workers.reduce(0) { $0 + $1.proportional } * Int64(runs) / Int64(workers.count)
    let resident = workers.reduce(0) { $0 + $1.resident } / Int64(workers.count)
    for session in sessions { session.end() }
    await backend.shutDown()
    return [
      .size(
        "tool-memory/safebox", kib: Double(proportional + daemon), each: runs,
        details: [
          "worker_pss_kib": .integer(proportional / Int64(runs)), "worker_rss_kib": .integer(resident),
          "daemon_kib": JSON(rounding: Double(daemon) / Double(runs)),
        ])
    ]
  }
}
