import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

@Suite struct EntryTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test func onlyCanonicalBytesAreAnEntry() throws {
    let good = #"{"at":5,"body":{"a":1},"kind":"proposal.opened"}"#
    let entry = try Entry(parsing: bytes(good))
    #expect(entry.at == 5 && entry.kind == .proposalOpened && entry.body == ["a": 1] && entry.bytes == bytes(good))
    #expect(try Entry(at: 5, kind: .proposalOpened, body: ["a": 1]) == entry)
    let bad: [(String, String)] = [
      (#"{"at":5, "body":{"a":1},"kind":"proposal.opened"}"#, "canonical"),
      (#"{"body":{"a":1},"at":5,"kind":"proposal.opened"}"#, "canonical"),
      (#"{"at":5,"body":{"a":"\u0041"},"kind":"proposal.opened"}"#, "canonical"),
      (#"{"at":5,"at":5,"body":{},"kind":"proposal.opened"}"#, "at"),
      (#"{"at":5,"body":{"a":1.5},"kind":"proposal.opened"}"#, "not an entry"),
      (#"{"at":5,"body":{"a":9007199254740992},"kind":"proposal.opened"}"#, "not an entry"),
      (#"{"at":-1,"body":{},"kind":"proposal.opened"}"#, "at"),
      (#"{"at":5,"body":{},"kind":"proposal.created"}"#, "kind"),
      (#"{"at":5,"body":[],"kind":"proposal.opened"}"#, "body"),
      (#"{"at":5,"body":{},"kind":"proposal.opened","more":1}"#, "more"),
      (#"{"body":{},"kind":"proposal.opened"}"#, "at"),
      ("[]", "object"), ("", "not an entry"),
    ]
    for (text, word) in bad {
      #expect { try Entry(parsing: bytes(text)) } throws: { "\($0)".contains(word) }
    }
  }

  @Test func sizesAreBoundedByKind() throws {
    func text(_ count: Int) -> JSON { ["a": .string(String(repeating: "x", count: count))] }
    let frame = try Entry(at: 5, kind: .proposalApproved, body: text(0)).bytes.count
    let wideFrame = try Entry(at: 5, kind: .proposalOpened, body: text(0)).bytes.count
    #expect(throws: EntryError.tooLarge(limit: 16_384, actual: 16_385)) {
      try Entry(at: 5, kind: .proposalApproved, body: text(16_385 - frame))
    }
    let longest = try Entry(at: 5, kind: .proposalApproved, body: text(16_384 - frame))
    #expect(longest.bytes.count == 16_384)
    #expect(try Entry(parsing: longest.bytes) == longest)
    let opened = try Entry(at: 5, kind: .proposalOpened, body: text(65_535 - wideFrame))
    #expect(opened.bytes.count == 65_535)
    #expect(try Entry(parsing: opened.bytes) == opened)
    #expect(throws: EntryError.tooLarge(limit: 65_535, actual: 65_536)) {
      try Entry(at: 5, kind: .proposalOpened, body: text(65_536 - wideFrame))
    }
    let long = JSON.object(["at": 5, "body": text(16_385 - frame), "kind": "proposal.approved"]).canonicalBytes()
    #expect(throws: EntryError.tooLarge(limit: 16_384, actual: 16_385)) { try Entry(parsing: long) }
  }

  /// Whatever can be made can be read back, or an auditor would stumble over what the box itself wrote.
  @Test func nothingIsMadeThatCannotBeRead() throws {
    var deep: JSON = 1
    for _ in 0..<62 { deep = [deep] }
    #expect(throws: Never.self) {
      try Entry(parsing: Entry(at: 0, kind: .executionFinished, body: ["a": deep]).bytes)
    }
    func noncharacter(_ value: UInt32) -> String { Unicode.Scalar(value).map { String($0) } ?? "" }
    let bad: [JSON] = [
      ["a": .double(1.5)], ["a": [.double(1.5)]], ["a": .integer(JSON.maxSafeInteger + 1)],
      ["a": .integer(.min)], ["a": .string(noncharacter(0xFFFF))],
      .object(JSONObject([(noncharacter(0xFDD0), JSON.integer(1))])),
      ["a": .string(noncharacter(0x1FFFE))], ["a": [deep]], "text", 1,
    ]
    for body in bad { #expect(throws: EntryError.self) { try Entry(at: 0, kind: .executionFinished, body: body) } }
    #expect(throws: EntryError.self) { try Entry(at: -1, kind: .executionFinished, body: [:]) }
    #expect(throws: Never.self) { try Entry(at: 0, kind: .executionFinished, body: ["a": "\u{FFFD} \u{1F600}"]) }
  }

  @Test func bodiesAreReadStrictlyAndWrittenAsTheyWereRead() throws {
    var box = try TestBox()
    let mail = try box.open("mail.send", ["to": "x"], by: .signer("ana"))
    try box.approve(mail, by: "ben")
    try box.begin(mail)
    try box.finish(mail)
    let client = try box.open("mail.send")
    try box.withdraw(client, client: "app")
    let change = try box.open("governance.policy.set", ["name": "mail", "policy": nil])
    try box.approve(change, by: "ana", "ben", "carl")
    try box.execute(change)
    #expect(Set(box.log.map(\.kind)).count == 6)
    for entry in box.log {
      let read: (JSON) throws -> JSON = { body in
        switch entry.kind {
        case .boxCreated: try BoxCreated(body: body).body
        case .proposalOpened: try ProposalOpened(body: body).body
        case .proposalApproved: try ProposalVote(verdict: .approve, body: body).body
        case .proposalObjected: try ProposalVote(verdict: .object, body: body).body
        case .proposalWithdrawn: try ProposalVote(verdict: .withdraw, body: body).body
        case .executionStarted: try ExecutionStarted(body: body).body
        case .executionFinished: try ExecutionFinished(body: body).body
        case .runStarted: try RunStarted(body: body).body
        case .runResumed: try RunResumed(body: body).body
        case .runCalled: try RunCalled(body: body).body
        case .runFinished: try RunFinished(body: body).body
        case .identityClaimed: try IdentityClaimed(body: body).body
        case .codeMeasured: try CodeMeasured(body: body).body
        }
      }
      #expect(try read(entry.body) == entry.body)
      // Every member is needed or has a meaning when absent; none may be added.
      var object = try #require(entry.body.object)
      for name in object.keys where !["claim", "epoch", "constitution"].contains(name) || entry.kind == .boxCreated {
        var less = object
        less[name] = nil
        #expect(throws: FieldError.self, "\(entry.kind) without \(name)") { try read(.object(less)) }
        less[name] = .double(0.5)
        #expect(throws: FieldError.self, "\(entry.kind) with another \(name)") { try read(.object(less)) }
      }
      object["more"] = 1
      #expect(throws: FieldError.self, "\(entry.kind)") { try read(.object(object)) }
    }
  }

  @Test func entryZeroNamesTheBoxAndItsKeys() throws {
    let keys = try TestKeys.box()
    func refusal(_ keys: BoxKeys, format: String = "safebox/v1") throws -> String? {
      var body =
        BoxCreated(box: TestBox.name, keys: keys, constitution: try TestBox.constitution(), witnesses: nil)
        .body.object ?? [:]
      body["format"] = .string(format)
      return code { _ = try BoxCreated(body: .object(body)) }
    }
    #expect(try refusal(keys) == nil)
    #expect(try refusal(keys, format: "safebox/v2") == "field format")
    #expect(try refusal(BoxKeys(ed25519: "other" + keys.ed25519, es256: keys.es256)) == "field keys.ed25519")
    #expect(try refusal(BoxKeys(ed25519: String(keys.ed25519.dropLast(4)), es256: keys.es256)) == "field keys.ed25519")
    #expect(try refusal(BoxKeys(ed25519: keys.ed25519, es256: "data:key/es256;base64,AAAA")) == "field keys.es256")
    let ends = keys.ed25519.replacing("+", with: "+00000000+", maxReplacements: 1)
    #expect(try refusal(BoxKeys(ed25519: ends, es256: keys.es256)) == "field keys.ed25519")
  }

  @Test func namesAndTypesAreASCIIAndPlain() {
    for name in ["a", "0", "ana", "a.b_c-d", String(repeating: "a", count: 64)] { #expect(Name.isValid(name)) }
    for name in ["", "A", ".a", "-a", "_a", "a b", "ä", "a/b", String(repeating: "a", count: 65)] {
      #expect(!Name.isValid(name))
    }
    for type in ["http.request", "a.b.c.d.e", "governance.policy.set", "a1.b_2-c"] { #expect(Name.isActionType(type)) }
    for type in ["http", "a.b.c.d.e.f", "Http.request", "http.", ".http", "http..x", "1a.b", "a. b", "a.*"] {
      #expect(!Name.isActionType(type))
    }
    for origin in ["box.example", "box.example/acme:1"] { #expect(Name.isOrigin(origin)) }
    for origin in ["", "a b", "a+b", "ä", "a\n"] { #expect(!Name.isOrigin(origin)) }
    #expect(code { _ = try Proposer(parsing: "signer:A") } == "field proposer")
    #expect(code { _ = try Proposer(parsing: "robot:a") } == "field proposer")
    #expect(code { _ = try Proposer(parsing: "signer") } == "field proposer")
  }
}
