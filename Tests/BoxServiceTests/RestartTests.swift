import CanonicalJSON
import Cryptography
import Governance
import Receipts
import Testing

@testable import BoxService

/// What a stop, a crash and a new start leave: everything decided happens, and nothing happens twice.
@Suite struct RestartTests {
  private static func executors(_ configure: (NoteExecutor) -> Void = { _ in }) -> [NoteExecutor] {
    let executor = NoteExecutor("note.write")
    configure(executor)
    return [executor, NoteExecutor("note.single")]
  }

  /// A log that ends in the middle: entries are appended by the sequencer as if the process had died after them.
  private static func log(
    _ home: TestBox.Home, _ steps: (Sequencer) async throws -> Void
  ) async throws {
    let box = try await Box(
      directory: home.directory,
      environment: .init(clock: { home.clock.now }, report: { home.reports.add($0) }))
    let core = try #require(box.core)
    try await steps(core.sequencer)
    await box.stop()
  }

  private static func open(
    _ sequencer: Sequencer, _ type: String, _ params: JSONObject = [:], salt: UInt8 = 1
  ) async throws -> SHA256Digest {
    let step = Sequencer.OpenStep(
      action: try Action(type: type, params: params), proposer: .client("app"),
      salt: [UInt8](repeating: salt, count: 32), expires: .longest)
    guard case .opened(let id) = try await sequencer.submit(.open(step)).response else {
      throw TestFailure("not opened")
    }
    return id
  }

