import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

@Suite struct ChangeTests {
  /// The parameters of a change of signers.
  static func members(_ constitution: Constitution, root: Bool = false) -> JSONObject {
    let json = constitution.json
    var params: JSONObject = ["signers": json["signers"] ?? nil, "committees": json["committees"] ?? nil]
    if root { params["root"] = json["root"] }
    return params
  }

  @Test func aPolicyChangesThroughAProposalAndOpensAnEpoch() throws {
    var box = try TestBox()
    let open = try box.open("mail.send")
    let running = try box.open("note.write")
    try box.begin(running)
    let policy = try Policy("mail.*", rule: .quorum(Quorum(2, of: "everybody")))
    let change = try box.open("governance.policy.set", ["name": "mail", "policy": policy.json])
    try box.approve(change, by: "ana", "ben", "carl")
    try box.begin(change)
    #expect(box.state.epoch == 1)
    let applied = try box.finish(change)
    #expect(applied.opensEpoch)
    #expect(applied.settled.map(\.proposal) == [change, open])
    #expect(box.state.epoch == 2)
    #expect(box.state.epochIndex == applied.index)
    #expect(box.state.constitution?.policies["mail"] == policy)
    #expect(box.status(open) == .stale(at: box.now))
    #expect(code { try box.approve(open, by: "ana") } == "vote.not-open")
    #expect(code { try box.begin(open) } == "execution.not-approved")
    // What was executing may finish.
    try box.finish(running)
    let next = try box.open("mail.send")
    try box.approve(next, by: "ana")
    #expect(box.status(next)?.name == "open")
  }

  @Test func theFinishedEntryNamesTheNewConstitution() throws {
    var box = try TestBox()
    let change = try box.open("governance.policy.set", ["name": "mail", "policy": nil])
    try box.approve(change, by: "ana", "ben", "carl")
    try box.begin(change)
    let draft = try box.state.finishDraft(for: change, outcome: .executed, result: [:], at: box.now)
    var wrong = draft
    wrong.epoch = 3
    #expect(code { try box.apply(wrong) } == "execution.epoch")
    wrong = draft
    wrong.constitution = SHA256.hash(utf8: "another")
    #expect(code { try box.apply(wrong) } == "execution.constitution")
    wrong = draft
    wrong.constitution = nil
    #expect(code { try box.apply(wrong) } == "execution.constitution")
    wrong = draft
    wrong.outcome = .unknown
    #expect(code { try box.apply(wrong) } == "execution.outcome")
    wrong = draft
    wrong.outcome = .failed
    #expect(code { try box.apply(wrong) } == "execution.epoch")
    try box.apply(draft)
    #expect(box.state.constitutionDigest == draft.constitution)
  }

  @Test func oneChangeExecutesAtATime() throws {
    var box = try TestBox()
    let one = try box.open("governance.policy.set", ["name": "mail", "policy": nil])
    let two = try box.open("governance.policy.set", ["name": "notes", "policy": nil])
    for id in [one, two] { try box.approve(id, by: "ana", "ben", "carl") }
    try box.begin(one)
    #expect(code { try box.begin(two) } == "execution.change-in-progress")
    try box.finish(one, .failed)
    try box.execute(two)
    #expect(box.state.constitution?.policies.keys.contains("mail") == true)
  }

