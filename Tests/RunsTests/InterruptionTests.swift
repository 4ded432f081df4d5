import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import JavaScript
import Runs
import Sandbox
import Synchronization
import Testing

/// What falls between two steps of a driver: stops, cancellations, evictions and answers that meet.
@Suite struct InterruptionTests {
  let box = MemoryBox()
  let sessions = MachineSessions()
  let echo = Echo.Count()

  func service(_ change: (inout RunService.Configuration) -> Void = { _ in }) -> RunService {
    var configuration = RunService.Configuration()
    configuration.patience = .milliseconds(1)
    change(&configuration)
    return RunService(
      host: box, sessions: sessions, store: box, calls: HostCallTable([Echo(count: echo), ActionCall()]),
      usage: UsageBook(), configuration: configuration, report: { _ in })
  }

  @discardableResult
  func start(_ service: RunService, _ tool: SHA256Digest, _ input: JSON = .null, number: Int) async throws -> RunID {
    let id = try #require(RunID(SHA256Digest.of(["number": .integer(Int64(number))]).bytes))
    return try await service.start(
      RunRequest(id: id, tool: tool, input: input, community: "acme", client: .client("app")),
      seed: [UInt8](repeating: 3, count: 32), salt: try RunSalt([UInt8](repeating: 7, count: 32)))
  }

  func payingTool() throws -> SHA256Digest {
    try box.register(
      "paying", RunServiceTests.paying,
      uses: [("HTTP.get", ["hosts": ["*"]]), ("Action.propose", ["types": ["note.write"]])])
  }

  private var recorded: [(started: RunStarted, at: Int64)] {
    box.state.withLock { state in
      state.started.filter { state.finished[$0.key] == nil }.values.map { (started: $0.0, at: $0.1) }
    }
  }

  /// Hundreds wait for people: none of them has a worker, and each goes on when it is decided.
  @Test func runsThatWaitHaveNoWorker() async throws {
    let (count, tool, service) = (400, try payingTool(), service())
    for number in 0..<count { try await start(service, tool, ["amount": 5], number: number) }
    _ = await box.first { $0.proposals.count == count ? true : nil }
    while sessions.live.withLock({ $0 }) > 0 { await Task.yield() }
    #expect(await service.count == count)
    for proposal in box.state.withLock({ Array($0.proposals.keys) }) { box.settle(proposal, "executed", ["number": 1]) }
    _ = await box.first { $0.finished.count == count ? true : nil }
    #expect(box.state.withLock { $0.endings.values.allSatisfy { $0 == "executed 1" } })
    #expect(echo.calls.withLock { $0 } == 2 * count)
    #expect(sessions.live.withLock { $0 } == 0)
  }

  /// A box that stops says nothing to a tool: whoever waits goes on waiting after the next start.
  @Test func aStopIsNoAnswer() async throws {
    let tool = try payingTool()
    let first = service()
    for number in 0..<50 { try await start(first, tool, ["amount": 5], number: number) }
    _ = await box.first { $0.proposals.count == 50 ? true : nil }
    await first.stop()
    let second = service()
    await second.resume(recorded)
    #expect(await second.count == 50)
    for proposal in box.state.withLock({ Array($0.proposals.keys) }) { box.settle(proposal, "executed", ["number": 1]) }
    _ = await box.first { $0.finished.count == 50 ? true : nil }
    #expect(box.state.withLock { $0.endings.values.allSatisfy { $0 == "executed 1" } })
    #expect(box.state.withLock { $0.proposals.count } == 50)
  }

  /// Two that take up the same run at one time are one.
  @Test func aRunIsTakenUpOnce() async throws {
    let tool = try payingTool()
    let first = service()
    try await start(first, tool, ["amount": 5], number: 0)
    let proposal = await box.first { $0.proposals.keys.first }
    await first.stop()
    let second = service()
    let left = recorded
    async let one: Void = second.resume(left)
    async let two: Void = second.resume(left)
    _ = await (one, two)
    box.settle(proposal, "executed", ["number": 1])
    _ = await box.first { $0.finished.isEmpty ? nil : true }
    #expect(box.state.withLock { $0.called.values.map(\.count) } == [3])
    #expect(echo.calls.withLock { $0 } == 2)
  }

