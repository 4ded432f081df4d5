import CanonicalJSON
import Cryptography
import Governance
import Testing

@testable import Audit

/// A box that signs its lies: tree, proofs and signatures are all right, and only the fold knows better.
@Suite struct LyingBoxTests {
  private func started(_ id: SHA256Digest, _ approvals: [String] = [], _ mode: Mode = .normal) -> ExecutionStarted {
    ExecutionStarted(proposal: id, approvals: approvals, mode: mode)
  }

  private func finished(_ id: SHA256Digest) -> ExecutionFinished {
    ExecutionFinished(proposal: id, outcome: .executed, result: [:])
  }

  @Test func executionWithoutApprovals() throws {
    var box = try TestBox.history(rounds: 12)
    let id = try box.open("http.request", ["url": "https://bank.example"])
    try box.approve(id, by: "ana")
    let index = box.log.count
    try box.force(started(id, ["ana"]))
    try box.force(finished(id))
    try box.execute(box.open("note.write"))
    let report = try audit(box)
    #expect(report.found == ["execution.not-approved \(index)", "execution.not-executing \(index + 1)"])
    #expect(report.faults[0].expected == "approved" && report.faults[0].actual == "open")
    #expect(report.faults[1].follows == 1)
    #expect(report.sentences.first == "refused: entries 0..<\(box.log.count) of \(TestBox.name): 2 faults")
    // What came after is decided all the same.
    #expect(report.decided == UInt64(box.log.count) - 2)
  }

  @Test func executionThatNobodyProposed() throws {
    var box = try TestBox()
    try box.force(started(SHA256.hash([1])))
    try box.force(finished(SHA256.hash([1])))
    #expect(try audit(box).found == ["execution.unknown-proposal 1", "execution.not-executing 2"])
  }

  @Test func timelockStartedEarly() throws {
    var box = try TestBox()
    let id = try box.open("mirror.install", ["model": "m"])
    try box.approve(id, by: "ana", "ben")
    box.pass(seconds: 3599)
    try box.force(started(id, ["ana", "ben"]))
    let report = try audit(box)
    #expect(report.found == ["execution.not-approved 4"])
    #expect(report.faults[0].actual == "locked")
  }

  @Test func executedTwice() throws {
    var box = try TestBox()
    let id = try box.open("note.write")
    try box.execute(id)
    try box.force(started(id))
    try box.force(finished(id))
    #expect(try audit(box).found == ["execution.not-approved 4", "execution.not-executing 5"])
  }

  @Test func executedAfterObjectionExpiryAndEpoch() throws {
    var box = try TestBox()
    let objected = try box.open("mirror.install", ["model": "m"])
    try box.approve(objected, by: "ana", "ben")
    try box.object(objected, by: "emil")
    let expired = try box.open("note.write", expires: box.now + 1000)
    let stale = try box.open("mail.send")
    try box.approve(stale, by: "carl")
    let change = try box.open(
      "governance.policy.set",
      ["name": "mail", "policy": TestBox.policy("mail.*", rule: .quorum(Quorum(2, of: "everybody"))).json])
    try box.approve(change, by: "ana", "ben", "carl")
    try box.execute(change)
    box.pass(seconds: 4000)
    let first = box.log.count
    for id in [objected, expired, stale] { try box.force(started(id, ["ana", "ben"])) }
    let report = try audit(box)
    #expect(report.found == (0..<3).map { "execution.not-approved \(first + $0)" })
    #expect(report.faults.map(\.actual) == ["objected", "expired", "stale"])
  }

  @Test func otherApprovalsThanCounted() throws {
    var box = try TestBox()
    let id = try box.open("mail.send")
    try box.approve(id, by: "ben")
    try box.force(started(id, ["ana", "ben"]))
    let other = try box.open("box.stop", ["reason": "r"])
    try box.approve(other, by: "dora")
    try box.force(started(other, ["dora"], .normal))
    let report = try audit(box)
    #expect(report.found == ["execution.approvals 3", "execution.mode 6"])
    #expect(report.faults[0].expected == "ben" && report.faults[0].actual == "ana, ben")
  }

  @Test func backdatedEntries() throws {
    var box = try TestBox()
    let id = try box.open("mail.send")
    box.pass(seconds: 100)
    try box.approve(id, by: "ben")
    let late = try box.vote(.approve, id, by: "ana")
    try box.force(late, at: box.now - 50_000)
    let note = try box.draft("note.write")
    try box.force(note, at: box.now - 1)
    let report = try audit(box)
    #expect(report.found == ["order.time-reversed 3", "order.time-reversed 4"])
    #expect(report.faults[0].expected == "at least \(box.now)")
    // A backdated entry is looked at for everything else too.
    try box.force(started(note.proposal), at: 5)
    try box.force(started(SHA256.hash([2])), at: 6)
    let more = try audit(box).found
    #expect(more.suffix(2) == ["order.time-reversed 6", "execution.unknown-proposal 6"])
    #expect(more.filter { $0.hasSuffix(" 5") } == ["order.time-reversed 5"])
  }

