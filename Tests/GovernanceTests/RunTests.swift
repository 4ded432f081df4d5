import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

/// What the fold takes of a run, and what it refuses.
@Suite struct RunTests {
  private func boxWithRun(calls: Int64 = 1000) throws -> (TestBox, SHA256Digest) {
    var box = try TestBox.withTools()
    let tool = try box.register(TestBox.manifest(calls: calls))
    try box.start(1, tool)
    return (box, tool)
  }

  @Test func aRunIsFollowedFromItsStartToItsEnd() throws {
    var (box, tool) = try boxWithRun()
    let id = TestBox.id(1)
    #expect(box.state.liveRuns.map(\.id) == [id])
    box.pass(seconds: 1)
    try box.call(1, 0, 2)
    box.pass(seconds: 1)
    try box.call(1, 1)
    let run = try #require(box.state.run(id))
    #expect(run.calls == 3 && run.tool == tool && run.startedAt == TestBox.start)
    // By hand, from the entries alone.
    var chain = RunChain()
    for entry in box.log where entry.kind == .runCalled { chain.add(try RunCalled(body: entry.body), at: entry.at) }
    #expect(run.chain == chain)
    let started = try #require(box.log.first { $0.kind == .runStarted })
    let body = try RunStarted(body: started.body)
    let hash = ExecutionHash(
      manifest: TestBox.manifest(), community: body.community, engine: body.engine, input: body.input, seed: body.seed,
      start: started.at, chain: chain, fuel: 5, outcome: .result(.of("done")))
    let end = try box.finish(run: 1)
    #expect(end.execution == hash.digest && end.chain == chain.digest && end.calls == 3)
    #expect(box.state.run(id) == nil && box.state.liveRuns.isEmpty)
    let applied = try box.state.apply(box.started(1, tool).entry(at: box.now))
    #expect(applied.run == id && applied.proposal == nil && applied.settled.isEmpty)
  }

