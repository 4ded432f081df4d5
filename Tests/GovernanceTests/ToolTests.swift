import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

/// Tools and communities: what the owners register, retire and set.
@Suite struct ToolTests {
  @Test func aToolRunsOnceTheOwnersRegisteredIt() throws {
    var box = try TestBox.withTools()
    let manifest = TestBox.manifest()
    #expect(code { try box.start(1, manifest.digest) } == "run.unknown-tool")
    let id = try box.open("tool.register", ["manifest": manifest.json])
    #expect(code { try box.start(1, manifest.digest) } == "run.unknown-tool")
    try box.approve(id, by: "ana")
    try box.execute(id)
    let tool = try #require(box.state.tool(digest: manifest.digest))
    #expect(tool.manifest == manifest && tool.proposal == id && !tool.isRetired)
    #expect(box.state.tools == [tool] && box.state.latestTool(named: "greet") == tool)
    #expect(box.state.tool(named: "greet", version: "1.0.0") == tool)
    #expect(code { try box.start(1, manifest.digest) } == nil)
  }

  @Test func aVersionIsNeverOverwritten() throws {
    var box = try TestBox.withTools()
    let first = TestBox.manifest()
    try box.register(first)
    var other = first
    other.source = .of("another source")
    #expect(code { try box.register(first) } == "effect.tool-exists")
    #expect(code { try box.register(other) } == "effect.tool-exists")
    try box.retire("greet", "1.0.0")
    #expect(code { try box.register(other) } == "effect.tool-exists")

    // Two proposals for one version: the second learns of the first when it starts, or when it has finished.
    other.version = "2.0.0"
    var same = other
    same.source = .of("a third source")
    let ids = try [other, same].map { try box.open("tool.register", ["manifest": $0.json]) }
    for id in ids { try box.approve(id, by: "ana") }
    var late = box
    try box.execute(ids[0])
    #expect(code { try box.begin(ids[1]) } == "effect.tool-exists")
    for id in ids { try late.begin(id) }
    try late.finish(ids[0])
    #expect(code { try late.finish(ids[1]) } == "effect.tool-exists")
    try late.finish(ids[1], .failed)
    #expect(late.state.tool(named: "greet", version: "2.0.0")?.manifest == other)
  }

  @Test func aRetiredVersionStartsNothingAndItsRunsGoOn() throws {
    var box = try TestBox.withTools()
    let tool = try box.register(TestBox.manifest())
    let next = try box.register(TestBox.manifest("greet", "0.9.0"))
    try box.start(1, tool)
    try box.retire("greet", "1.0.0")
    #expect(box.state.tool(digest: tool)?.isRetired == true)
    #expect(box.state.latestTool(named: "greet")?.digest == next)
    #expect(box.state.tools.map(\.manifest.version) == ["0.9.0", "1.0.0"])
    #expect(code { try box.start(2, tool) } == "run.retired-tool")
    try box.call(1, 0)
    try box.apply(box.state.resumeRunDraft(for: TestBox.id(1), isolation: box.started(1, tool).isolation, engine: "e"))
    try box.open("pay.out", by: .run(TestBox.id(1)))
    try box.finish(run: 1)
    #expect(code { try box.retire("greet", "1.0.0") } == "effect.no-tool")
    #expect(code { try box.retire("greet", "3.0.0") } == "effect.no-tool")
    #expect(code { try box.retire("other", "1.0.0") } == "effect.no-tool")
  }

