import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

@Suite struct StatementTests {
  private func statement() throws -> Statement {
    let proposer = Proposer.client("app")
    return Statement(
      action: try Action(type: "http.request", params: ["url": "https://bank.example"]), box: "box.example", epoch: 1,
      expires: 1_800_000_000_000, nonce: Statement.nonce(proposer: proposer, salt: Array(0..<16)),
      policy: SHA256.hash(utf8: "policy"))
  }

  /// As docs/formats.md section 5 writes it.
  @Test func theDigestIsOfTheCanonicalText() throws {
    let statement = try statement()
    let text = [
      #"{"action":{"params":{"url":"https://bank.example"},"type":"http.request"},"box":"box.example","epoch":1"#,
      #""expires":1800000000000,"nonce":"\#(statement.nonce.hex)","policy":"\#(statement.policy.hex)"}"#,
    ].joined(separator: ",")
    #expect(statement.json.canonicalString() == text)
    #expect(statement.digest == SHA256.hash(utf8: text))
    #expect(
      statement.nonce
        == SHA256.hash(utf8: #"{"proposer":"client:app","salt":"000102030405060708090a0b0c0d0e0f"}"#))
    #expect(try Statement(json: statement.json) == statement)
  }

  @Test func everyFieldIsUnderTheDigest() throws {
    let statement = try statement()
    let object = try #require(statement.json.object)
    let other: [String: JSON] = [
      "action": ["type": "http.request", "params": ["url": "https://bank.example/"]], "box": "box2.example",
      "epoch": 2, "expires": 1_800_000_000_001, "nonce": .string(SHA256.hash(utf8: "n").hex),
      "policy": .string(SHA256.hash(utf8: "p").hex),
    ]
    for name in object.keys {
      var changed = object
      changed[name] = other[name]
      #expect(try Statement(json: .object(changed)).digest != statement.digest, "\(name)")
      changed[name] = nil
      #expect(code { _ = try Statement(json: .object(changed)) } == "field statement.\(name)")
    }
  }

  @Test func anActionIsReadStrictly() throws {
    let digest = SHA256.hash(utf8: "x")
    func refusal(_ json: JSON) -> String? { code { _ = try Action(json: json) } }
    #expect(refusal(["type": "a.b", "params": [:]]) == nil)
    #expect(refusal(["type": "a", "params": [:]]) == "field action.type")
    #expect(refusal(["type": "a.b", "params": []]) == "field action.params")
    #expect(refusal(["type": "a.b", "params": [:], "follows": []]) == "field action.follows")
    #expect(refusal(["type": "a.b", "params": [:], "follows": ["x"]]) == "field action.follows[0]")
    let twice: JSON = [.string(digest.hex), .string(digest.hex)]
    #expect(refusal(["type": "a.b", "params": [:], "follows": twice]) == "field action.follows[1]")
    #expect(refusal(["type": "a.b", "params": [:], "more": 1]) == "field action.more")
    let many = JSON.array((0..<9).map { .string(SHA256.hash(utf8: "\($0)").hex) })
    #expect(refusal(["type": "a.b", "params": [:], "follows": many]) == "field action.follows")
  }

  @Test func commitmentsOpenToExactlyWhatWasCommitted() throws {
    let opening = try Opening(value: ["to": "Ann"], salt: Array(repeating: 7, count: 32))
    let commitment = opening.commitment
    #expect(
      commitment.digest
        == SHA256.hash(utf8: #"{"salt":"\#(String(repeating: "07", count: 32))","value":{"to":"Ann"}}"#))
    let action = try Action(type: "mail.send", params: ["list": [1, commitment.json], "plain": "x"])
    #expect(action.commitments.map(\.path) == ["params.list[1]"])
    #expect(try action.opened(with: [commitment.digest: opening]) == ["list": [1, ["to": "Ann"]], "plain": "x"])
    #expect(throws: CommitmentError.notOpened(path: "params.list[1]", commitment.digest)) {
      try action.opened(with: [:])
    }
    let other = try Opening(value: ["to": "Bob"], salt: opening.salt)
    #expect(
      throws: CommitmentError.differs(
        path: "params.list[1]", expected: commitment.digest, actual: other.commitment.digest)
    ) { try action.opened(with: [commitment.digest: other]) }
    // A commitment within what another one hid would stand for nothing, whatever opens it.
    let outer = try Opening(value: ["inner": commitment.json], salt: opening.salt)
    let hidden = try Action(type: "mail.send", params: ["body": outer.commitment.json])
    #expect(throws: CommitmentError.nested(path: "params.body", outer.commitment.digest)) {
      try hidden.opened(with: [outer.commitment.digest: outer, commitment.digest: opening])
    }
    #expect(try Opening(json: opening.json) == opening)
    #expect(code { _ = try Opening(value: 1, salt: [1]) } == "field salt")
    #expect(code { _ = try Opening(json: ["salt": "07", "value": 1]) } == "field salt")
    for bad in [
      ["$commitment": 1], ["$commitment": "00"], ["$commitment": .string(commitment.digest.hex), "more": 1],
    ] as [JSON] {
      #expect(code { _ = try Action(type: "mail.send", params: ["body": bad]) } == "field action.params.body")
    }
  }
}
