import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

@Suite struct RestraintTests {
  private func approved(_ type: String, _ params: JSONObject, in box: inout TestBox, by signers: [String]) throws
    -> SHA256Digest
  {
    let id = try box.open(type, params)
    for signer in signers { try box.approve(id, by: signer) }
    return id
  }

  @Test func aStoppedBoxExecutesNothingButItsOwnGovernance() throws {
    var box = try TestBox()
    let note = try box.open("note.write")
    try box.execute(approved("box.stop", ["reason": "fire"], in: &box, by: ["ana", "ben", "carl"]))
    #expect(box.status(note)?.name == "approved")
    #expect(code { try box.begin(note) } == "execution.stopped")
    let change = try approved(
      "governance.policy.set", ["name": "mail", "policy": nil], in: &box, by: ["ana", "ben", "carl"])
    var governed = box
    try governed.execute(change)
    try box.execute(approved("box.resume", ["reason": "out"], in: &box, by: ["ana", "ben"]))
    try box.execute(note)
  }

  @Test func aSealedBoxAcceptsAndStartsNothing() throws {
    var box = try TestBox()
    let note = try box.open("note.write")
    let resume = try approved("box.resume", ["reason": "r"], in: &box, by: ["ana", "ben"])
    try box.execute(approved("box.seal", ["reason": "audit"], in: &box, by: ["ana", "ben", "carl"]))
    #expect(code { try box.open("note.write") } == "statement.sealed")
    #expect(code { try box.open("governance.policy.set", ["name": "mail", "policy": nil]) } == "statement.sealed")
    #expect(code { try box.begin(note) } == "execution.sealed")
    #expect(code { try box.begin(resume) } == "execution.sealed")
    try box.open("box.stop", ["reason": "fire"])
    try box.execute(approved("box.unseal", ["reason": "done"], in: &box, by: ["ana", "ben"]))
    try box.open("note.write")
    try box.execute(note)
  }

