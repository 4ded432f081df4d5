import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import Testing

@testable import BoxService

/// Tools in a real box, in the real jail.
@Suite struct ToolRunTests {
  static let policies: JSONObject = [
    "tools": ["covers": ["tool.*", "community.*"], "rule": ["rule": "single", "committee": "everybody"]]
  ]

  static func with<Result>(_ body: (TestBox) async throws -> Result) async throws -> Result {
    try await TestBox.with(extra: policies, body)
  }

  /// Registers a tool by a proposal that one person approves; its digest.
  @discardableResult
  static func register(
    _ box: TestBox, _ name: String, version: String = "1.0", _ source: String, uses: [JSON] = [],
    more: JSONObject = [:]
  ) async throws -> String {
    let kept = try await box.call("POST", "/v1/sources", bytes: Array(source.utf8))
    try #require(kept.status == 201, "\(kept.text)")
    var manifest = more
    manifest["name"] = .string(name)
    manifest["version"] = .string(version)
    manifest["source"] = kept.json["source"]
    manifest["uses"] = .array(uses)
    let opened = try await box.open("tool.register", ["manifest": .object(manifest)])
    try await box.approve(opened, by: "ana")
    try await settled(box, opened)
    return try ToolManifest(json: .object(manifest)).digest.hex
  }

  static func settled(_ box: TestBox, _ opened: Opened) async throws {
    while try await box.get("/v1/proposals/\(opened.id)?wait=10").json["status"]?["name"]?.string != "executed" {}
  }

  static func run(
    _ box: TestBox, _ tool: String, _ input: JSON = .null, headers: [(String, String)] = [("Prefer", "wait=60")]
  ) async throws -> JSON {
    let answer = try await box.call(
      "POST", "/v1/runs", ["tool": .string(tool), "input": input, "community": "acme"], headers: headers)
    try #require([200, 202].contains(answer.status), "\(answer.text)")
    return answer.json
  }

  @Test func aRegisteredToolRunsInTheJail() async throws {
    try await Self.with { box in
      try await Self.register(
        box, "adder", "export default async function ({a, b}, context) { return {sum: a + b, context} }")
      let view = try await Self.run(box, "adder", ["a": 2, "b": 3])
      #expect(
        view["result"] == [
          "sum": 5, "context": ["community": "acme", "tool": "adder", "version": "1.0"],
        ])
      #expect(view["status"] == "finished")
      #expect(view["isolation"]?["backend"] == "jail")
      #expect(view["execution"]?.string?.utf8.count == 64)
    }
  }

  @Test func aToolThatIsNotRegisteredDoesNotRun() async throws {
    try await Self.with { box in
      let kept = try await box.call("POST", "/v1/sources", bytes: Array("export default async () => 1".utf8))
      #expect(kept.status == 201)
      let answer = try await box.call("POST", "/v1/runs", ["tool": "adder", "community": "acme"])
      #expect(answer.status == 422)
      #expect(answer.json["field"] == "tool")
    }
  }

  static let writing = """
    export default async function (input) {
      const done = await Protocol.Action.propose({type: "note.single", params: {text: input.text}})
      return {status: done.status, proposal: done.proposal}
    }
    """
  static let grant: JSON = ["method": "Action.propose", "types": ["note.single"]]

  /// The proposal on which a run waits.
  static func waiting(_ box: TestBox, _ run: String) async throws -> String {
    while true {
      let view = try await box.get("/v1/runs/\(run)").json
      if let proposal = view["waiting"]?.array?.first?["proposal"]?.string { return proposal }
      try #require(view["status"] != "failed", "\(view)")
    }
  }

  static func opened(_ box: TestBox, _ proposal: String) async throws -> Opened {
    try Opened(try await box.get("/v1/proposals/\(proposal)").json)
  }

  @Test func aChangeWaitsForItsDecisionAndTheToolGoesOn() async throws {
    try await Self.with { box in
      try await Self.register(box, "writing", Self.writing, uses: [Self.grant])
      let started = try await Self.run(box, "writing", ["text": "hello"], headers: [])
      let id = try #require(started["run"]?.string)
      let proposal = try await Self.waiting(box, id)
      let opened = try await Self.opened(box, proposal)
      #expect(opened.json["proposer"]?.string == "run:\(id)")
      #expect(try box.note("note.single").orders.isEmpty)
      try await box.approve(opened, by: "ben")
      let view = try await box.get("/v1/runs/\(id)?wait=60").json
      #expect(view["result"] == ["status": "executed", "proposal": .string(proposal)])
      #expect(try box.note("note.single").orders.count == 1)
    }
  }

  @Test func aRunSurvivesTheBox() async throws {
    var box = try await TestBox.make(extra: Self.policies)
    try await Self.register(box, "writing", Self.writing, uses: [Self.grant])
    let started = try await Self.run(box, "writing", ["text": "hello"], headers: [])
    let id = try #require(started["run"]?.string)
    let proposal = try await Self.waiting(box, id)
    box = try await box.restarted()
    #expect(try await Self.waiting(box, id) == proposal)
    try await box.approve(try await Self.opened(box, proposal), by: "ben")
    let view = try await box.get("/v1/runs/\(id)?wait=60").json
    #expect(view["result"] == ["status": "executed", "proposal": .string(proposal)])
    box = try await box.restarted()
    #expect(try await box.get("/v1/runs/\(id)").json["execution"] == view["execution"])
    await box.stop()
  }

  @Test func aCallOutsideTheManifestIsRefusedAndInTheJournal() async throws {
    try await Self.with { box in
      try await Self.register(box, "writing", Self.writing)
      let view = try await Self.run(box, "writing", ["text": "hello"])
      #expect(view["status"] == "failed")
      #expect(view["failure"]?["kind"] == "exception")
      let id = try #require(view["run"]?.string)
      let calls = try await box.get("/v1/runs/\(id)/journal").json["calls"]?.array
      #expect(calls?.count == 1)
      #expect(calls?.first?["result"]?["code"] == "not_granted")
      #expect(calls?.first?["ok"] == false)
    }
  }

  @Test func oneIdempotencyKeyIsOneRun() async throws {
    try await Self.with { box in
      try await Self.register(box, "adder", "export default async function ({a, b}) { return a + b }")
      let headers = [("Idempotency-Key", "one"), ("Prefer", "wait=60")]
      let one = try await Self.run(box, "adder", ["a": 2, "b": 3], headers: headers)
      let two = try await Self.run(box, "adder", ["a": 2, "b": 3], headers: headers)
      #expect(one["run"] == two["run"])
      let other = try await box.call(
        "POST", "/v1/runs", ["tool": "adder", "input": ["a": 1, "b": 1], "community": "acme"], headers: headers)
      #expect(other.code == "idempotency_key_reused")
    }
  }
}
