import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Testing

@testable import BoxService

/// Approvals, objections and withdrawals over the API: what counts, and what is refused with which name.
@Suite struct VotingTests {
  /// A claim like Ana's, with one member of the statement replaced before it is signed.
  private static func forged(
    _ opened: Opened, _ member: String, _ value: JSON, exp: Int64, signer: String = "ana"
  ) throws -> JSON {
    let ana = try TestPerson("ana")
    var stm = opened.statement.stm(.approve).object ?? [:]
    stm[member] = value
    return try Claim(
      iss: signer, sub: opened.statement.box, stm: .object(stm), exp: exp, nce: "n", keys: [ana.key]
    ).signed(by: ClaimSigner(ana.privateKey)).json
  }

  @Test func whatAClaimMustSayIsNamedWhereItDiffers() async throws {
    try await TestBox.with { box in
      let opened = try await box.open("note.single")
      let path = "/v1/proposals/\(opened.id)/approvals"
      let exp = box.home.clock.now / 1000 + 3600
      func refusal(_ claim: JSON) async throws -> [String] {
        let answer = try await box.call("POST", path, claim)
        return ["\(answer.status)", answer.json["fault"]?.string ?? "", answer.code ?? ""]
      }
      let zero = String(repeating: "0", count: 64)
      #expect(try await refusal(Self.forged(opened, "action", .string(zero), exp: exp))[1] == "claim.action")
      #expect(try await refusal(Self.forged(opened, "epoch", 2, exp: exp))[1] == "claim.epoch")
      #expect(try await refusal(Self.forged(opened, "policy", .string(zero), exp: exp))[1] == "claim.policy")
      #expect(try await refusal(Self.forged(opened, "decision", "object", exp: exp))[1] == "claim.decision")
      #expect(try await refusal(Self.forged(opened, "box", "another", exp: exp))[1] == "claim.box")
      // Ana's key under Ben's name, somebody unknown, a signature of something else, an expired claim, one that never ends.
      let foreign = try TestPerson("ana").claim(.approve, opened.statement, exp: exp, as: "ben")
      #expect(try await refusal(foreign)[1] == "claim.foreign-key")
      let stranger = try TestPerson("eve").claim(.approve, opened.statement, exp: exp)
      #expect(try await refusal(stranger)[1] == "claim.unknown-signer")
      var broken = try #require(try box.claim(.approve, opened, by: "ana").object)
      let others = try #require(try box.claim(.approve, opened, by: "ana", nonce: "other").object)
      broken["sig"] = others["sig"]
      #expect(try await refusal(.object(broken))[1] == "claim.signature")
      let expired = try TestPerson("ana").claim(.approve, opened.statement, exp: box.home.clock.now / 1000 - 1)
      #expect(try await refusal(expired)[0] == "403")
      let eternal = try TestPerson("ana").claim(.approve, opened.statement, exp: exp + 40 * 86_400)
      #expect(try await refusal(eternal)[1] == "claim.expiry-too-far")
      #expect(try await box.status(opened) == "open", "nothing of that counted")
      #expect(try await box.call("POST", path, ["iss": 1]).status == 422)
      #expect(try await box.call("POST", path, ["iss": "ana"]).json["fault"]?.string == "claim.malformed")
      #expect(try await box.call("POST", "/v1/proposals/\(zero)/approvals", foreign).status == 404)
      #expect(try await box.call("POST", "/v1/proposals/abc/approvals", foreign).code == "invalid_field")
      try await box.approve(opened, by: "ana")
      try await box.wait(opened, for: "executed")
    }
  }

