import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

@Suite struct ExecutionTests {
  @Test func anExecutionNamesExactlyTheApprovalsThatCount() throws {
    var box = try TestBox()
    let id = try box.open("mail.send")
    #expect(code { try box.begin(id) } == "execution.not-approved")
    try box.approve(id, by: "ben", "ana")
    func start(_ approvals: [String], _ mode: Mode = .normal) throws -> String? {
      var copy = box
      return code { try copy.apply(ExecutionStarted(proposal: id, approvals: approvals, mode: mode)) }
    }
    #expect(try start(["ana"]) == "execution.approvals")
    #expect(try start(["ben", "ana"]) == "execution.approvals")
    #expect(try start(["ana", "ben", "carl"]) == "execution.approvals")
    #expect(try start(["ana", "ben"], .breakGlass) == "execution.mode")
    #expect(try start(["ana", "ben"]) == nil)
  }

  @Test func anExecutionIsStartedAndFinishedOnce() throws {
    var box = try TestBox()
    let id = try box.open("note.write")
    let finished = ExecutionFinished(proposal: id, outcome: .executed, result: [:])
    #expect(code { try box.apply(finished) } == "execution.not-executing")
    try box.begin(id)
    let again = ExecutionStarted(proposal: id, approvals: [], mode: .normal)
    #expect(code { try box.apply(again) } == "execution.not-approved")
    try box.apply(finished)
    #expect(code { try box.apply(finished) } == "execution.not-executing")
    #expect(code { try box.apply(again) } == "execution.not-approved")
    #expect(code { try box.withdraw(id, client: "app") } == "vote.not-open")
    let unknown = SHA256.hash(utf8: "nothing")
    #expect(
      code { try box.apply(ExecutionStarted(proposal: unknown, approvals: [], mode: .normal)) }
        == "execution.unknown-proposal")
    #expect(
      code { try box.apply(ExecutionFinished(proposal: unknown, outcome: .failed, result: [:])) }
        == "execution.not-executing")
  }

  @Test func nothingStartsAtOrAfterItsExpiry() throws {
    var box = try TestBox()
    let id = try box.open("note.write", expires: box.now + 1000)
    let late = box
    box.now += 999
    try box.begin(id)
    box = late
    box.now += 1000
    #expect(
      code { try box.apply(ExecutionStarted(proposal: id, approvals: [], mode: .normal)) } == "execution.not-approved")
    #expect(box.status(id)?.name == "expired")
    // What has started may finish later.
    box = late
    try box.begin(id)
    box.pass(seconds: 3 * 86_400)
    #expect(box.status(id)?.name == "executing")
    try box.finish(id)
    #expect(box.state.live.isEmpty)
  }

  @Test func anUnknownOutcomeWaitsForPeople() throws {
    var box = try TestBox()
    let id = try box.open("note.write")
    #expect(
      code { try box.open("execution.resolve", ["proposal": .string(id.hex), "outcome": "failed", "note": "n"]) }
        == "effect.not-unknown")
    try box.begin(id)
    #expect(box.state.interrupted == [id])
    try box.finish(id, .unknown)
    #expect(box.state.interrupted.isEmpty)
    #expect(box.status(id) == .unknown(at: box.now))
    #expect(code { try box.begin(id) } == "execution.not-approved")
    #expect(
      code { try box.apply(ExecutionFinished(proposal: id, outcome: .executed, result: [:])) }
        == "execution.not-executing")
    #expect(
      code { try box.open("execution.resolve", ["proposal": .string(id.hex), "outcome": "unknown", "note": "n"]) }
        == "statement.parameters")
    let resolve = try box.open(
      "execution.resolve", ["proposal": .string(id.hex), "outcome": "executed", "note": "seen at the bank"])
    let second = try box.open("execution.resolve", ["proposal": .string(id.hex), "outcome": "failed", "note": "n"])
    try box.approve(resolve, by: "ana", "ben")
    try box.approve(second, by: "ana", "ben")
    try box.begin(resolve)
    #expect(
      code { try box.apply(ExecutionFinished(proposal: resolve, outcome: .unknown, result: [:])) }
        == "execution.outcome")
    let applied = try box.finish(resolve)
    #expect(applied.settled.map(\.proposal) == [resolve, id])
    #expect(box.status(id) == .executed(at: box.now))
    #expect(code { try box.begin(second) } == "effect.not-unknown")
  }

  @Test func onlyAChangeOfTheConstitutionNamesAnEpoch() throws {
    var box = try TestBox()
    let id = try box.open("note.write")
    try box.begin(id)
    #expect(
      code { try box.apply(ExecutionFinished(proposal: id, outcome: .executed, result: [:], epoch: 2)) }
        == "execution.epoch")
    #expect(
      code {
        try box.apply(
          ExecutionFinished(
            proposal: id, outcome: .executed, result: [:], constitution: SHA256.hash(utf8: "another")))
      } == "execution.constitution")
    try box.finish(id)
  }

  @Test func budgetsCountWhatWasStarted() throws {
    let checks: [Check] = [
      .budget(field: "params.amount", limit: 100, period: 60), .count(limit: 3, period: 600),
    ]
    var box = try TestBox(
      TestBox.constitution(with: ["notes": try Policy("note.write", rule: .automatic(checks))]))
    let first = try box.open("note.write", ["amount": 60])
    let second = try box.open("note.write", ["amount": 50])
    let third = try box.open("note.write", ["amount": 40])
    #expect(box.status(second)?.name == "approved")
    try box.execute(first)
    #expect(
      box.status(second)
        == .open(missing: [
          .room(Meter(field: "params.amount", limit: 100, period: 60), spent: 60, amount: 50)
        ]))
    #expect(code { try box.begin(second) } == "execution.not-approved")
    try box.begin(third)
    // What has started counts, however it ends.
    try box.finish(third, .failed)
    #expect(code { try box.begin(second) } == "execution.not-approved")
    box.now += 59_999
    #expect(box.status(second)?.name == "open")
    box.now += 1
    try box.execute(second)
    // Three in ten minutes.
    let fourth = try box.open("note.write", ["amount": 1])
    #expect(box.status(fourth)?.name == "open")
    box.pass(seconds: 540)
    #expect(box.status(fourth)?.name == "approved")
    for bad in [["amount": 101], ["amount": -1], ["amount": "1"], [:]] as [JSONObject] {
      let id = try box.open("note.write", bad)
      #expect(box.status(id)?.name == "denied")
    }
  }

  @Test func budgetsBeginAnewWithTheirPolicy() throws {
    let policy = try Policy(
      "note.write", rule: .automatic([.budget(field: "params.amount", limit: 100, period: 86_400)]))
    var box = try TestBox(TestBox.constitution(with: ["notes": policy]))
    func set(_ name: String, _ policy: JSON) throws {
      let id = try box.open("governance.policy.set", ["name": .string(name), "policy": policy])
      try box.approve(id, by: "ana", "ben", "carl")
      try box.execute(id)
    }
    func affords(_ amount: Int64) throws -> Bool {
      let id = try box.open("note.write", ["amount": .integer(amount)])
      return box.status(id)?.name == "approved"
    }
    try box.execute(box.open("note.write", ["amount": 100]))
    #expect(try !affords(1))
    // Another policy's change opens an epoch, and this one's budget stays spent.
    try set("mail", nil)
    #expect(try !affords(1))
    try set("notes", nil)
    try set("notes", policy.json)
    #expect(try affords(100))
    #expect(box.state.ledgers.isEmpty)
  }

  @Test func aDecisionIsLookedAtAgainAfterTheEffect() throws {
    var box = try TestBox()
    let id = try box.open("mail.send")
    try box.approve(id, by: "ana")
    try box.begin(id)
    let decision = try box.state.startedDecision(for: id, at: box.now)
    #expect(decision.policyName == "mail")
    #expect(decision.statement.digest == id)
    #expect(box.state.stillValid(decision, at: box.now) == .unchanged)
    // The claim has lapsed meanwhile: time alone is no change.
    #expect(box.state.stillValid(decision, at: box.now + 25 * 86_400_000) == .unchanged)

    var revoked = box
    let revoke = try revoked.open("signer.revoke", ["signer": "ana", "reason": "lost device"])
    try revoked.approve(revoke, by: "ben", "carl", "dora")
    try revoked.execute(revoke)
    #expect(revoked.state.stillValid(decision, at: revoked.now) != .unchanged)

    var stopped = box
    let stop = try stopped.open("box.stop", ["reason": "fire"])
    try stopped.approve(stop, by: "ben", "carl", "dora")
    try stopped.execute(stop)
    #expect(stopped.state.stillValid(decision, at: stopped.now) != .unchanged)

    var changed = box
    let change = try changed.open("governance.policy.set", ["name": "notes", "policy": nil])
    try changed.approve(change, by: "ben", "carl", "dora")
    try changed.execute(change)
    #expect(changed.state.stillValid(decision, at: changed.now) != .unchanged)
    try changed.finish(id)

    try box.finish(id)
    #expect(box.state.stillValid(decision, at: box.now) != .unchanged)
    #expect(code { _ = try box.state.startedDecision(for: id, at: box.now) } == "execution.not-approved")
    #expect(
      code { _ = try box.state.startedDecision(for: SHA256.hash(utf8: "x"), at: box.now) }
        == "execution.unknown-proposal")
  }

  @Test func aRefusedEntryLeavesTheStateAsItWas() throws {
    var box = try TestBox()
    let id = try box.open("note.write")
    let size = box.state.size
    let earlier = box.now
    box.now -= 1
    #expect(code { try box.open("note.write") } == "order.time-reversed")
    box.now = earlier + 500
    #expect(code { try box.open("telegram.send") } == "statement.no-policy")
    #expect(box.state.size == size)
    #expect(box.state.lastAt == earlier)
    #expect(box.status(id)?.name == "approved")
  }

  @Test func theLogBeginsWithTheBoxAndDoesSoOnce() throws {
    var box = try TestBox()
    let first = box.log[0]
    #expect(code { try box.state.apply(first) } == "order.created-twice")
    var empty = BoxState()
    #expect(empty.box == nil && empty.epoch == 0 && empty.constitution == nil)
    let id = try box.open("note.write")
    let opened = box.log[1]
    #expect(code { try empty.apply(opened) } == "order.not-created")
    #expect(code { try box.state.apply(first) } == "order.created-twice")
    #expect(box.status(id)?.name == "approved")
    #expect(code { _ = try TestBox(TestBox.constitution(epoch: 2)) } == "constitution.epoch")
    #expect(code { _ = try TestBox(TestBox.constitution(box: "other.example")) } == "constitution.box")
  }
}