  @Test func aRunMustBeIsolatedAsItsManifestDemands() throws {
    var box = try TestBox.withTools()
    let part = RunIsolation(backend: "jail", applied: ["seccomp"], missing: ["cgroup"])
    let whole = RunIsolation(backend: "jail", applied: ["cgroup", "seccomp"], missing: [])
    let none = RunIsolation(backend: "inprocess", applied: [], missing: [])
    let lax = try box.register(TestBox.manifest("lax"))
    let strict = try box.register(TestBox.manifest("strict", full: true))
    let open = try box.register(TestBox.manifest("open", backend: "inprocess"))
    let cases: [(SHA256Digest, RunIsolation, Bool)] = [
      (lax, part, true), (lax, whole, true), (lax, none, false), (strict, part, false), (strict, whole, true),
      (strict, none, false), (open, none, true), (open, whole, false),
    ]
    for (index, (tool, isolation, isTaken)) in cases.enumerated() {
      let refusal = code { try box.apply(box.started(UInt8(index), tool, isolation: isolation)) }
      #expect(refusal == (isTaken ? nil : "run.isolation"), "case \(index)")
    }
    // Nothing is everything only where there is something.
    #expect(whole.isFull && !part.isFull && !none.isFull)
    // No session of a run may have less.
    #expect(
      code { try box.apply(box.state.resumeRunDraft(for: TestBox.id(4), isolation: part, engine: "e")) }
        == "run.isolation")
    #expect(code { try box.apply(box.state.resumeRunDraft(for: TestBox.id(4), isolation: whole, engine: "e")) } == nil)
  }

  @Test func answersComeInOrderAndOnce() throws {
    var (box, _) = try boxWithRun(calls: 5)
    func refused(_ call: Int64, index: Int64? = nil, run: UInt8 = 1) -> String? {
      code { try box.state.check(box.called(run, call, index: index).entry(at: box.now)) }
    }
    #expect(refused(0, index: 1) == "run.calls")
    #expect(refused(0, run: 2) == "run.unknown-run")
    #expect(refused(5) == "run.call-limit")
    try box.call(1, 3)
    #expect(refused(1, index: 0) == "run.calls")
    #expect(refused(3) == "run.answered")
    try box.call(1, 0, 1)
    for call in [0, 1, 3] as [Int64] { #expect(refused(call) == "run.answered") }
    #expect(refused(2) == nil && refused(4) == nil)
    try box.call(1, 2, 4)
    #expect(refused(5) == "run.call-limit" && refused(4) == "run.answered")
    try box.finish(run: 1)
    #expect(refused(4, index: 5) == "run.unknown-run")
    #expect(code { try box.finish(run: 1) } != nil)
  }

  /// What the fold remembers of a run's calls is bounded as the engine's waiting calls are.
  @Test func onlySoManyCallsWait() throws {
    var (box, _) = try boxWithRun()
    func refused(_ call: Int64) -> String? { code { try box.state.check(box.called(1, call).entry(at: box.now)) } }
    #expect(refused(256) == "run.pending" && refused(255) == nil)
    try box.call(1, 255)
    #expect(refused(257) == "run.pending" && refused(256) == nil)
    try box.call(1, 7)
    #expect(refused(257) == nil && refused(7) == "run.answered")
    for call in 256...700 { try box.call(1, Int64(call)) }
    #expect(refused(6) == nil && refused(300) == "run.answered")
  }

  @Test func theEndMustBeWhatTheAnswersMake() throws {
    var (box, _) = try boxWithRun()
    try box.call(1, 0)
    let good = try box.state.finishRunDraft(for: TestBox.id(1), fuel: 5, outcome: .result(.of("done")))
    func refused(_ change: (inout RunFinished) -> Void) -> String? {
      var body = good
      change(&body)
      return code { try box.state.check(body.entry(at: box.now)) }
    }
    #expect(refused { _ in } == nil)
    #expect(refused { $0.calls = 0 } == "run.calls")
    #expect(refused { $0.chain = RunChain.start } == "run.chain")
    #expect(refused { $0.fuel = 6 } == "run.execution")
    #expect(refused { $0.outcome = .result(.of("other")) } == "run.execution")
    #expect(refused { $0.outcome = .failure(.fuel, message: .of("m")) } == "run.execution")
    #expect(refused { $0.execution = .of("other") } == "run.execution")
    #expect(refused { $0.run = TestBox.id(9) } == "run.unknown-run")
    // A draft of an earlier moment is no longer the end.
    try box.call(1, 1)
    #expect(refused { _ in } == "run.calls")
  }

  @Test func aLaterSessionsEngineIsTheOneThatCounts() throws {
    var (box, tool) = try boxWithRun()
    try box.call(1, 0)
    let isolation = box.started(1, tool).isolation
    var body = try box.state.resumeRunDraft(for: TestBox.id(1), isolation: isolation, engine: "quickjs-ng 0.18.0-1")
    body.calls = 0
    #expect(code { try box.apply(body) } == "run.calls")
    body.calls = 1
    let before = try box.state.finishRunDraft(for: TestBox.id(1), fuel: 5, outcome: .result(.of("done")))
    try box.apply(body)
    #expect(code { try box.apply(before) } == "run.execution")
    try box.finish(run: 1)
    #expect(code { try box.apply(body) } == "run.unknown-run")
  }

  @Test func aStoppedOrSealedBoxStartsNothingAndLosesNothing() throws {
    for type in ["box.stop", "box.seal"] {
      var (box, tool) = try boxWithRun()
      let id = try box.open(type, ["reason": "r"])
      try box.approve(id, by: "ana", "ben", "carl")
      try box.execute(id)
      #expect(code { try box.start(2, tool) } == (type == "box.stop" ? "run.stopped" : "run.sealed"))
      try box.call(1, 0)
      try box.apply(
        box.state.resumeRunDraft(for: TestBox.id(1), isolation: box.started(1, tool).isolation, engine: "e"))
      try box.call(1, 1)
      try box.finish(run: 1)
    }
  }

  @Test func aLiveNameIsNotTakenTwiceAndRoomIsBounded() throws {
    var (box, tool) = try boxWithRun()
    #expect(code { try box.start(1, tool) } == "run.repeated")
    box.state.maxRuns = 2
    try box.start(2, tool)
    #expect(code { try box.start(3, tool) } == "run.too-many")
    try box.finish(run: 2)
    try box.start(3, tool)
  }

  @Test func aTaskBelongsToALiveRun() throws {
    var (box, tool) = try boxWithRun()
    let task = RunStarted.Task(run: TestBox.id(1), number: 0)
    try box.apply(box.started(2, tool, client: .run(TestBox.id(1)), parent: task))
    try box.finish(run: 1)
    #expect(
      code { try box.apply(box.started(3, tool, client: .client("app"), parent: task)) } == "run.unknown-run")
    #expect(code { try box.apply(box.started(3, tool, client: .run(TestBox.id(1)))) } == "run.unknown-run")
  }

  @Test func aRunProposesWhileItLives() throws {
    var (box, _) = try boxWithRun()
    let proposer = Proposer.run(TestBox.id(1))
    let mail = try box.open("mail.send", by: proposer)
    #expect(code { try box.open("mail.send", by: .run(TestBox.id(2))) } == "statement.unknown-proposer")
    var body = try box.draft("mail.send", by: proposer)
    body.claim = try box.claim(.propose, body.statement, by: "ana")
    #expect(code { try box.apply(body) } == "claim.superfluous")
    let withdrawal = ProposalVote(verdict: .withdraw, proposal: mail, voice: .run(TestBox.id(1)))
    let thief = ProposalVote(verdict: .withdraw, proposal: mail, voice: .run(TestBox.id(2)))
    #expect(code { try box.apply(thief) } == "vote.not-proposer")
    #expect(code { try box.withdraw(mail, client: "app") } == "vote.not-proposer")
    try box.finish(run: 1)
    #expect(code { try box.open("mail.send", by: proposer) } == "statement.unknown-proposer")
    // What it proposed stands, and is taken back in its name.
    #expect(box.status(mail)?.name == "open")
    try box.apply(withdrawal)
    #expect(box.status(mail)?.name == "withdrawn")
  }

  /// The quota is three proposals an hour: for the tool, not for each run, nor for each version.
  @Test func moreRunsDoNotMakeMoreQuota() throws {
    var (box, tool) = try boxWithRun()
    let next = try box.register(TestBox.manifest("greet", "2.0.0"))
    let other = try box.register(TestBox.manifest("other"))
    try box.start(2, tool)
    try box.start(3, next)
    try box.start(4, other)
    try box.start(5, tool, community: "beta")
    for run in 1...3 as ClosedRange<UInt8> { try box.open("pay.out", by: .run(TestBox.id(run))) }
    for run in 1...3 as ClosedRange<UInt8> {
      #expect(code { try box.open("pay.out", by: .run(TestBox.id(run))) } == "statement.quota-count")
    }
    try box.finish(run: 1)
    try box.start(1, tool)
    #expect(code { try box.open("pay.out", by: .run(TestBox.id(1))) } == "statement.quota-count")
    #expect(code { try box.open("pay.out", by: .run(TestBox.id(4))) } == nil)
    #expect(code { try box.open("pay.out", by: .run(TestBox.id(5))) } == nil)
    #expect(code { try box.open("pay.out") } == nil)
  }
}
