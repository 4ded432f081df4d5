import CanonicalJSON
import Cryptography
import Governance
import Testing

@testable import BoxService
@testable import HostCalls

/// When decisions are carried out, and when not.
@Suite struct SchedulerTests {
  @Test func aStoppedBoxCarriesNothingOutUntilItResumes() async throws {
    try await TestBox.with { box in
      let stop = try await box.open("box.stop", ["reason": "an incident"])
      try await box.approve(stop, by: "ana", "ben")
      try await box.wait(stop, for: "executed")
      let note = try box.note("note.write")
      let held = try await box.open("note.write")
      try await box.sweep()
      #expect(try await box.status(held) == "approved")
      #expect(note.orders.isEmpty)
      let resume = try await box.open("box.resume", ["reason": "it is over"])
      try await box.approve(resume, by: "carl", "dora")
      try await box.wait(resume, for: "executed")
      try await box.wait(held, for: "executed")
      #expect(note.orders == [held.digest])
    }
  }

  @Test func roomInABudgetIsFoundByTheSweep() async throws {
    try await TestBox.with { box in
      let note = try box.note("note.metered")
      let first = try await box.open("note.metered")
      try await box.wait(first, for: "executed")
      let second = try await box.open("note.metered")
      #expect(["open", "locked"].contains(try await box.status(second)))
      box.home.clock.advance(seconds: 59)
      try await box.sweep()
      #expect(note.orders.count == 1)
      box.home.clock.advance(seconds: 2)
      try await box.sweep()
      try await box.wait(second, for: "executed")
      #expect(note.orders == [first.digest, second.digest])
    }
  }

  @Test func whatFollowsWaitsForItsPredecessor() async throws {
    try await TestBox.with { box in
      let first = try await box.open("note.single")
      let answer = try await box.call(
        "POST", "/v1/proposals",
        ["action": ["type": "note.write", "params": [:], "follows": [.string(first.id)]]])
      let second = try Opened(answer.json)
      #expect(second.json["status"]?["name"]?.string == "open")
      #expect(try box.note("note.write").orders.isEmpty)
      try await box.approve(first, by: "ana")
      try await box.wait(second, for: "executed")
      #expect(try box.note("note.write").orders == [second.digest])
    }
  }

  @Test func moreThanMayRunAtOnceWaitTheirTurn() async throws {
    let executor = NoteExecutor("note.write")
    executor.behave(.wait)
    let box = try await TestBox(try await TestBox.Home(), notes: [executor])
    var opened: [Opened] = []
    for number in 0..<(ExecutionScheduler.maxConcurrent + 5) {
      opened.append(try await box.open("note.write", ["n": .integer(Int64(number))]))
    }
    await executor.arrived(ExecutionScheduler.maxConcurrent)
    // Another sweep finds them all again and starts none.
    try await box.sweep()
    #expect(executor.orders.count == ExecutionScheduler.maxConcurrent)
    executor.release()
    for one in opened { try await box.wait(one, for: "executed") }
    #expect(Set(executor.orders) == Set(opened.map(\.digest)))
    #expect(executor.orders.count == opened.count)
    await box.stop()
  }

  @Test func anExecutionThatFailsOrDoesNotKnowSaysSo() async throws {
    let executor = NoteExecutor("note.write")
    let box = try await TestBox(try await TestBox.Home(), notes: [executor])
    executor.behave(.answer(.failed(result: ["reason": "no"], opening: nil)))
    let failed = try await box.open("note.write", ["n": 1])
    #expect(try await box.wait(failed, for: "failed")["execution"]?["result"]?["reason"]?.string == "no")
    executor.behave(.answer(.unknown(result: ["reason": "who knows"])))
    let unknown = try await box.open("note.write", ["n": 2])
    let json = try await box.wait(unknown, for: "unknown")
    #expect(json["next_steps"]?.array?.isEmpty == false)
    // A result that no entry holds does not leave the execution without an end.
    executor.behave(.answer(.executed(result: ["text": .string(String(repeating: "x", count: 40_000))], opening: nil)))
    let big = try await box.open("note.write", ["n": 3])
    let done = try await box.wait(big, for: "executed")
    #expect(done["execution"]?["result"]?["reason"]?.string?.contains("does not fit") == true)
    executor.behave(.answer(.executed(result: ["fraction": .double(0.5)], opening: nil)))
    let odd = try await box.open("note.write", ["n": 4])
    try await box.wait(odd, for: "executed")
    await box.stop()
  }