  @Test func theSameVoteAgainIsNoErrorAndCountsOnce() async throws {
    try await TestBox.with { box in
      let opened = try await box.open("http.request", ["method": "GET", "url": "http://127.0.0.1:1/"])
      let one = try await box.vote(.approve, opened, by: "ana")
      let again = try await box.vote(.approve, opened, by: "ana")
      #expect(one.status == 202)
      #expect(again.status == 202)
      #expect(again.json["approvals"]?.array?.count == 1)
      let other = try await box.call(
        "POST", "/v1/proposals/\(opened.id)/approvals", try box.claim(.approve, opened, by: "ana", nonce: "new"))
      #expect(other.json["approvals"]?.array?.count == 1)
      #expect(try await box.status(opened) == "open")
    }
  }

  @Test func aSignersOwnApprovalDoesNotCountAndTheirClaimOpensOnlyOnce() async throws {
    try await TestBox.with { box in
      // The signer makes the whole statement on their own machine.
      let core = try box.core()
      let constitution = try #require(try await core.sequencer.inspect { state, _ in state.constitution })
      let salt = [UInt8](repeating: 7, count: 32)
      let policy = try #require(constitution.policies["single"]).digest(name: "single")
      let statement = Statement(
        action: try Action(type: "note.single", params: ["n": 1]), box: TestConstitution.box, epoch: 1,
        expires: box.home.clock.now + 3_600_000, nonce: Statement.nonce(proposer: .signer("ana"), salt: salt),
        policy: policy)
      let claim = try TestPerson("ana").claim(.propose, statement, exp: box.home.clock.now / 1000 + 600)
      let more: JSONObject = [
        "salt": .string(Hex.encode(salt)), "expires": .integer(statement.expires), "claim": claim,
      ]
      let opened = try await box.open("note.single", ["n": 1], more: more)
      #expect(opened.id == statement.digest.hex)
      #expect(opened.json["proposer"]?.string == "signer:ana")
      let own = try await box.vote(.approve, opened, by: "ana")
      #expect(own.status == 403)
      #expect(own.json["fault"]?.string == "vote.self-approval")
      let repeated = try await box.propose("note.single", ["n": 1], more: more)
      #expect(repeated.status == 409)
      #expect(repeated.json["fault"]?.string == "statement.repeated")
      // The claim proves this statement and no other.
      let other = try await box.propose("note.single", ["n": 2], more: more)
      #expect(other.status == 403)
      #expect(other.json["fault"]?.string == "claim.action")
      try await box.approve(opened, by: "ben")
      try await box.wait(opened, for: "executed")
    }
  }

  @Test func anObjectionEndsWhatIsLockedAndAWithdrawalWhatIsOpen() async throws {
    try await TestBox.with { box in
      let locked = try await box.open("note.later")
      #expect(locked.json["status"]?["name"]?.string == "locked")
      #expect(locked.json["status"]?["until"]?.integer == box.home.clock.now + 60_000)
      let objected = try await box.vote(.object, locked, by: "carl")
      #expect(objected.status == 200)
      #expect(objected.json["status"]?["name"]?.string == "objected")
      #expect(objected.json["objections"]?.array?.first?["signer"]?.string == "carl")
      box.home.clock.advance(seconds: 120)
      try await box.sweep()
      #expect(try box.note("note.later").orders.isEmpty)
      let opened = try await box.open("note.single")
      let stranger = try await box.call("POST", "/v1/proposals/\(opened.id)/withdrawal", [:], as: "other")
      #expect(stranger.status == 403)
      #expect(stranger.json["fault"]?.string == "vote.not-proposer")
      let withdrawn = try await box.call("POST", "/v1/proposals/\(opened.id)/withdrawal")
      #expect(withdrawn.status == 200)
      #expect(withdrawn.json["status"]?["name"]?.string == "withdrawn")
      #expect(try await box.vote(.approve, opened, by: "ana").status == 409)
      #expect(try box.note("note.single").orders.isEmpty)
    }
  }