  /// Cancelled at any moment after its start, a run ends once and leaves no proposal behind.
  @Test func aRunCanBeCancelledAtAnyMoment() async throws {
    let (tool, service) = (try payingTool(), service())
    for number in 0..<60 {
      let run = try await start(service, tool, ["amount": 5], number: number)
      for _ in 0..<number { await Task.yield() }
      if try await service.cancelRun(run) { _ = await service.wait(for: run) }
      let ended = await box.first { $0.finished[run]?.0 }
      guard case .failure(.cancelled, _) = ended.outcome else {
        Issue.record("after \(number) steps: \(ended.outcome)")
        continue
      }
    }
    #expect(box.state.withLock { $0.withdrawn } == box.state.withLock { Set($0.proposals.keys) })
    #expect(await service.count == 0)
  }

  static let fanning = """
    export default async function (count) {
      const tasks = []
      for (let i = 0; i < count; i++) tasks.push(Protocol.Workflow.run({tool: "paying", input: {amount: i}}))
      return (await Promise.allSettled(tasks)).map((task) => task.value ?? task.reason.code)
    }
    """

  func fanningTool() throws -> SHA256Digest {
    try box.register("fanning", Self.fanning, uses: [("Workflow.run", ["tools": ["paying"]])])
  }

  /// The workflow is back before its tasks, and waits for them all the same.
  @Test func aWorkflowThatIsBackBeforeItsTasksWaitsForThem() async throws {
    _ = try payingTool()
    let fanning = try fanningTool()
    let first = service()
    let run = try await start(first, fanning, 100, number: 0)
    _ = await box.first { $0.proposals.count == 100 ? true : nil }
    await first.stop()
    let second = service()
    await second.resume(recorded.sorted { $0.started.parent == nil && $1.started.parent != nil })
    for proposal in box.state.withLock({ Array($0.proposals.keys) }) { box.settle(proposal, "executed", ["number": 1]) }
    _ = await box.first { $0.finished[run] != nil ? true : nil }
    #expect(box.state.withLock { $0.endings[run] } == .array(Array(repeating: "executed 1", count: 100)))
    #expect(box.state.withLock { $0.started.count } == 101)
    #expect(echo.calls.withLock { $0 } == 200)
  }

  @Test func aWorkflowHasSoManyTasksAndNoMore() async throws {
    _ = try payingTool()
    let fanning = try fanningTool()
    let service = service { $0.maxTasks = 4 }
    let run = try await start(service, fanning, 6, number: 0)
    _ = await box.first { $0.proposals.count == 4 && $0.called[run]?.count == 2 ? true : nil }
    for proposal in box.state.withLock({ Array($0.proposals.keys) }) { box.settle(proposal, "executed", ["number": 1]) }
    _ = await box.first { $0.finished[run] != nil ? true : nil }
    let result = try #require(box.state.withLock { $0.endings[run] }?.array)
    #expect(result.count { $0 == "too_many" } == 2)
    #expect(result.count { $0 == "executed 1" } == 4)
  }

  /// The wall was down between the end of a workflow and the end of its tasks.
  @Test func theTasksOfACancelledWorkflowAreCancelledAfterACrash() async throws {
    _ = try payingTool()
    let fanning = try fanningTool()
    let first = service()
    let run = try await start(first, fanning, 1, number: 0)
    _ = await box.first { $0.proposals.count == 1 ? true : nil }
    await first.stop()
    _ = try await box.finish(
      run: run, fuel: 0, outcome: .failure(.cancelled, message: SHA256Digest.of("cancelled")))
    let second = service()
    await second.resume(recorded)
    _ = await box.first { $0.finished.count == 2 ? true : nil }
    #expect(box.state.withLock { $0.finished.values.allSatisfy { !$0.0.outcome.isResult } })
    #expect(box.state.withLock { $0.withdrawn.count } == 1)
  }
}

extension RunOutcome {
  fileprivate var isResult: Bool { if case .result = self { true } else { false } }
}
