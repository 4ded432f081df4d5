import CanonicalJSON
import Cryptography
import Foundation
import Governance
import HostCalls
import Keychain
import Testing

@testable import BoxService

/// Secrets are put and removed by decision, and no value is ever seen again.
@Suite struct SecretTests {
  private static let canary = "canary-7c1f09a35be2"
  private static let policies: JSONObject = [
    "secrets": ["covers": ["secret.*"], "rule": ["rule": "single", "committee": "everybody"]]
  ]

  private static func put(_ name: String = "token", value: JSON = .string(canary), kind: String = "text") -> JSON {
    [
      "community": "acme", "name": .string(name), "kind": .string(kind), "hosts": ["api.example.com"], "value": value,
    ]
  }

  /// The files below the box's directory that hold the canary in any plain writing.
  private static func findings(in home: TestBox.Home) -> [String] {
    let bytes = Array(canary.utf8)
    let writings =
      [canary, Hex.encode(bytes)]
      + (0..<3).map { offset in
        String(Base64.encode([UInt8](repeating: 0, count: offset) + bytes).dropFirst(4).dropLast(4))
      }
    let files = FileManager.default.enumerator(atPath: home.temporary.path)?.compactMap { $0 as? String } ?? []
    return files.filter { file in
      guard let data = FileManager.default.contents(atPath: home.temporary.file(file)) else { return false }
      return writings.contains { data.range(of: Data($0.utf8)) != nil }
    }
  }

  private static func isKept(_ opened: Opened, _ box: TestBox) async throws -> Bool {
    let core = try box.core()
    for (_, commitment) in opened.statement.action.commitments {
      if try await core.openings.opening(commitment.digest) != nil { return true }
    }
    return false
  }

  @Test func whatApproversSeeIsEverythingButTheValue() async throws {
    try await TestBox.with(extra: Self.policies) { box in
      let opened = try await box.open("secret.put", Self.put())
      let params = opened.statement.action.params
      #expect(params["name"] == "token" && params["community"] == "acme" && params["kind"] == "text")
      #expect(params["hosts"] == ["api.example.com"])
      #expect(Commitment(json: params["value"] ?? .null) != nil)
      #expect(try await Self.isKept(opened, box))
      let shown = try await box.get("/v1/proposals/\(opened.id)/openings")
      #expect(shown.json == ["openings": [:]])
      try await box.approve(opened, by: "ana")
      let ended = try await box.wait(opened, for: "executed")
      #expect(ended["execution"]?["result"] == ["version": 1])
      #expect(try await !Self.isKept(opened, box))
      let receipt = try await box.get("/v1/proposals/\(opened.id)/receipt?disclose=all")
      #expect(receipt.status == 200)
      #expect(!receipt.text.contains(Self.canary))
      #expect(Self.findings(in: box.home).isEmpty)
      #expect(!box.home.reports.lines.joined().contains(Self.canary))
    }
  }

  @Test func aReceiptDisclosesNoSecretEither() async throws {
    try await TestBox.with(extra: Self.policies) { box in
      // Its execution waits, so the opening is still there.
      let opened = try await box.open("secret.put", Self.put())
      let commitment = try #require(opened.statement.action.commitments.first).commitment.digest
      for disclose in ["all", commitment.hex] {
        let receipt = try await box.get("/v1/proposals/\(opened.id)/receipt?disclose=\(disclose)")
        #expect(!receipt.text.contains(Self.canary))
      }
      #expect(try await Self.isKept(opened, box))
    }
  }

  @Test func aSecondPutRotatesAndARemovalRemoves() async throws {
    try await TestBox.with(extra: Self.policies) { box in
      let keychain = try box.core().keychain
      for version in 1...2 {
        let opened = try await box.open("secret.put", Self.put(value: .string("value number \(version)")))
        try await box.approve(opened, by: "ana")
        let ended = try await box.wait(opened, for: "executed")
        #expect(ended["execution"]?["result"] == ["version": .integer(Int64(version))])
      }
      let list = try await box.get("/v1/secrets?community=acme", as: "reader")
      #expect(list.status == 200)
      #expect(list.json["secrets"]?.array?.count == 1)
      #expect(list.json["secrets"]?.array?.first?["version"] == 2)
      #expect(list.json["secrets"]?.array?.first?["hosts"] == ["api.example.com"])
      #expect(!list.text.contains("value number"))
      let text = try keychain.resolver(community: "acme").substitute("{{keychain:token}}", for: "api.example.com")
      #expect(text.text == "value number 2")
      for status in ["executed", "failed"] {
        let opened = try await box.open("secret.remove", ["community": "acme", "name": "token"])
        try await box.approve(opened, by: "ana")
        try await box.wait(opened, for: status)
      }
      #expect(try await box.get("/v1/secrets?community=acme").json["secrets"] == [])
    }
  }

  @Test func theValueIsDisclosedToNobody() async throws {
    try await TestBox.with(extra: Self.policies) { box in
      let answer = try await box.propose("secret.put", Self.put(), more: ["disclose": ["value"]])
      #expect(answer.status == 400 || answer.status == 422)
      #expect(answer.json["field"] == "disclose")
      #expect(!answer.text.contains(Self.canary))
    }
  }