  @Test func wrongSignaturesAndForeignVotes() throws {
    var box = try TestBox()
    let id = try box.open("http.request")
    try box.force(box.vote(.approve, id, by: "ana", key: "ben"))
    var vote = try box.vote(.approve, id, by: "emil")
    if case .signer(let name, let claim) = vote.voice, var object = claim.object {
      let second = try box.open("note.write")
      let other = try box.claim(.approve, box.statement(of: second), by: "emil")
      object["sig"] = other["sig"]
      vote.voice = .signer(name, claim: .object(object))
    }
    try box.force(vote)
    try box.force(box.vote(.approve, id, by: "carl"))
    let report = try audit(box)
    #expect(report.found == ["claim.foreign-key 2", "claim.signature 4", "vote.not-member 5"])
  }

  @Test func repeatedProposalAndApproval() throws {
    var box = try TestBox()
    let body = try box.draft("mail.send")
    try box.apply(body)
    try box.force(body)
    let vote = try box.vote(.approve, body.proposal, by: "ana")
    try box.apply(vote)
    try box.force(vote)
    #expect(try audit(box).found == ["statement.repeated 2", "vote.duplicate 4"])
  }

  @Test func budgetOverrun() throws {
    var box = try TestBox()
    try box.execute(box.open("meter.spend", ["amount": 80]))
    let id = try box.open("meter.spend", ["amount": 30])
    try box.force(started(id))
    #expect(try audit(box).found == ["execution.not-approved 5"])
  }

  @Test func changeOfPolicyWithoutDecision() throws {
    var box = try TestBox()
    let new = try TestBox.policy("http.request", rule: .automatic([]))
    let id = try box.open("governance.policy.set", ["name": "payments", "policy": new.json])
    try box.approve(id, by: "ana", "ben")
    let constitution = try #require(try box.state.constitution?.applying(box.statement(of: id).action))
    try box.force(started(id, ["ana", "ben"]))
    try box.force(
      ExecutionFinished(
        proposal: id, outcome: .executed, result: [:], epoch: 2, constitution: constitution.digest))
    // And pays by the policy that it gave itself.
    let action = try Action(type: "http.request", params: [:])
    let statement = Statement(
      action: action, box: TestBox.name, epoch: 2, expires: box.now + 1000,
      nonce: Statement.nonce(proposer: .client("app"), salt: Array(repeating: 1, count: 16)),
      policy: new.digest(name: "payments"))
    let body = ProposalOpened(
      statement: statement, proposer: .client("app"), salt: Array(repeating: 1, count: 16), claim: nil)
    try box.force(body)
    try box.force(started(body.proposal))
    let report = try audit(box)
    #expect(
      report.found == [
        "execution.not-approved 4", "execution.not-executing 5", "statement.epoch 6",
        "execution.unknown-proposal 7",
      ])
    #expect(report.faults[3].follows == 3)
    #expect(report.epoch == 1)
  }

  @Test func falseConstitution() throws {
    var box = try TestBox()
    let id = try box.open("governance.policy.set", ["name": "mail", "policy": nil])
    try box.approve(id, by: "ana", "ben", "carl")
    try box.begin(id)
    try box.force(
      ExecutionFinished(proposal: id, outcome: .executed, result: [:], epoch: 2, constitution: SHA256.hash([1])))
    #expect(try audit(box).found == ["execution.constitution 6"])
  }

  @Test func whatIsNoEntry() throws {
    var box = try TestBox()
    try box.force(
      BoxCreated(box: TestBox.name, keys: TestKeys.box(), constitution: TestBox.constitution(), witnesses: nil))
    let good = box.log.map(\.bytes)
    let strange = [
      Array("nothing".utf8), Array("{\"kind\":\"x\",\"at\":1,\"body\":{}}".utf8),
      Array("{\"at\":1,\"body\":{},\"kind\":\"x\"}".utf8),
    ]
    let report = try audit(MemoryLog(good + strange).archive())
    #expect(
      report.found == ["order.created-twice 1", "entry.not-json 2", "entry.not-canonical 3", "entry.field 4"])
    #expect(report.population.unreadable == 3)
  }

  @Test func faultsAreCountedBeyondWhatIsListed() throws {
    var box = try TestBox()
    for number in 0..<30 { try box.force(started(SHA256.hash([UInt8(number)]))) }
    let report = try AuditVerifier(maxFaults: 10).verify(MemoryLog(box).archive())
    #expect(report.faults.count == 10 && report.faultCount == 30)
    #expect(report.faultsByCode == ["execution.unknown-proposal": 30])
    #expect(report.sentences.contains("20 more faults are not listed"))
    #expect(report.json["fault_count"] == 30)
    #expect(try report.json == AuditVerifier(maxFaults: 10).verify(MemoryLog(box).archive()).json)
  }
}
