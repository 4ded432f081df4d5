import CanonicalJSON
import Cryptography
import Governance
import JavaScript
import Runs
import Sandbox

/// Doing a recorded run again: every call held against the journal, chain and execution hash computed again.
enum ReplayBenchmark {
  private static let calls = 2000
  private static let community = "home"

  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    let sessions = JailSessions(backend: try SampleTool.jail(ready: 1))
    // The first run warms up, the second is the one that counts.
    _ = try await record(in: sessions)
    let (recorded, bundle, seconds) = try await record(in: sessions)
    let watch = Stopwatch()
    var repetitions = 0
    while watch.seconds < options.seconds {
      let hash = try await Replay.run(recorded, with: bundle, in: sessions)
      guard hash == recorded.finished.execution else { throw BenchmarkFailure.wrongResult("another execution hash") }
      repetitions += 1
    }
    let replay = Measurement.rate("replay/safebox", Double(repetitions * calls), watch)
    await sessions.backend.shutDown()
    return [replay, Measurement(id: "replay/recorded", rate: Double(calls) / seconds, seconds: seconds)]
  }

  /// The run as it is the first time: what is called is digested for the log, and nothing is written.
  private static func record(
    in sessions: JailSessions
  ) async throws -> (RecordedRun, ReplayBundle, seconds: Double) {
    var program = SampleTool.calling(calls)
    var limits = ToolManifest.Limits()
    (limits.fuel, limits.calls) = (program.limits.fuel, Int64(calls))
    let manifest = ToolManifest(
      name: "bench", version: "1", source: SHA256.hash(program.source), limits: limits)
    program.context = JSON.object([
      "community": .string(community), "tool": .string(manifest.name), "version": .string(manifest.version),
    ]).canonicalBytes()
    let salt = try RunSalt([UInt8](repeating: 5, count: 32))
    guard let id = RunID(SHA256.hash([]).bytes) else { throw BenchmarkFailure.wrongResult("no run id") }
    let watch = Stopwatch()
    let session = try await sessions.open(program, demand: manifest.isolation, seconds: 10)
    defer { session.end() }
    let started = RunStarted(
      run: id, tool: manifest.digest, community: community, client: try Proposer(parsing: "client:bench"),
      input: salt.digest(of: .null), seed: program.seed, isolation: RunIsolation(session.isolation),
      engine: Machine.engine)
    var turn = try await session.begin()
    var called: [(called: RunCalled, at: Int64)] = []
    var words: [ReplayBundle.Call] = []
    var chain = RunChain()
    while case .waiting = turn.state {
      guard let call = turn.calls.first else { throw BenchmarkFailure.wrongResult("a turn without a call") }
      let arguments = try JSON(parsing: call.arguments, limits: .document(maxBytes: 1 << 20))
      let line = RunCalled(
        run: id, index: Int64(called.count), call: Int64(call.number), method: call.method,
        arguments: salt.digest(of: arguments), result: salt.digest(of: 1), isOK: true)
      chain.add(line, at: program.startedAt)
      called.append((line, program.startedAt))
      words.append(.init(call: line.call, arguments: arguments, result: 1))
      turn = try await session.answer(
        MachineAnswer(call: call.number, isError: false, value: [UInt8(ascii: "1")], at: program.startedAt))
    }
    guard case .finished(let text) = turn.state else { throw BenchmarkFailure.wrongResult("\(turn.state)") }
    let value = try JSON(parsing: text, limits: .document(maxBytes: 1 << 20))
    let outcome = RunOutcome.result(salt.digest(of: value))
    let hash = ExecutionHash(
      manifest: manifest, community: community, engine: Machine.engine, input: started.input, seed: program.seed,
      start: program.startedAt, chain: chain, fuel: turn.fuel, outcome: outcome)
    let recorded = RecordedRun(
      started: started, startedAt: program.startedAt, calls: called,
      finished: RunFinished(
        run: id, calls: chain.count, chain: chain.digest, fuel: turn.fuel, outcome: outcome, execution: hash.digest))
    let bundle = ReplayBundle(
      salt: salt, source: program.source, manifest: manifest, input: .null, calls: words, ending: value)
    return (recorded, bundle, watch.seconds)
  }
}

/// The jail as a source of sessions.
struct JailSessions: SessionSource {
  let backend: JailBackend

  func isolation(for demand: ToolManifest.IsolationDemand) async throws(SandboxFailure) -> Isolation {
    try await backend.availability().get()
  }

  func open(
    _ program: MachineProgram, demand: ToolManifest.IsolationDemand, seconds: Int
  ) async throws(SandboxFailure) -> any SandboxSession {
    try await backend.open(program, seconds: seconds)
  }
}