  @Test(arguments: [
    "name", "community", "kind", "hosts", "value", "short", "number", "more", "host",
  ])
  func badParamsAreRefusedBeforeAnybodyIsAsked(_ mistake: String) async throws {
    try await TestBox.with(extra: Self.policies) { box in
      var params = try #require(Self.put().object)
      switch mistake {
      case "name": params["name"] = "Not A Name"
      case "community": params["community"] = nil
      case "kind": params["kind"] = "certificate"
      case "hosts": params["hosts"] = []
      case "value": params["value"] = .string(String(repeating: Self.canary, count: 4000))
      case "short": params["value"] = "c4n4ry!"
      case "number": params["value"] = 1_234_567_890_123
      case "more": params["more"] = 1
      default: params["hosts"] = ["*"]
      }
      let answer = try await box.propose("secret.put", .object(params))
      #expect((400..<500).contains(answer.status), "\(answer.text)")
      for value in [Self.canary, "c4n4ry", "1234567890123"] { #expect(!answer.text.contains(value), "\(answer.text)") }
      #expect(Self.findings(in: box.home).isEmpty)
    }
  }

  @Test func aRunPutsNoSecrets() async throws {
    try await TestBox.with(extra: Self.policies) { box in
      let run = try #require(RunID([UInt8](repeating: 1, count: 32)))
      let body: JSON = ["action": ["type": "secret.put", "params": Self.put()]]
      let executors = try box.core().executors
      #expect(throws: FieldError.self) {
        try ProposalRequest(json: body, by: .run(run), executors: executors, salts: .random)
      }
      _ = try ProposalRequest(json: body, by: .client("app"), executors: executors, salts: .random)
    }
  }

  @Test func aPutWithoutAValueIsRefused() async throws {
    try await TestBox.with(extra: Self.policies) { box in
      var params = try #require(Self.put().object)
      params["value"] = nil
      let answer = try await box.propose("secret.put", .object(params))
      #expect((400..<500).contains(answer.status), "\(answer.text)")
    }
  }

  @Test func listingNeedsACommunityAndTheScope() async throws {
    try await TestBox.with(extra: Self.policies) { box in
      for (query, client, status) in [
        ("", "app", 422), ("?community=No%20Name", "app", 422), ("?community=acme", nil, 401),
        ("?community=acme", "eraser", 403), ("?community=acme", "reader", 200),
      ] as [(String, String?, Int)] {
        let answer = try await box.get("/v1/secrets\(query)", as: client)
        #expect(answer.status == status, "\(query)")
      }
    }
  }

  @Test(arguments: ["withdrawn", "denied", "expired", "while the box was down"])
  func aProposalThatEndsWithoutAnExecutionLosesItsValue(_ ending: String) async throws {
    var policies = Self.policies
    if ending == "denied" { policies["secrets"] = ["covers": ["secret.*"], "rule": ["rule": "deny"]] }
    var box = try await TestBox(try await TestBox.Home(extra: policies))
    let answer = try await box.propose("secret.put", Self.put(), more: ["expiresIn": 60])
    let id = answer.json["proposal"]?.string ?? answer.json["action_digest"]?.string ?? ""
    let opened = try Opened(try await box.get("/v1/proposals/\(id)").json)
    switch ending {
    case "withdrawn":
      #expect(try await Self.isKept(opened, box))
      _ = try await box.call("POST", "/v1/proposals/\(id)/withdrawal", [:])
    case "expired":
      try await box.sweep()
      #expect(try await Self.isKept(opened, box))
      box.home.clock.advance(seconds: 61)
    case "while the box was down":
      await box.stop()
      box.home.clock.advance(seconds: 61)
      box = try await TestBox(box.home)
    default: break
    }
    try await box.sweep()
    #expect(try await !Self.isKept(opened, box))
    await box.stop()
    #expect(Self.findings(in: box.home).isEmpty)
  }

  /// Stops the box at a point of an execution and starts it again.
  @Test(arguments: ["before the put", "after the put", "after the erasure"])
  func anExecutionThatWasCutOffIsTakenUp(_ point: String) async throws {
    let home = try await TestBox.Home(extra: Self.policies)
    let first = try await TestBox(home)
    let opened = try await first.open("secret.put", Self.put())
    // The start alone, as the scheduler records it.
    let claim = try first.claim(.approve, opened, by: "ana")
    let core = try first.core()
    await core.scheduler.drain(within: .seconds(60))
    try await core.sequencer.submit(
      .vote(ProposalVote(verdict: .approve, proposal: opened.digest, voice: .signer("ana", claim: claim))))
    try await core.sequencer.submit(.start(opened.digest))
    if point != "before the put" {
      try core.keychain.put(
        community: "acme", name: "token", value: SecretBytes(copying: Self.canary.utf8), hosts: ["api.example.com"],
        kind: .text, at: 1, proposal: opened.digest)
    }
    if point == "after the erasure" { try await core.openings.erase(["value"], of: opened.statement.action) }
    await first.stop()

    let second = try await TestBox(home)
    let ended = try await second.wait(opened, for: "executed")
    #expect(ended["execution"]?["result"] == ["version": 1])
    #expect(try await !Self.isKept(opened, second))
    let resolver = try second.core().keychain.resolver(community: "acme")
    let text = try resolver.substitute("{{keychain:token}}", for: "api.example.com")
    #expect(text.text == Self.canary && text.used == ["token@1"])
    await second.stop()
    #expect(Self.findings(in: home).isEmpty)
  }
}