  @Test func parametersAreReadStrictly() throws {
    var box = try TestBox.withTools()
    let manifest = TestBox.manifest().json
    func refused(_ type: String, _ params: JSONObject) -> String? { code { _ = try box.draft(type, params) } }
    #expect(refused("tool.register", ["manifest": manifest]) == nil)
    #expect(refused("tool.register", ["manifest": manifest, "more": 1]) == "statement.parameters")
    #expect(refused("tool.register", ["manifest": ["name": "x"]]) == "statement.parameters")
    let hidden = Commitment(digest: .of("hidden")).json
    #expect(refused("tool.register", ["manifest": hidden]) == "statement.parameters")
    var schema = try #require(manifest.object)
    schema["input"] = ["default": hidden]
    #expect(refused("tool.register", ["manifest": .object(schema)]) == "statement.parameters")
    schema["input"] = nil
    schema["isolation"] = ["backend": "inprocess", "full": true]
    #expect(refused("tool.register", ["manifest": .object(schema)]) == "statement.parameters")
    #expect(refused("tool.retire", ["name": "greet"]) == "statement.parameters")
    #expect(refused("tool.retire", ["name": "greet", "version": "a b"]) == "statement.parameters")
    #expect(refused("community.set", ["community": "acme", "settings": []]) == "statement.parameters")
    #expect(refused("community.set", ["community": "acme", "settings": ["mail": hidden]]) == "statement.parameters")
    #expect(refused("community.set", ["community": "Acme", "settings": [:]]) == "statement.parameters")
    func text(_ count: Int) -> JSON { ["a": .string(String(repeating: "x", count: count - #"{"a":""}"#.utf8.count))] }
    #expect(refused("community.set", ["community": "acme", "settings": text(32_768)]) == nil)
    #expect(refused("community.set", ["community": "acme", "settings": text(32_769)]) == "statement.parameters")
    for type in ["tool.change", "community.drop", "run.start", "tool.register.now"] {
      #expect(refused(type, [:]) == "statement.reserved-type")
    }
  }

  @Test func settingsAreReplacedAsAWhole() throws {
    var box = try TestBox.withTools()
    #expect(box.state.settings(of: "acme") == nil)
    for settings in [["mail": 1], ["sms": 2]] as [JSONObject] {
      let id = try box.open("community.set", ["community": "acme", "settings": .object(settings)])
      try box.approve(id, by: "ana")
      try box.execute(id)
      #expect(box.state.settings(of: "acme") == settings)
    }
    #expect(box.state.settings(of: "other") == nil)
  }

  @Test func thereIsRoomForSoManyAndNoMore() throws {
    var box = try TestBox.withTools()
    let manifest = TestBox.manifest()
    box.state.registry = ToolRegistry(limits: (tools: 2, bytes: 1 << 20))
    try box.register(manifest)
    try box.register(TestBox.manifest("greet", "2.0.0"))
    #expect(code { try box.register(TestBox.manifest("greet", "3.0.0")) } == "effect.tools-full")
    let bytes = manifest.json.canonicalBytes().count
    box.state.registry = ToolRegistry(limits: (tools: 9, bytes: bytes * 2 - 1))
    try box.register(manifest)
    #expect(code { try box.register(TestBox.manifest("greet", "2.0.0")) } == "effect.tools-full")

    box.state.maxCommunities = 1
    func set(_ box: inout TestBox, _ name: String) throws {
      let id = try box.open("community.set", ["community": .string(name), "settings": [:]])
      try box.approve(id, by: "ana")
      try box.execute(id)
    }
    try set(&box, "acme")
    #expect(code { try set(&box, "other") } == "effect.communities-full")
    #expect(code { try set(&box, "acme") } == nil)
  }

  /// They are no proposals: whoever replaces the signers neither disarms the tools nor loses what runs.
  @Test func aNewEpochLeavesToolsCommunitiesAndRuns() throws {
    var box = try TestBox.withTools()
    let tool = try box.register(TestBox.manifest())
    let set = try box.open("community.set", ["community": "acme", "settings": ["mail": 1]])
    try box.approve(set, by: "ana")
    try box.execute(set)
    try box.start(1, tool)
    try box.call(1, 0)
    let pay = try box.open("mail.send", by: .run(TestBox.id(1)))
    let change = try box.open("governance.policy.set", ["name": "notes", "policy": nil])
    try box.approve(change, by: "ana", "ben", "carl")
    try box.execute(change)
    #expect(box.state.epoch == 2 && box.status(pay)?.name == "stale")
    #expect(box.state.tool(digest: tool) != nil && box.state.settings(of: "acme") == ["mail": 1])
    #expect(box.state.run(TestBox.id(1))?.calls == 1)
    try box.call(1, 1)
    try box.open("mail.send", by: .run(TestBox.id(1)))
    try box.finish(run: 1)
    #expect(code { try box.start(2, tool) } == nil)
  }
}