  @Test func aTimeLockOpensWithTheClockAndNotBefore() async throws {
    try await TestBox.with { box in
      let note = try box.note("note.later")
      let opened = try await box.open("note.later")
      box.home.clock.advance(seconds: 59)
      try await box.sweep()
      #expect(try await box.status(opened) == "locked")
      #expect(note.orders.isEmpty)
      box.home.clock.advance(seconds: 1)
      try await box.sweep()
      try await box.wait(opened, for: "executed")
      #expect(note.orders == [opened.digest])
    }
  }

  @Test func whatHasExpiredIsNeverCarriedOut() async throws {
    try await TestBox.with { box in
      let opened = try await box.open("note.single", more: ["expiresIn": 10])
      box.home.clock.advance(seconds: 10)
      #expect(try await box.status(opened) == "expired")
      let late = try await box.vote(.approve, opened, by: "ana")
      #expect(late.status == 409)
      #expect(try box.note("note.single").orders.isEmpty)
      let past = try await box.propose("note.single", more: ["expires": .integer(box.home.clock.now - 1)])
      #expect(past.status == 422)
      #expect(past.json["fault"]?.string == "statement.expired")
      let far = try await box.propose("note.single", more: ["expiresIn": .integer(8 * 86_400)])
      #expect(far.json["fault"]?.string == "statement.expires-too-late")
    }
  }

  @Test func anApprovalThatLapsedIsNotInTheReceipt() async throws {
    try await TestBox.with(egress: ["127.0.0.1:1"]) { box in
      let opened = try await box.open("http.request", ["method": "GET", "url": "http://127.0.0.1:1/"])
      let short = try box.claim(.approve, opened, by: "ana", lasting: 60)
      #expect(try await box.call("POST", "/v1/proposals/\(opened.id)/approvals", short).status == 202)
      box.home.clock.advance(seconds: 61)
      try await box.approve(opened, by: "ben")
      #expect(try await box.status(opened) == "open", "Ana's approval has lapsed")
      try await box.approve(opened, by: "ana")
      let done = try await box.wait(opened, for: "failed")
      #expect(done["approvals"]?.array?.count == 3)
      let receipt = try await box.get("/v1/receipts/\(opened.id)")
      #expect(receipt.json["roles"]?["approvals"]?.array?.count == 2)
      #expect(try ReceiptCheck.verdict(receipt, of: box) == .accepted)
    }
  }

  @Test func whatNoPolicyCoversOrThePolicyDeniesIsDenied() async throws {
    try await TestBox.with { box in
      let uncovered = try await box.propose("note.uncovered")
      #expect(uncovered.status == 403)
      #expect(uncovered.code == "denied")
      let denied = try await box.propose("note.never")
      #expect(denied.status == 403)
      #expect(denied.code == "denied")
      #expect(denied.json["action_digest"]?.string?.utf8.count == 64)
      #expect(denied.json["next_steps"]?.array?.isEmpty == false)
      #expect(try await box.propose("no.executor").code == "invalid_field")
      #expect(try box.note("note.never").orders.isEmpty)
    }
  }

  @Test func quotasAnswer429() async throws {
    try await TestBox.with(egress: ["127.0.0.1:1"]) { box in
      for number in 1...3 {
        _ = try await box.open(
          "http.request", ["method": "GET", "url": .string("http://127.0.0.1:1/\(number)"), "body": "private"])
      }
      let blobs = try blobCount(box)
      let more = try await box.propose(
        "http.request", ["method": "GET", "url": "http://127.0.0.1:1/", "body": "private"])
      #expect(more.status == 429)
      #expect(more.json["fault"]?.string == "statement.quota-open")
      #expect(more.header("retry-after") != nil)
      #expect(try blobCount(box) == blobs, "a refused proposal leaves nothing behind")
      // Another client has a quota of its own.
      _ = try await box.open("http.request", ["method": "GET", "url": "http://127.0.0.1:1/"], as: "other")
    }
  }

  private func blobCount(_ box: TestBox) throws -> Int {
    try FileList.under(box.home.directory.blobsPath).count
  }
}