  @Test func newSignersApproveToo() throws {
    var box = try TestBox()
    // Ana's key is replaced, Ben leaves, Fay comes.
    let people = ["ana", "carl", "dora", "emil", "fay"]
    let new = try TestBox.constitution(
      signers: [try TestKeys.signer("ana", keys: ["ana-new"])] + people.dropFirst().map { try TestKeys.signer($0) },
      committees: [
        "auditors": ["dora", "emil"], "engineers": ["ana", "fay"], "officers": ["carl"], "everybody": people,
      ])
    let change = try box.open("governance.committee.set", Self.members(new))
    try box.approve(change, by: "ana", "ben", "carl")
    // Three old signers; of the new ones only Carl, whose key is in both.
    #expect(
      box.status(change)
        == .open(missing: [
          .newApprovals(committee: "everybody", count: 2, candidates: ["ana", "dora", "emil", "fay"])
        ]))
    #expect(code { try box.begin(change) } == "execution.not-approved")
    try box.approve(change, by: "fay")
    #expect(code { try box.approve(change, by: "fay") } == "vote.duplicate")
    #expect(box.status(change)?.name == "open")
    try box.approve(change, by: "ana", key: "ana-new")
    #expect(code { try box.approve(change, by: "ana", key: "ana-new") } == "vote.duplicate")
    #expect(code { try box.approve(change, by: "ana") } == "vote.duplicate")
    #expect(code { try box.approve(change, by: "mallory") } == "claim.unknown-signer")
    #expect(box.status(change)?.name == "approved")
    try box.execute(change)
    #expect(box.state.proposal(change) == nil)
    let mail = try box.open("mail.send")
    #expect(code { try box.approve(mail, by: "ben") } == "claim.unknown-signer")
    #expect(code { try box.approve(mail, by: "ana") } == "claim.foreign-key")
    try box.approve(mail, by: "ana", key: "ana-new")
    #expect(box.status(mail)?.name == "approved")
  }

  @Test func aForgedApprovalOfANewSignerIsRefused() throws {
    var box = try TestBox()
    let people = TestBox.people + ["fay"]
    let new = try TestBox.constitution(
      signers: people.map { try TestKeys.signer($0) },
      committees: TestBox.committees.merging(["everybody": people]) { $1 })
    let change = try box.open("governance.committee.set", Self.members(new))
    let genuine = try box.claim(.approve, box.statement(of: change), by: "fay")
    var forged = genuine.object ?? [:]
    forged["nce"] = "another"
    func vote(_ claim: JSON) -> ProposalVote {
      ProposalVote(verdict: .approve, proposal: change, voice: .signer("fay", claim: claim))
    }
    #expect(code { try box.apply(vote(.object(forged))) } == "claim.signature")
    try box.apply(vote(genuine))
    #expect(box.state.proposal(change)?.approvals.map(\.sides) == [.proposed])
    // The key that the change gives to somebody else proves nothing for Fay.
    #expect(code { try box.approve(change, by: "fay", key: "gus") } == "claim.foreign-key")
  }

  @Test func newSignersAloneDoNotSuffice() throws {
    var box = try TestBox()
    let people = ["fay", "gus", "hal"]
    let new = try TestBox.constitution(
      signers: people.map { try TestKeys.signer($0) },
      committees: ["auditors": ["fay"], "engineers": ["gus", "hal"], "officers": ["gus"], "everybody": people])
    let change = try box.open("governance.committee.set", Self.members(new))
    try box.approve(change, by: "fay", "gus", "hal")
    #expect(
      box.status(change)
        == .open(missing: [.approvals(committee: "everybody", count: 3, candidates: TestBox.people)]))
    try box.approve(change, by: "ana", "ben", "carl")
    try box.begin(change)
    #expect(box.state.proposal(change)?.start?.approvals == ["ana", "ben", "carl", "fay", "gus", "hal"])
    try box.finish(change)
    #expect(box.state.constitution?.signers.count == 3)
  }

  @Test func everyNewKeyIsPossessed() throws {
    var box = try TestBox()
    func change(_ ana: Signer) throws -> JSONObject {
      Self.members(
        try TestBox.constitution(signers: [ana] + TestBox.people.dropFirst().map { try TestKeys.signer($0) }))
    }
    let old = try TestKeys.signer("ana")
    let new = try TestKeys.signer("ana", keys: ["ana-new"])
    let stolen = Signer(name: "ana", keys: [SignerKey(key: new.keys[0].key, possession: old.keys[0].possession)])
    #expect(code { try box.open("governance.committee.set", change(stolen)) } == "constitution.possession")
    let asBen = try TestKeys.signer("ben", keys: ["ana-new"])
    let renamed = Signer(name: "ana", keys: asBen.keys)
    #expect(code { try box.open("governance.committee.set", change(renamed)) } == "constitution.possession")
    // A key that is kept must keep its proof.
    let unproved = Signer(name: "ana", keys: [SignerKey(key: old.keys[0].key, possession: "AAAA")])
    #expect(code { try box.open("governance.committee.set", change(unproved)) } == "constitution.possession")
    try box.open("governance.committee.set", change(new))
    try box.open("governance.committee.set", change(old))
  }

  @Test func aChangeThatIsNotFitToGovernIsRefusedAtOpening() throws {
    var box = try TestBox()
    let new = try TestBox.constitution(
      committees: ["auditors": [], "engineers": [], "officers": [], "everybody": []].mapValues { _ in ["ana"] })
    #expect(code { try box.open("governance.committee.set", Self.members(new)) } == "constitution.threshold")
    #expect(
      code { try box.open("governance.policy.set", ["name": "none", "policy": nil]) } == "constitution.unknown-policy")
    #expect(
      code { try box.open("governance.policy.set", ["name": "mail"]) } == "constitution.parameters")
    #expect(
      code { try box.open("governance.policy.set", ["name": "mail", "policy": nil, "why": "x"]) }
        == "constitution.parameters")
    let weak = try Policy("governance.*", rule: .quorum(Quorum(1, of: "everybody")))
    #expect(
      code { try box.open("governance.policy.set", ["name": "rules", "policy": weak.json]) }
        == "constitution.weaker-than-controlled")
  }

  @Test func theRootRecovers() throws {
    // Nobody may change a policy here but the root.
    var box = try TestBox(TestBox.constitution(with: ["rules": nil as Policy?]))
    #expect(code { try box.open("governance.policy.set", ["name": "mail", "policy": nil]) } == "statement.no-policy")
    let new = try TestBox.constitution()
    var params = Self.members(new, root: true)
    params["policies"] = new.json["policies"]
    let id = try box.open("governance.recover", params)
    #expect(box.state.proposal(id)?.statement.policy == new.root.digest)
    try box.approve(id, by: "ana", "ben")
    #expect(box.status(id)?.name == "open")
    try box.approve(id, by: "carl")
    #expect(box.status(id) == .locked(until: box.now + 7_200_000))
    #expect(code { try box.object(id, by: "mallory") } == "claim.unknown-signer")
    box.pass(seconds: 7199)
    #expect(code { try box.begin(id) } == "execution.not-approved")
    box.pass(seconds: 1)
    try box.execute(id)
    try box.open("governance.policy.set", ["name": "mail", "policy": nil])

    // Also while the box is sealed.
    let seal = try box.open("box.seal", ["reason": "r"])
    try box.approve(seal, by: "ana", "ben", "carl")
    try box.execute(seal)
    try box.open("governance.recover", params)
  }

  @Test func theRootDoesNotCountTheProposersApproval() throws {
    var box = try TestBox()
    let new = try TestBox.constitution()
    var params = Self.members(new, root: true)
    params["policies"] = new.json["policies"]
    let id = try box.open("governance.recover", params, by: .signer("ana"))
    #expect(code { try box.approve(id, by: "ana") } == "vote.self-approval")
  }

  @Test func whoIsRemovedCannotStopIt() throws {
    var policies = try TestBox.policies()
    policies["rules"] = try Policy(
      "governance.*",
      rule: .timelock(
        Timelock(delay: 60, objectors: Quorum(1, of: "auditors"), after: .quorum(Quorum(3, of: "everybody")))))
    var box = try TestBox(TestBox.constitution(policies: policies))
    var committees = TestBox.committees
    committees["auditors"] = ["emil"]
    let new = try TestBox.constitution(committees: committees)
    let id = try box.open("governance.committee.set", Self.members(new), by: .signer("dora"))
    try box.approve(id, by: "ana", "ben", "carl")
    #expect(code { try box.object(id, by: "dora") } == "vote.own-removal")
    #expect(code { try box.apply(box.vote(.withdraw, id, by: "dora")) } == "vote.own-removal")
    box.pass(seconds: 60)
    #expect(box.status(id)?.name == "approved")
    try box.object(id, by: "emil")
    #expect(box.status(id) == .objected(by: ["emil"]))
    // A change that leaves her where she is she can stop.
    let other = try box.open("governance.policy.set", ["name": "mail", "policy": nil])
    try box.object(other, by: "dora")
    #expect(box.status(other) == .objected(by: ["dora"]))
  }

  @Test func anObjectionCountsOnlyWhereItsSignerStays() throws {
    var policies = try TestBox.policies()
    func lock(_ objectors: Quorum, _ after: Rule) -> Rule {
      .timelock(Timelock(delay: 60, objectors: objectors, after: after))
    }
    policies["rules"] = try Policy(
      "governance.*",
      rule: lock(Quorum(1, of: "auditors"), lock(Quorum(2, of: "engineers"), .quorum(Quorum(3, of: "everybody")))))
    var committees = TestBox.committees
    committees["engineers"] = ["ana", "ben", "dora"]
    var box = try TestBox(TestBox.constitution(committees: committees, policies: policies))
    // Dora leaves the auditors, of whom one objection is enough, and stays with the engineers, who need two.
    committees["auditors"] = ["emil"]
    let new = try TestBox.constitution(committees: committees)
    let id = try box.open("governance.committee.set", Self.members(new))
    try box.object(id, by: "dora")
    #expect(box.status(id)?.name == "open")
    try box.object(id, by: "ana")
    #expect(box.status(id) == .objected(by: ["ana", "dora"]))
  }

  @Test func theLongestShortenedDelayIsWaitedOut() throws {
    func policy(_ covers: String, _ delay: Int64) throws -> Policy {
      try Policy(
        covers,
        rule: .timelock(
          Timelock(delay: delay, objectors: Quorum(1, of: "auditors"), after: .single(committee: "everybody"))))
    }
    var policies = try TestBox.policies()
    policies["models"] = try policy("mirror.*", 3600)
    policies["weights"] = try policy("mirror.weights.*", 7200)
    var box = try TestBox(TestBox.constitution(policies: policies))
    // One policy takes both.
    let quick = try Policy("mirror.weights.install", "mirror.install", rule: .single(committee: "everybody"))
    let id = try box.open("governance.policy.set", ["name": "quick", "policy": quick.json])
    try box.approve(id, by: "ana", "ben", "carl")
    #expect(box.status(id) == .locked(until: box.now + 7_200_000))
  }

  @Test func shorteningADelayWaitsOutTheOldOne() throws {
    var box = try TestBox()
    let quick = try Policy("mirror.install", rule: .quorum(Quorum(2, of: "everybody")))
    let id = try box.open("governance.policy.set", ["name": "models", "policy": quick.json])
    try box.approve(id, by: "ana", "ben", "carl")
    #expect(box.status(id) == .locked(until: box.now + 3_600_000))
    var stopped = box
    try stopped.object(id, by: "emil")
    #expect(stopped.status(id) == .objected(by: ["emil"]))
    box.pass(seconds: 3600)
    try box.execute(id)
    #expect(box.state.constitution?.policies["models"] == quick)

    // Lengthening it does not wait.
    var longer = try TestBox()
    let slow = try Policy(
      "mirror.install",
      rule: .timelock(
        Timelock(delay: 7200, objectors: Quorum(1, of: "auditors"), after: .single(committee: "everybody"))))
    let change = try longer.open("governance.policy.set", ["name": "models", "policy": slow.json])
    try longer.approve(change, by: "ana", "ben", "carl")
    #expect(longer.status(change)?.name == "approved")
  }

  @Test func denyingATypeFirstDoesNotGetRoundItsDelay() throws {
    var box = try TestBox()
    let remove = try box.open("governance.policy.set", ["name": "models", "policy": nil])
    try box.approve(remove, by: "ana", "ben", "carl")
    try box.execute(remove)
    for covers in ["mirror.install", "mirror.*", "*"] {
      var copy = box
      let quick = try Policy(covers, rule: .quorum(Quorum(2, of: "everybody")))
      let id = try copy.open("governance.policy.set", ["name": "models", "policy": quick.json])
      try copy.approve(id, by: "ana", "ben", "carl")
      #expect(copy.status(id) == .locked(until: copy.now + 3_600_000), "covering \(covers)")
    }
    // The same delay again needs no waiting, and afterwards nothing is remembered.
    let same = try #require(try TestBox.policies()["models"])
    let id = try box.open("governance.policy.set", ["name": "models", "policy": same.json])
    try box.approve(id, by: "ana", "ben", "carl")
    #expect(box.status(id)?.name == "approved")
    try box.execute(id)
    #expect(box.state.floors == DelayFloors())
  }

  @Test func aMoreSpecificPolicyCannotTakeATypeFromItsDelay() throws {
    var policies = try TestBox.policies()
    policies["models"] = try Policy(
      "mirror.*",
      rule: .timelock(
        Timelock(delay: 3600, objectors: Quorum(1, of: "auditors"), after: .single(committee: "everybody"))))
    var box = try TestBox(TestBox.constitution(policies: policies))
    let quick = try Policy("mirror.install", rule: .automatic([]))
    let id = try box.open("governance.policy.set", ["name": "loophole", "policy": quick.json])
    try box.approve(id, by: "ana", "ben", "carl")
    #expect(box.status(id) == .locked(until: box.now + 3_600_000))
  }

  @Test func aShorterRootDelayWaitsOutTheOldOne() throws {
    var box = try TestBox()
    let new = try TestBox.constitution(root: RootRule(committee: "everybody", threshold: 3, delay: 7199))
    let id = try box.open("governance.committee.set", Self.members(new, root: true))
    try box.approve(id, by: "ana", "ben", "carl")
    #expect(box.status(id) == .locked(until: box.now + 7_200_000))
    let same = try box.open("governance.committee.set", Self.members(new))
    try box.approve(same, by: "ana", "ben", "carl")
    #expect(box.status(same)?.name == "approved")
  }

  @Test func aChangeThatWaitsMayExpireLater() throws {
    var policies = try TestBox.policies()
    policies["rules"] = Policy(
      covers: [try Pattern(parsing: "governance.*")], rule: .quorum(Quorum(3, of: "everybody")), maxExpiry: 60)
    var box = try TestBox(TestBox.constitution(policies: policies))
    let quick = try Policy("mirror.install", rule: .quorum(Quorum(2, of: "everybody")))
    let id = try box.open("governance.policy.set", ["name": "models", "policy": quick.json])
    #expect(try box.statement(of: id).expires == box.now + 3_660_000)
    try box.approve(id, by: "ana", "ben", "carl")
    box.pass(seconds: 3600)
    try box.execute(id)
  }
}
