import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import Runs
import Synchronization
import Testing

/// A call that looks: answers with what it was asked, and counts.
struct Echo: HostCall {
  final class Count: Sendable {
    let calls = Mutex(0)
  }
  let count: Count

  var methods: [HostMethod] {
    [HostMethod("HTTP.get", .observe, dimensions: ["hosts"], schema: [:], summary: "echo")]
  }

  func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    let count = count
    guard let host = arguments["host"]?.string else { throw HostCallError("bad_argument", "arguments.host is missing") }
    return HostCallPlan(
      facts: [["hosts": host]],
      step: .observe {
        count.calls.withLock { $0 += 1 }
        return HostCallOutcome(.success(["echo": arguments]))
      })
  }
}

@Suite struct RunServiceTests {
  let box = MemoryBox()
  let sessions = MachineSessions()
  let echo = Echo.Count()

  func service(patience: Duration = .seconds(60)) -> RunService {
    var configuration = RunService.Configuration()
    configuration.patience = patience
    return RunService(
      host: box, sessions: sessions, store: box, calls: HostCallTable([Echo(count: echo), ActionCall()]),
      usage: UsageBook(), configuration: configuration, report: { _ in })
  }

  static func id(_ number: UInt8) throws -> RunID { try #require(RunID([UInt8](repeating: number, count: 32))) }

  static let salt = try? RunSalt([UInt8](repeating: 7, count: 32))

  @discardableResult
  func start(
    _ service: RunService, _ tool: SHA256Digest, _ input: JSON = .null, id: UInt8 = 1
  ) async throws -> RunID {
    try await service.start(
      RunRequest(
        id: try Self.id(id), tool: tool, input: input, community: "acme", client: .client("app")),
      seed: [UInt8](repeating: 3, count: 32), salt: try #require(Self.salt))
  }

  func ending(_ run: RunID) async throws -> RunEnding {
    _ = await box.first { $0.finished[run] != nil ? true : nil }
    return try #require(try await box.ending(of: run))
  }

  static let echoing = """
    export default async function (input) {
      const answers = []
      for (let i = 0; i < 3; i++) answers.push((await Protocol.HTTP.get({host: "a.example", i})).echo.i)
      return {input, answers}
    }
    """

  @Test func aToolRunsToItsResult() async throws {
    let tool = try box.register("echoing", Self.echoing, uses: [("HTTP.get", ["hosts": ["a.example"]])])
    let service = service()
    let run = try await start(service, tool, ["x": 1])
    #expect(try await ending(run).outcome == .result(["input": ["x": 1], "answers": [0, 1, 2]]))
    #expect(box.state.withLock { $0.called[run]?.map(\.called.call) } == [0, 1, 2])
    #expect(sessions.live.withLock { $0 } == 0)
  }

  @Test func aCallOutsideTheManifestIsRefusedAndJournalled() async throws {
    let tool = try box.register(
      "curious",
      """
      export default async function () {
        try { await Protocol.HTTP.get({host: "evil.example"}) } catch (error) { return [error.code, error.name] }
      }
      """, uses: [("HTTP.get", ["hosts": ["a.example"]])])
    let run = try await start(service(), tool)
    #expect(try await ending(run).outcome == .result(["not_granted", "ProtocolError"]))
    let lines = box.state.withLock { $0.called[run] ?? [] }
    #expect(lines.count == 1)
    #expect(lines.first?.called.isOK == false)
    #expect(lines.first?.called.usage == nil)
    #expect(echo.calls.withLock { $0 } == 0)
  }

  static let paying = """
    export default async function (input) {
      const before = await Protocol.HTTP.get({host: "a.example"})
      const paid = await Protocol.Action.propose({type: "note.write", params: {amount: input.amount}})
      const after = await Protocol.HTTP.get({host: "a.example"})
      return paid.status + " " + paid.result.number
    }
    """

  func payingTool() throws -> SHA256Digest {
    try box.register(
      "paying", Self.paying, uses: [("HTTP.get", ["hosts": ["*"]]), ("Action.propose", ["types": ["note.write"]])])
  }

  @Test func aRunThatWaitsForADecisionGivesItsWorkerBackAndGoesOn() async throws {
    let service = service(patience: .milliseconds(1))
    let run = try await start(service, try payingTool(), ["amount": 5])
    let proposal = await box.first { $0.proposals.keys.first }
    while sessions.live.withLock({ $0 }) > 0 { await Task.yield() }
    let standing = try #require(await service.standing(of: run))
    #expect(standing.isParked)
    #expect(standing.waits.map(\.reason) == [.proposal(proposal)])
    box.settle(proposal, "executed", ["number": 17])
    #expect(try await ending(run).outcome == .result("executed 17"))
    #expect(sessions.opened.withLock { $0 } == 2)
    // What was looked up before is not looked up again.
    #expect(echo.calls.withLock { $0 } == 2)
    #expect(box.state.withLock { $0.resumed.map(\.calls) } == [2])
  }

  @Test func aRefusedProposalRejectsThePromise() async throws {
    let run = try await start(service(), try payingTool(), ["amount": 5])
    box.settle(await box.first { $0.proposals.keys.first }, "denied")
    guard case .failure(let kind, let message) = try await ending(run).outcome else {
      Issue.record("the run came to a result")
      return
    }
    #expect(kind == .exception)
    #expect(message.contains("denied"))
  }

  /// The log takes so many recordings and then none: the box dies. Another one goes on from what is there.
  @Test func aBoxThatDiesAtAnyRecordingNeitherRepeatsAChangeNorLosesAResult() async throws {
    let tool = try payingTool()
    var expected: SHA256Digest?
    for point in 0... {
      let box = MemoryBox()
      box.state.withLock { state in
        state.manifests = self.box.state.withLock { $0.manifests }
        state.sources = self.box.state.withLock { $0.sources }
        state.failsAfter = point
      }
      let run = try Self.id(1)
      let first = Self.service(box, sessions, echo)
      let settling = Task {
        let proposal = await box.first { $0.proposals.keys.first }
        if !Task.isCancelled { box.settle(proposal, "executed", ["number": 17]) }
      }
      do {
        try await Self.start(first, tool, ["amount": 5])
      } catch is MemoryBox.Dead {}
      _ = await first.wait(for: run)
      let isOver = box.state.withLock { state in
        defer { state.failsAfter = nil }
        return state.finished[run] != nil
      }
      await first.stop()
      let second = Self.service(box, sessions, echo)
      if !isOver {
        let left = box.state.withLock { $0.started.values.map { (started: $0.0, at: $0.1) } }
        await second.resume(left)
        if left.isEmpty { try await Self.start(second, tool, ["amount": 5]) }
        _ = await box.first { $0.finished[run] != nil ? true : nil }
      }
      let (proposals, result) = box.state.withLock { ($0.proposals.count, $0.endings[run]) }
      #expect(proposals == 1, "dying at recording \(point)")
      #expect(result == "executed 17", "dying at recording \(point)")
      _ = await settling.value
      await second.stop()
      if isOver {
        expected = box.state.withLock { $0.finished[run]?.0.execution }
        #expect(point > 8)
        break
      }
    }
    #expect(expected != nil)
  }

  static func service(_ box: MemoryBox, _ sessions: MachineSessions, _ echo: Echo.Count) -> RunService {
    RunService(
      host: box, sessions: sessions, store: box, calls: HostCallTable([Echo(count: echo), ActionCall()]),
      usage: UsageBook(), report: { _ in })
  }

  static func start(_ service: RunService, _ tool: SHA256Digest, _ input: JSON) async throws {
    try await service.start(
      RunRequest(id: try id(1), tool: tool, input: input, community: "acme", client: .client("app")),
      seed: [UInt8](repeating: 3, count: 32), salt: try #require(salt))
  }

  @Test func aCancelledRunWithdrawsWhatItProposed() async throws {
    let service = service()
    let run = try await start(service, try payingTool(), ["amount": 5])
    let proposal = await box.first { $0.proposals.keys.first }
    while await service.standing(of: run)?.waits.isEmpty ?? true { await Task.yield() }
    #expect(try await service.cancelRun(run))
    #expect(try await ending(run).outcome == .failure(kind: .cancelled, message: "the run was cancelled"))
    #expect(box.state.withLock { $0.withdrawn } == [proposal])
  }

  @Test func theSameIDIsTheSameRun() async throws {
    let tool = try box.register("echoing", Self.echoing, uses: [("HTTP.get", ["hosts": ["a.example"]])])
    let service = service()
    async let one = start(service, tool)
    async let two = start(service, tool)
    _ = try await (one, two)
    _ = try await ending(try Self.id(1))
    try await start(service, tool)
    #expect(echo.calls.withLock { $0 } == 3)
  }

  /// What the box in memory never advances by itself is the clock; the deadline is waited for all the same.
  @Test func aTaskThatDoesNotEndInTimeIsCancelledAndRejectsThePromise() async throws {
    _ = try payingTool()
    let workflow = try box.register(
      "impatient",
      """
      export default async function () {
        try { await Protocol.Workflow.run({tool: "paying", input: {amount: 5}, timeout: 50}) } catch (error) {
          return error.code
        }
      }
      """, uses: [("Workflow.run", ["tools": ["paying"]])])
    let run = try await start(service(), workflow)
    #expect(try await ending(run).outcome == .result("timeout"))
    let child = try #require(box.state.withLock { $0.called[run]?.first?.called.child })
    #expect(try await ending(child).outcome == .failure(kind: .cancelled, message: "the run was cancelled"))
  }

  @Test func aTaskIsTriedAgainAndThenADeadLetter() async throws {
    _ = try box.register("failing", "export default async () => { throw new Error('no') }")
    let workflow = try box.register(
      "stubborn",
      """
      export default async function () {
        try { await Protocol.Workflow.run({tool: "failing", retries: 2, backoff: 1}) } catch (error) {
          return [error.code, error.details.attempts, error.details.kind]
        }
      }
      """, uses: [("Workflow.run", ["tools": ["failing"]])])
    let run = try await start(service(), workflow)
    #expect(try await ending(run).outcome == .result(["task_failed", 3, "exception"]))
    let tasks = box.state.withLock { state in state.started.values.filter { $0.0.parent?.run == run }.count }
    #expect(tasks == 3)
  }
}