  @Test func aRevokedSignersApprovalsDoNotCount() throws {
    var box = try TestBox()
    let mail = try box.open("mail.send")
    try box.approve(mail, by: "ana")
    let model = try approved("mirror.install", [:], in: &box, by: ["ana", "ben"])
    try box.execute(
      approved("signer.revoke", ["signer": "ana", "reason": "r"], in: &box, by: ["ben", "carl", "dora"]))
    #expect(box.state.revokedSigners(at: box.now) == ["ana"])
    #expect(box.status(mail)?.name == "open")
    #expect(box.status(model)?.name == "open")
    #expect(code { try box.approve(mail, by: "ana") } == "vote.revoked")
    let other = try box.open("mail.send")
    #expect(code { try box.approve(other, by: "ana") } == "vote.revoked")
    #expect(code { try box.open("mail.send", by: .signer("ana")) } == "statement.revoked-proposer")
    #expect(
      code { try box.open("signer.revoke", ["signer": "mallory", "reason": "r"]) } == "effect.no-signer")
    // A change of signers ends the revocation.
    let new = try TestBox.constitution().json
    let change = try approved(
      "governance.committee.set",
      ["signers": new["signers"] ?? nil, "committees": new["committees"] ?? nil], in: &box,
      by: ["ben", "carl", "dora"])
    try box.execute(change)
    let again = try box.open("mail.send")
    try box.approve(again, by: "ana")
    #expect(box.status(again)?.name == "approved")
  }

  @Test func objectionsOfARevokedSignerStillCount() throws {
    var box = try TestBox()
    try box.execute(
      approved("signer.revoke", ["signer": "dora", "reason": "r"], in: &box, by: ["ana", "ben", "carl"]))
    let model = try approved("mirror.install", [:], in: &box, by: ["ana", "ben"])
    try box.object(model, by: "dora")
    #expect(box.status(model) == .objected(by: ["dora"]))
  }

  @Test func revocationNeverMakesTheRootUnreachable() throws {
    var box = try TestBox()
    // The root needs three of five: two may go, the third may not.
    for name in ["ana", "ben"] {
      try box.execute(
        approved("signer.revoke", ["signer": .string(name), "reason": "r"], in: &box, by: ["carl", "dora", "emil"]))
    }
    #expect(code { try box.open("signer.revoke", ["signer": "carl", "reason": "r"]) } == "effect.lockout")

    // Two that are each possible, but not together.
    var race = try TestBox(
      TestBox.constitution(root: RootRule(committee: "everybody", threshold: 4, delay: 7200)))
    let one = try approved("signer.revoke", ["signer": "ana", "reason": "r"], in: &race, by: ["carl", "dora", "emil"])
    let two = try approved("signer.revoke", ["signer": "ben", "reason": "r"], in: &race, by: ["carl", "dora", "emil"])
    try race.begin(one)
    try race.begin(two)
    try race.finish(one)
    #expect(code { try race.finish(two) } == "effect.lockout")
    try race.finish(two, .failed)
    #expect(race.state.revokedSigners(at: race.now) == ["ana"])
  }

  @Test func breakGlassLapsesUnlessRatified() throws {
    var box = try TestBox()
    let note = try box.open("note.write")
    let stop = try approved("box.stop", ["reason": "fire"], in: &box, by: ["dora"])
    #expect(
      box.status(stop)
        == .approved(Satisfaction(since: box.now, mode: .breakGlass, approvals: ["dora"])))
    try box.execute(stop)
    let stoppedAt = box.now
    #expect(code { try box.begin(note) } == "execution.stopped")
    var lapsing = box
    lapsing.now = stoppedAt + 599_999
    #expect(code { try lapsing.begin(note) } == "execution.stopped")
    lapsing.now += 1
    #expect(
      code { try lapsing.open("governance.ratify", ["proposal": .string(stop.hex)]) } == "effect.nothing-to-ratify")
    try lapsing.begin(note)

    let ratify = try approved(
      "governance.ratify", ["proposal": .string(stop.hex)], in: &box, by: ["ana", "ben", "carl"])
    var late = box
    try late.begin(ratify)
    late.now = stoppedAt + 600_000
    #expect(code { try late.finish(ratify) } == "effect.nothing-to-ratify")
    try box.execute(ratify)
    box.now = stoppedAt + 600_000
    #expect(code { try box.begin(note) } == "execution.stopped")
    #expect(code { try box.open("governance.ratify", ["proposal": .string(stop.hex)]) } == "effect.nothing-to-ratify")
  }

  @Test func theNormalRuleGoesBeforeBreakGlass() throws {
    var box = try TestBox()
    let stop = try approved("box.stop", ["reason": "fire"], in: &box, by: ["dora", "ana", "ben"])
    #expect(
      box.status(stop)
        == .approved(Satisfaction(since: box.now, mode: .normal, approvals: ["ana", "ben", "dora"])))
    try box.execute(stop)
    #expect(box.state.restraints(.stop, at: box.now + 365 * 86_400_000).count == 1)
  }

  @Test func aBreakGlassRevocationLapsesToo() throws {
    var box = try TestBox()
    let mail = try box.open("mail.send")
    try box.approve(mail, by: "ana")
    try box.execute(approved("signer.revoke", ["signer": "ana", "reason": "r"], in: &box, by: ["emil"]))
    #expect(box.status(mail)?.name == "open")
    box.pass(seconds: 600)
    #expect(box.status(mail)?.name == "approved")
  }

  @Test func whoIsRevokedCannotStopIt() throws {
    var policies = try TestBox.policies()
    policies["brakes"] = try Policy(
      "signer.revoke",
      rule: .timelock(
        Timelock(delay: 60, objectors: Quorum(1, of: "auditors"), after: .quorum(Quorum(2, of: "everybody")))))
    var box = try TestBox(TestBox.constitution(policies: policies))
    let id = try box.open("signer.revoke", ["signer": "dora", "reason": "r"], by: .signer("dora"))
    try box.approve(id, by: "ana", "ben")
    #expect(code { try box.object(id, by: "dora") } == "vote.own-removal")
    #expect(code { try box.apply(box.vote(.withdraw, id, by: "dora")) } == "vote.own-removal")
    box.pass(seconds: 60)
    #expect(box.status(id)?.name == "approved")
    try box.object(id, by: "emil")
    #expect(box.status(id) == .objected(by: ["emil"]))
  }
}