  private static func vote(_ sequencer: Sequencer, _ id: SHA256Digest, by name: String, at now: Int64) async throws {
    let statement = try #require(
      try await sequencer.inspect { state, _ in state.proposal(id)?.statement })
    let claim = try TestPerson(name).claim(.approve, statement, exp: now / 1000 + 3600)
    try await sequencer.submit(
      .vote(ProposalVote(verdict: .approve, proposal: id, voice: .signer(name, claim: claim))))
  }

  @Test func approvedAndNotStartedIsCarriedOutOnce() async throws {
    let home = try await TestBox.Home()
    var id: SHA256Digest?
    try await Self.log(home) { id = try await Self.open($0, "note.write") }
    let digest = try #require(id)
    let box = try await TestBox(home)
    let note = try box.note("note.write")
    await note.arrived()
    let view = try await box.get("/v1/proposals/\(digest)?wait=5").json
    let opened = try Opened(view)
    try await box.wait(opened, for: "executed")
    #expect(note.orders == [digest])
    #expect(note.repeats.isEmpty)
    let again = try await box.restarted()
    try await again.sweep()
    #expect(try again.note("note.write").orders.isEmpty)
    #expect(try await again.status(opened) == "executed")
    await again.stop()
  }

  @Test func startedAndNotFinishedIsReconciledAndNeverExecutedAgain() async throws {
    let home = try await TestBox.Home()
    var id: SHA256Digest?
    try await Self.log(home) { sequencer in
      let opened = try await Self.open(sequencer, "note.write")
      try await sequencer.submit(.start(opened))
      id = opened
    }
    let digest = try #require(id)
    let box = try await TestBox(
      home, notes: Self.executors { $0.behave(.answer(.unknown(result: ["reason": "nobody knows"]))) })
    let opened = try Opened(try await box.get("/v1/proposals/\(digest)").json)
    let json = try await box.wait(opened, for: "unknown")
    #expect(json["execution"]?["result"]?["reason"]?.string == "nobody knows")
    let note = try box.note("note.write")
    #expect(note.orders.isEmpty)
    #expect(note.repeats == [digest])
    #expect(home.reports.lines.contains { $0.contains("reconciling") })
    // A human settles it.
    let resolve = try await box.open(
      "execution.resolve", ["proposal": .string(opened.id), "outcome": "executed", "note": "the peer says so"])
    try await box.approve(resolve, by: "ana", "ben")
    try await box.wait(resolve, for: "executed")
    #expect(try await box.status(opened) == "executed")
    await box.stop()
  }

  @Test func anInterruptedPaymentIsUnknownUnlessThePeerKnowsRepetitions() async throws {
    let bank = try Bank()
    let home = try await TestBox.Home(egress: [bank.address])
    var ids: [SHA256Digest] = []
    try await Self.log(home) { sequencer in
      for (salt, isIdempotent) in [(UInt8(1), false), (2, true)] {
        let id = try await Self.open(
          sequencer, "http.request",
          ["method": "POST", "url": .string("\(bank.url)/\(isIdempotent)"), "idempotent": .bool(isIdempotent)],
          salt: salt)
        for name in ["ana", "ben"] { try await Self.vote(sequencer, id, by: name, at: home.clock.now) }
        try await sequencer.submit(.start(id))
        ids.append(id)
      }
    }
    let box = try await TestBox(home)
    let payment = try Opened(try await box.get("/v1/proposals/\(ids[0])").json)
    let repeatable = try Opened(try await box.get("/v1/proposals/\(ids[1])").json)
    try await box.wait(payment, for: "unknown")
    try await box.wait(repeatable, for: "executed")
    #expect(bank.received.map(\.target) == ["/true"])
    #expect(bank.received.first?.headers["idempotency-key"] == repeatable.id)
    #expect(try ReceiptCheck.verdict(try await box.get("/v1/receipts/\(payment.id)"), of: box) == .accepted)
    await box.stop()
    await bank.stop()
  }

  @Test func aRepetitionThatIsRefusedSaysNothingOfTheFirst() async throws {
    let bank = try Bank()
    bank.answer(.text("duplicate", status: 409))
    let home = try await TestBox.Home(egress: [bank.address, "127.0.0.1:1"])
    var ids: [SHA256Digest] = []
    try await Self.log(home) { sequencer in
      for (salt, url) in [(UInt8(1), bank.url), (2, "http://127.0.0.1:1")] {
        let id = try await Self.open(
          sequencer, "http.request", ["method": "POST", "url": .string("\(url)/pay"), "idempotent": true], salt: salt)
        for name in ["ana", "ben"] { try await Self.vote(sequencer, id, by: name, at: home.clock.now) }
        try await sequencer.submit(.start(id))
        ids.append(id)
      }
    }
    let box = try await TestBox(home)
    for id in ids {
      let opened = try Opened(try await box.get("/v1/proposals/\(id)").json)
      try await box.wait(opened, for: "unknown")
    }
    await box.stop()
    await bank.stop()
  }

  @Test func withoutItsExecutorOrItsOpeningsAnInterruptedExecutionIsUnknown() async throws {
    let home = try await TestBox.Home()
    var ids: [SHA256Digest] = []
    try await Self.log(home) { sequencer in
      let erased = Opening.saltBytes
      let commitment = try Opening(value: "gone", salt: [UInt8](repeating: 3, count: erased)).commitment.json
      for (salt, type, params) in [
        (UInt8(1), "note.write", ["secret": commitment] as JSONObject), (2, "note.metered", [:]),
      ] {
        let id = try await Self.open(sequencer, type, params, salt: salt)
        try await sequencer.submit(.start(id))
        ids.append(id)
      }
    }
    let box = try await TestBox(home, notes: Self.executors())
    for id in ids {
      let opened = try Opened(try await box.get("/v1/proposals/\(id)").json)
      try await box.wait(opened, for: "unknown")
    }
    await box.stop()
  }

  @Test func aChangeOfPolicyThatWasCutOffIsFinished() async throws {
    let home = try await TestBox.Home()
    var id: SHA256Digest?
    let policy: JSON = ["covers": ["note.write"], "rule": ["rule": "single", "committee": "everybody"]]
    try await Self.log(home) { sequencer in
      let opened = try await Self.open(
        sequencer, "governance.policy.set", ["name": "notes", "policy": policy])
      for name in ["ana", "ben"] { try await Self.vote(sequencer, opened, by: name, at: home.clock.now) }
      try await sequencer.submit(.start(opened))
      id = opened
    }
    let box = try await TestBox(home)
    let opened = try Opened(try await box.get("/v1/proposals/\(try #require(id))").json)
    try await box.wait(opened, for: "executed")
    #expect(try await box.get("/v1/policies/notes").json["policy"] == policy)
    #expect(try await box.get("/v1/status", as: nil).json["epoch"]?.integer == 2)
    let waiting = try await box.open("note.write")
    #expect(waiting.json["status"]?["name"]?.string == "open", "it is not automatic any more")
    #expect(try ReceiptCheck.verdict(try await box.get("/v1/receipts/\(opened.id)"), of: box) == .accepted)
    await box.stop()
  }

  @Test func stoppingWaitsForWhatIsUnderWay() async throws {
    let home = try await TestBox.Home()
    let box = try await TestBox(home, notes: Self.executors { $0.behave(.wait) })
    let note = try box.note("note.write")
    let opened = try await box.open("note.write")
    await note.arrived()
    let stopping = Task { await box.box.stop() }
    note.release()
    await stopping.value
    let again = try await TestBox(home)
    #expect(try await again.status(opened) == "executed")
    #expect(try again.note("note.write").repeats.isEmpty)
    await again.stop()
  }

  @Test func whatIsCutOffHasNoEndAndIsReconciled() async throws {
    let home = try await TestBox.Home()
    let box = try await TestBox(home, notes: Self.executors { $0.behave(.hang) })
    let opened = try await box.open("note.write")
    await (try box.note("note.write")).arrived()
    // The order of Box.stop, without its ten seconds.
    let core = try box.core()
    await core.scheduler.drain(within: .zero)
    await core.sequencer.close()
    await core.scheduler.cut()
    await box.stop()
    let again = try await TestBox(home)
    await (try again.note("note.write")).arrived()
    try await again.wait(opened, for: "executed")
    #expect(try again.note("note.write").repeats == [opened.digest])
    await again.stop()
  }

  @Test func nothingStartsOnceTheBoxDrains() async throws {
    let home = try await TestBox.Home()
    let box = try await TestBox(home)
    let core = try box.core()
    await core.scheduler.drain(within: .seconds(60))
    let opened = try await box.open("note.write")
    try await box.sweep()
    #expect(try await box.status(opened) == "approved")
    #expect(try box.note("note.write").orders.isEmpty)
    let again = try await box.restarted()
    try await again.wait(opened, for: "executed")
    await again.stop()
  }

  @Test func openingsSurviveARestartAndErasingOneKeepsTheReceipt() async throws {
    let home = try await TestBox.Home()
    let box = try await TestBox(home)
    let opened = try await box.open("note.write", ["secret": "nobody's business", "n": 1])
    try await box.wait(opened, for: "executed")
    #expect(try box.note("note.write").params.first?["secret"] == "nobody's business")
    let commitments = opened.statement.action.commitments
    let digest = try #require(commitments.first).commitment.digest
    let again = try await box.restarted()
    let openings = try await again.get("/v1/proposals/\(opened.id)/openings").json
    #expect(openings["openings"]?[digest.hex]?["value"]?.string == "nobody's business")
    let open = try await again.get("/v1/receipts/\(opened.id)?disclose=\(digest.hex)")
    #expect(open.text.contains("nobody's business"))
    #expect(try await again.call("DELETE", "/v1/openings/\(digest.hex)", as: "app").status == 403)
    #expect(try await again.call("DELETE", "/v1/openings/\(digest.hex)", as: "eraser").status == 200)
    #expect(try await again.call("DELETE", "/v1/openings/\(digest.hex)", as: "eraser").status == 404)
    #expect(try await again.get("/v1/proposals/\(opened.id)/openings").json["openings"]?.object?.count == 0)
    #expect(try await again.get("/v1/receipts/\(opened.id)?disclose=\(digest.hex)").status == 422)
    let closed = try await again.get("/v1/receipts/\(opened.id)")
    #expect(!closed.text.contains("nobody's business"))
    #expect(try ReceiptCheck.verdict(closed, of: again) == .accepted)
    #expect(try ReceiptCheck.verdict(open, of: again) == .accepted, "a receipt that was made before stays valid")
    await again.stop()
  }

  @Test func aSecondBoxOnTheDirectoryIsRefused() async throws {
    let home = try await TestBox.Home()
    let box = try await TestBox(home)
    await #expect(throws: (any Error).self) { _ = try await TestBox(home) }
    #expect(try await box.get("/v1/status").status == 200)
    let again = try await box.restarted()
    #expect(try await again.get("/v1/status").json["mode"]?.string == "ready")
    await again.stop()
  }
}