  @Test func anEffectThatIsNoLongerPossibleEndsAsFailed() async throws {
    let home = try await TestBox.Home()
    let box = try await Box(
      directory: home.directory, environment: .init(clock: { home.clock.now }, report: { home.reports.add($0) }))
    let sequencer = try #require(box.core).sequencer
    // Three revocations are started while each alone is possible; the root committee of four needs two.
    var ids: [SHA256Digest] = []
    for (number, name) in ["ana", "ben", "carl"].enumerated() {
      let step = Sequencer.OpenStep(
        action: try Action(type: "signer.revoke", params: ["signer": .string(name), "reason": "left"]),
        proposer: .client("app"), salt: [UInt8](repeating: UInt8(number), count: 32), expires: .longest)
      guard case .opened(let id) = try await sequencer.submit(.open(step)).response else { continue }
      let statement = try #require(try await sequencer.inspect { state, _ in state.proposal(id)?.statement })
      for voter in ["carl", "dora"] {
        let claim = try TestPerson(voter).claim(.approve, statement, exp: home.clock.now / 1000 + 3600)
        try await sequencer.submit(
          .vote(ProposalVote(verdict: .approve, proposal: id, voice: .signer(voter, claim: claim))))
      }
      ids.append(id)
    }
    for id in ids { try await sequencer.submit(.start(id)) }
    await box.stop()
    let running = try await TestBox(home)
    var outcomes: [String] = []
    for id in ids {
      let opened = try Opened(try await running.get("/v1/proposals/\(id)").json)
      outcomes.append(try await running.wait(opened, for: "executed", "failed")["status"]?["name"]?.string ?? "")
    }
    #expect(outcomes.sorted() == ["executed", "executed", "failed"])
    await running.stop()
  }

  @Test func aVoteDuringALookIsNotLost() async throws {
    // The look at the state that opening caused is under way while the deciding vote arrives.
    try await TestBox.with { box in
      for number in 0..<40 {
        let opened = try await box.open("note.single", ["n": .integer(Int64(number))])
        let scheduler = try box.core().scheduler
        async let looks: Void = {
          for _ in 0..<20 { await scheduler.consider(opened.digest) }
        }()
        try await box.approve(opened, by: "ana")
        await looks
        let view = try await box.get("/v1/proposals/\(opened.id)?wait=5").json
        let name = view["status"]?["name"]?.string
        #expect(["executed", "executing", "approved"].contains(name ?? ""))
        try await box.wait(opened, for: "executed")
      }
    }
  }

  @Test func turnsAreTakenInOrderAndGivenBackOnErrors() async throws {
    let turns = Turns()
    let key = SHA256.hash([1])
    let executor = NoteExecutor("x.y")
    executor.behave(.wait)
    struct Stop: Error {}
    let first = Task {
      try await turns.run(key) {
        _ = await executor.execute(try SchedulerTests.order())
        throw Stop()
      }
    }
    await executor.arrived()
    let second = Task { await turns.run(key) { 2 } }
    let other = await turns.run(SHA256.hash([2])) { 3 }
    #expect(other == 3, "another key does not wait")
    executor.release()
    await #expect(throws: Stop.self) { try await first.value }
    #expect(await second.value == 2)
    #expect(await turns.held == 0)
  }

  static func order() throws -> ExecutionOrder {
    let zero = SHA256.hash([])
    let statement = Statement(
      action: try Action(type: "x.y", params: [:]), box: "b", epoch: 1, expires: 1, nonce: zero, policy: zero)
    return ExecutionOrder(
      proposal: statement.digest, statement: statement, params: [:],
      policy: Policy(covers: [try Pattern(parsing: "x.y")], rule: .deny))
  }
}
