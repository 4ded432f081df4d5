import CanonicalJSON
import Cryptography
import OpenClaims
import Testing

@testable import Governance

@Suite struct VotingTests {
  @Test func approvalsReachAGroupQuorum() throws {
    var box = try TestBox()
    let id = try box.open("http.request", ["url": "https://bank.example/pay"])
    #expect(
      box.status(id)
        == .open(missing: [
          .approvals(committee: "engineers", count: 2, candidates: ["ana", "ben"]),
          .approvals(committee: "auditors", count: 1, candidates: ["dora", "emil"]),
        ]))
    try box.approve(id, by: "ana", "dora")
    #expect(box.status(id)?.name == "open")
    try box.approve(id, by: "ben")
    #expect(box.status(id)?.name == "approved")
    try box.begin(id)
    #expect(box.state.proposal(id)?.start?.approvals == ["ana", "ben", "dora"])
    try box.finish(id)
    #expect(box.status(id) == .executed(at: box.now))
  }

  @Test func aSecondApprovalBySomebodyIsRefused() throws {
    var box = try TestBox(
      TestBox.constitution(signers: try TestBox.people.map { try TestKeys.signer($0, keys: [$0, $0 + "2"]) }))
    let id = try box.open("http.request")
    try box.approve(id, by: "ana")
    #expect(code { try box.approve(id, by: "ana") } == "vote.duplicate")
    // One person with two keys is one.
    #expect(code { try box.approve(id, by: "ana", key: "ana2") } == "vote.duplicate")
    try box.approve(id, by: "dora")
    #expect(box.status(id)?.name == "open")
  }

  @Test func onlyMembersOfTheCommitteesApprove() throws {
    var box = try TestBox()
    let id = try box.open("http.request")
    #expect(code { try box.approve(id, by: "carl") } == "vote.not-member")
    #expect(code { try box.approve(id, by: "mallory") } == "claim.unknown-signer")
    #expect(code { try box.approve(id, by: "ana", key: "mallory") } == "claim.foreign-key")
    #expect(code { try box.approve(id, by: "ana", key: "ben") } == "claim.foreign-key")
    #expect(box.state.proposal(id)?.approvals.isEmpty == true)
  }

  @Test func theProposersOwnApprovalIsNotCounted() throws {
    var box = try TestBox()
    let id = try box.open("http.request", by: .signer("ana"))
    #expect(code { try box.approve(id, by: "ana") } == "vote.self-approval")

    var policies = try TestBox.policies()
    policies["mail"] = Policy(
      covers: [try Pattern(parsing: "mail.*")], rule: .single(committee: "everybody"), selfApproval: true)
    var other = try TestBox(TestBox.constitution(policies: policies))
    let mail = try other.open("mail.send", by: .signer("ana"))
    try other.approve(mail, by: "ana")
    #expect(other.status(mail)?.name == "approved")
  }

  @Test func whoObjectsNoLongerApproves() throws {
    var box = try TestBox()
    let id = try box.open("http.request")
    try box.approve(id, by: "ana", "ben", "dora")
    try box.object(id, by: "ben")
    #expect(box.status(id)?.name == "open")
    #expect(code { try box.approve(id, by: "ben") } == "vote.after-objection")
    #expect(code { try box.object(id, by: "ben") } == "vote.duplicate")
    #expect(code { try box.object(id, by: "carl") } == "vote.not-member")
    #expect(code { try box.object(id, by: "mallory") } == "claim.unknown-signer")
  }

  @Test func objectionStopsATimelockUntilTheExecutionStarts() throws {
    var box = try TestBox()
    let id = try box.open("mirror.install")
    try box.approve(id, by: "ana", "ben")
    #expect(box.status(id) == .locked(until: box.now + 3_600_000))
    box.pass(seconds: 3599)
    #expect(code { try box.begin(id) } == "execution.not-approved")
    box.pass(seconds: 1)
    #expect(box.status(id)?.name == "approved")
    try box.object(id, by: "dora")
    #expect(box.status(id) == .objected(by: ["dora"]))
    #expect(code { try box.begin(id) } == "execution.not-approved")
    #expect(code { try box.approve(id, by: "carl") } == "vote.not-open")

    let late = try box.open("mirror.install")
    try box.approve(late, by: "ana", "ben")
    box.pass(seconds: 3600)
    try box.begin(late)
    #expect(code { try box.object(late, by: "dora") } == "vote.not-open")
  }

  @Test func onlyTheProposerWithdraws() throws {
    var box = try TestBox()
    let id = try box.open("http.request", by: .client("app"))
    #expect(code { try box.withdraw(id, client: "other") } == "vote.not-proposer")
    #expect(code { try box.apply(box.vote(.withdraw, id, by: "ana")) } == "vote.not-proposer")
    try box.withdraw(id, client: "app")
    #expect(box.status(id) == .withdrawn(at: box.now))
    #expect(code { try box.withdraw(id, client: "app") } == "vote.not-open")
    #expect(code { try box.approve(id, by: "ana") } == "vote.not-open")

    let own = try box.open("http.request", by: .signer("ana"))
    #expect(code { try box.withdraw(own, client: "ana") } == "vote.not-proposer")
    #expect(code { try box.apply(box.vote(.withdraw, own, by: "ana", key: "ben")) } == "claim.foreign-key")
    try box.apply(box.vote(.withdraw, own, by: "ana"))
    #expect(box.status(own)?.name == "withdrawn")
  }

  @Test func votesOnWhatIsNotOpenAreRefused() throws {
    var box = try TestBox()
    let id = try box.open("mail.send", expires: box.now + 60_000)
    let unknown = SHA256.hash(utf8: "nothing")
    let vote = try box.vote(.approve, id, by: "ana")
    #expect(
      code { try box.apply(ProposalVote(verdict: .approve, proposal: unknown, voice: vote.voice)) }
        == "vote.unknown-proposal")
    box.pass(seconds: 60)
    #expect(code { try box.approve(id, by: "ana") } == "vote.not-open")
    #expect(box.status(id) == .expired(at: box.now))
  }

  @Test func anApprovalLapsesWithItsClaim() throws {
    var box = try TestBox()
    let id = try box.open("mail.send")
    try box.approve(id, by: "ana", exp: box.now / 1000 + 60)
    #expect(box.status(id)?.name == "approved")
    box.pass(seconds: 59)
    #expect(box.status(id)?.name == "approved")
    box.pass(seconds: 1)
    #expect(box.status(id)?.name == "open")
    #expect(code { try box.begin(id) } == "execution.not-approved")
    try box.approve(id, by: "ana")
    #expect(box.status(id)?.name == "approved")
  }

  @Test func aClaimSaysExactlyWhatItsEntrySays() throws {
    var box = try TestBox()
    let id = try box.open("mail.send")
    let statement = try box.statement(of: id)
    let key = try TestKeys.claimKey("ana")
    let exp = box.now / 1000 + 60

    func refusal(
      iss: String = "ana", sub: String = TestBox.name, stm: JSON? = nil, nbf: Int64? = nil, exp: Int64? = exp,
      nce: String? = "n", keys: [String] = ["ana"]
    ) throws -> String? {
      var claim = try Claim(
        iss: iss, sub: sub, stm: stm ?? statement.stm(.approve), nbf: nbf, exp: exp, nce: nce,
        keys: keys.map { try TestKeys.claimKey($0) })
      for name in keys { claim = try claim.signed(by: ClaimSigner(try TestKeys.privateKey(name))) }
      let vote = ProposalVote(verdict: .approve, proposal: id, voice: .signer("ana", claim: claim.json))
      var copy = box
      return code { try copy.apply(vote) }
    }
    func stm(_ name: String, _ value: JSON?) -> JSON {
      var object = statement.stm(.approve).object ?? [:]
      object[name] = value
      return .object(object)
    }
    #expect(try refusal() == nil)
    #expect(try refusal(iss: "ben") == "claim.issuer")
    #expect(try refusal(sub: "another.example") == "claim.subject")
    #expect(try refusal(stm: stm("action", .string(SHA256.hash(utf8: "x").hex))) == "claim.action")
    #expect(try refusal(stm: stm("box", "another.example")) == "claim.box")
    #expect(try refusal(stm: stm("decision", "object")) == "claim.decision")
    #expect(try refusal(stm: stm("epoch", 2)) == "claim.epoch")
    #expect(try refusal(stm: stm("policy", .string(SHA256.hash(utf8: "x").hex))) == "claim.policy")
    #expect(try refusal(stm: stm("policy", nil)) == "claim.policy")
    #expect(try refusal(stm: stm("more", 1)) == "claim.statement")
    #expect(try refusal(stm: "approve") == "claim.action")
    #expect(try refusal(nbf: exp - 1) == "claim.signature")
    #expect(try refusal(exp: nil) == "claim.expiry-missing")
    #expect(try refusal(exp: box.now / 1000) == "claim.signature")
    #expect(try refusal(exp: box.now / 1000 + Policy.longestExpiry) == nil)
    #expect(try refusal(exp: box.now / 1000 + Policy.longestExpiry + 1) == "claim.expiry-too-far")
    #expect(try refusal(nce: nil) == "claim.nonce")
    #expect(try refusal(nce: "") == "claim.nonce")
    #expect(try refusal(keys: ["ana", "ben"]) == "claim.keys")

    let unsigned = try Claim(
      iss: "ana", sub: TestBox.name, stm: statement.stm(.approve), exp: exp, nce: "n", keys: [key])
    #expect(
      code {
        try box.apply(ProposalVote(verdict: .approve, proposal: id, voice: .signer("ana", claim: unsigned.json)))
      } == "claim.signature")
    let signed = try box.claim(.approve, statement, by: "ana")
    var forged = signed.object ?? [:]
    forged["nce"] = "another"
    #expect(
      code {
        try box.apply(ProposalVote(verdict: .approve, proposal: id, voice: .signer("ana", claim: .object(forged))))
      } == "claim.signature")
    #expect(
      code {
        try box.apply(ProposalVote(verdict: .approve, proposal: id, voice: .signer("ana", claim: ["ocp": 1])))
      } == "claim.malformed")
    // An approval of one proposal is none of another.
    let other = try box.open("mail.send")
    #expect(
      code {
        try box.apply(ProposalVote(verdict: .approve, proposal: other, voice: .signer("ana", claim: signed)))
      } == "claim.action")
    // Nor is it an objection.
    #expect(
      code {
        try box.apply(ProposalVote(verdict: .object, proposal: id, voice: .signer("ana", claim: signed)))
      } == "claim.decision")
  }
}
