import CanonicalJSON
import Cryptography
import OpenClaims
import Testing

@testable import Governance

@Suite struct OpeningTests {
  /// The statement of a draft with one field replaced, put as if it were the honest one.
  private func refusal(
    _ body: ProposalOpened, in box: TestBox, _ change: (inout [String: JSON]) -> Void
  ) throws -> String? {
    var fields: [String: JSON] = [:]
    for member in body.statement.json.object ?? [:] { fields[member.key] = member.value }
    change(&fields)
    let statement = try Statement(json: .object(JSONObject(fields.map { ($0.key, $0.value) })))
    var changed = body
    changed.statement = statement
    changed.proposal = statement.digest
    var copy = box
    return code { try copy.apply(changed) }
  }

  @Test func everyFieldOfTheStatementIsHeldAgainstTheState() throws {
    var box = try TestBox()
    let body = try box.draft("mail.send", ["to": "x"])
    let other = JSON.string(SHA256.hash(utf8: "other").hex)
    #expect(try refusal(body, in: box) { _ in } == nil)
    #expect(try refusal(body, in: box) { $0["box"] = "other.example" } == "statement.box")
    #expect(try refusal(body, in: box) { $0["epoch"] = 2 } == "statement.epoch")
    #expect(try refusal(body, in: box) { $0["policy"] = other } == "statement.policy")
    #expect(try refusal(body, in: box) { $0["nonce"] = other } == "statement.nonce")
    #expect(try refusal(body, in: box) { $0["expires"] = .integer(box.now) } == "statement.expired")
    let longest = box.now + Policy.defaultMaxExpiry * 1000
    #expect(try refusal(body, in: box) { $0["expires"] = .integer(longest) } == nil)
    #expect(try refusal(body, in: box) { $0["expires"] = .integer(longest + 1) } == "statement.expires-too-late")
    #expect(
      try refusal(body, in: box) { $0["action"] = ["type": "http.request", "params": [:]] } == "statement.policy")
    #expect(
      try refusal(body, in: box) { $0["action"] = ["type": "telegram.send", "params": [:]] } == "statement.no-policy")
    #expect(
      try refusal(body, in: box) { $0["action"] = ["type": "governance.panic", "params": [:]] }
        == "statement.reserved-type")
    #expect(
      try refusal(body, in: box) { $0["action"] = ["type": "box.stop", "params": [:]] } == "statement.parameters")

    var lying = body
    lying.proposal = SHA256.hash(utf8: "other")
    #expect(code { try box.apply(lying) } == "statement.digest")
    var salted = body
    salted.salt = Array(repeating: 9, count: 16)
    #expect(code { try box.apply(salted) } == "statement.nonce")
    var stolen = body
    stolen.proposer = .client("thief")
    #expect(code { try box.apply(stolen) } == "statement.nonce")
  }

  @Test func aProposalIsOpenedOnce() throws {
    var box = try TestBox()
    let body = try box.draft("mail.send", expires: box.now + 1000)
    try box.apply(body)
    #expect(code { try box.apply(body) } == "statement.repeated")
    try box.withdraw(body.proposal, client: "app")
    #expect(code { try box.apply(body) } == "statement.repeated")
    box.pass(seconds: 1)
    #expect(code { try box.apply(body) } == "statement.repeated")
    // Forgotten, and still refused.
    box.pass(seconds: 2 * 86_400)
    try box.open("mail.send")
    #expect(box.status(body.proposal) == nil)
    #expect(code { try box.apply(body) } == "statement.expired")
  }

  @Test func aSignerProposesWithAClaimAndAClientWithout() throws {
    var box = try TestBox()
    var body = try box.draft("mail.send", by: .signer("ana"))
    let claim = body.claim
    body.claim = nil
    #expect(code { try box.apply(body) } == "claim.missing")
    body.claim = try box.claim(.approve, body.statement, by: "ana")
    #expect(code { try box.apply(body) } == "claim.decision")
    body.claim = try box.claim(.propose, body.statement, by: "ana", key: "ben")
    #expect(code { try box.apply(body) } == "claim.foreign-key")
    body.claim = claim
    try box.apply(body)
    var client = try box.draft("mail.send")
    client.claim = claim
    #expect(code { try box.apply(client) } == "claim.superfluous")
    #expect(code { try box.open("mail.send", by: .signer("mallory")) } == "statement.unknown-proposer")
  }

  @Test func uncoveredTypesAreDenied() throws {
    var box = try TestBox()
    #expect(code { try box.open("telegram.send") } == "statement.no-policy")
  }

  @Test func aDeniedProposalIsOverAtOnce() throws {
    var box = try TestBox(
      TestBox.constitution(with: [
        "mail": try Policy("mail.*", rule: .deny),
        "notes": try Policy("note.write", rule: .automatic([.range(field: "params.n", min: 1, max: 5)])),
        "code": try Policy("code.run", rule: .code(CodeRule(source: "export default () => 1", branches: [:]))),
      ]))
    let mail = try box.open("mail.send")
    #expect(box.status(mail) == .denied(.denied))
    let note = try box.open("note.write", ["n": 6])
    #expect(box.status(note)?.name == "denied")
    let good = try box.open("note.write", ["n": 5])
    #expect(box.status(good)?.name == "approved")
    let code = try box.open("code.run")
    #expect(box.status(code)?.name == "denied")
    #expect(box.state.proposal(mail) == nil)
  }

  @Test func quotasBoundEachProposer() throws {
    let policy = Policy(
      covers: [try Pattern(parsing: "mail.*")], rule: .single(committee: "everybody"),
      quota: Quota(open: 2, count: 3, period: 100))
    var box = try TestBox(TestBox.constitution(with: ["mail": policy]))
    let first = try box.open("mail.send", expires: box.now + 50_000)
    try box.open("mail.send")
    #expect(code { try box.open("mail.send") } == "statement.quota-open")
    try box.open("mail.send", by: .client("other"))
    try box.withdraw(first, client: "app")
    try box.open("mail.send")
    #expect(code { try box.open("mail.send") } == "statement.quota-count")
    box.pass(seconds: 100)
    #expect(code { try box.open("mail.send") } == "statement.quota-open")
    // Expiry frees a place without an entry.
    var brief = try TestBox(TestBox.constitution(with: ["mail": policy]))
    try brief.open("mail.send", expires: brief.now + 1000)
    try brief.open("mail.send", expires: brief.now + 1000)
    brief.pass(seconds: 1)
    try brief.open("mail.send")
    #expect(code { try brief.open("mail.send") } == "statement.quota-count")
  }

  @Test func predecessorsComeFirst() throws {
    var box = try TestBox()
    #expect(
      code { try box.open("note.write", follows: [SHA256.hash(utf8: "nothing")]) } == "statement.unknown-predecessor")
    let first = try box.open("mail.send")
    let second = try box.open("note.write", follows: [first])
    #expect(box.status(second) == .open(missing: [.predecessor(first)]))
    #expect(code { try box.begin(second) } == "execution.not-approved")
    try box.approve(first, by: "ana")
    try box.begin(first)
    #expect(box.status(second)?.name == "open")
    try box.finish(first)
    #expect(box.status(second)?.name == "approved")
    let third = try box.open("note.write", follows: [first])
    #expect(box.status(third)?.name == "approved")

    let failing = try box.open("note.write")
    let after = try box.open("note.write", follows: [failing])
    try box.begin(failing)
    try box.finish(failing, .failed)
    #expect(box.status(after) == .denied(.predecessor(failing)))
    #expect(code { try box.begin(after) } == "execution.not-approved")

    let brief = try box.open("mail.send", expires: box.now + 1000)
    let waiting = try box.open("note.write", follows: [brief])
    box.pass(seconds: 1)
    #expect(box.status(waiting) == .denied(.predecessor(brief)))
  }

  @Test func whatIsOverIsForgotten() throws {
    var box = try TestBox()
    for round in 0..<50 {
      let id = try box.open("note.write", ["round": .integer(Int64(round))], expires: box.now + 1000)
      if round % 2 == 0 { try box.execute(id) }
      box.pass(seconds: 86_400)
    }
    #expect(box.state.live.count + box.state.settled.count <= 3)
    #expect(box.state.deadlines.count <= 3)
    #expect(box.state.followers.isEmpty)
  }
}
