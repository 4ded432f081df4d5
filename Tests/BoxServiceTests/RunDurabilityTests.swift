import CanonicalJSON
import Governance
import HTTPServer
import Testing

@testable import BoxService

/// What stops, restarts, cancellations and changes of the rules do to runs under way.
@Suite struct RunDurabilityTests {
  /// Starts `count` runs that each propose a note, and waits until all of them wait; run and proposal of each.
  private static func waiting(_ box: TestBox, _ count: Int) async throws -> [(run: String, proposal: String)] {
    var runs: [String] = []
    for number in 0..<count {
      let started = try await ToolRunTests.run(box, "writing", ["text": .string("note \(number)")], headers: [])
      runs.append(try #require(started["run"]?.string))
    }
    var found: [(run: String, proposal: String)] = []
    for run in runs { found.append((run, try await ToolRunTests.waiting(box, run))) }
    return found
  }

  /// A box that stops tells nobody that a call was cancelled: each run goes on after the next start.
  @Test func noRunIsToldThatTheBoxStops() async throws {
    var box = try await TestBox.make(extra: ToolRunTests.policies)
    try await ToolRunTests.register(box, "writing", ToolRunTests.writing, uses: [ToolRunTests.grant])
    let waiting = try await Self.waiting(box, 24)
    box = try await box.restarted()
    #expect(try await box.get("/v1/runs?status=live&limit=100").json["runs"]?.array?.count == 24)
    for (run, proposal) in waiting {
      #expect(try await ToolRunTests.waiting(box, run) == proposal)
      try await box.approve(try await ToolRunTests.opened(box, proposal), by: "ben")
      let view = try await box.get("/v1/runs/\(run)?wait=60").json
      #expect(view["result"]?["status"] == "executed")
      #expect(view["calls"] == 1)
    }
    #expect(try box.note("note.single").orders.count == 24)
    await box.stop()
  }

  static let fanning = """
    export default async function (input) {
      const tasks = input.texts.map((text) => Protocol.Workflow.run({tool: "writing", input: {text}}))
      return (await Promise.all(tasks)).map((task) => task.status)
    }
    """

  static func withWorkflow<Result>(_ body: (TestBox) async throws -> Result) async throws -> Result {
    try await ToolRunTests.with { box in
      try await ToolRunTests.register(box, "writing", ToolRunTests.writing, uses: [ToolRunTests.grant])
      try await ToolRunTests.register(
        box, "fanning", fanning, uses: [["method": "Workflow.run", "tools": ["writing"]]])
      return try await body(box)
    }
  }

  /// The live tasks of a workflow with the proposals on which they wait.
  private static func tasks(_ box: TestBox, of run: String, _ count: Int) async throws -> [(String, String)] {
    var children: [String] = []
    while children.count < count {
      let view = try await box.get("/v1/runs/\(run)").json
      try #require(view["status"] != "failed", "\(view)")
      children = (view["children"]?.array ?? []).compactMap(\.string)
    }
    var tasks: [(String, String)] = []
    for child in children { tasks.append((child, try await ToolRunTests.waiting(box, child))) }
    return tasks
  }

  @Test func aWorkflowAndItsTasksSurviveTheBoxAndNoTaskRunsTwice() async throws {
    var box = try await TestBox.make(extra: ToolRunTests.policies)
    try await ToolRunTests.register(box, "writing", ToolRunTests.writing, uses: [ToolRunTests.grant])
    try await ToolRunTests.register(
      box, "fanning", Self.fanning, uses: [["method": "Workflow.run", "tools": ["writing"]]])
    let texts = JSON.array((0..<12).map { .string("note \($0)") })
    let started = try await ToolRunTests.run(box, "fanning", ["texts": texts], headers: [])
    let run = try #require(started["run"]?.string)
    let before = try await Self.tasks(box, of: run, 12)
    for (child, proposal) in before.prefix(4) {
      try await box.approve(try await ToolRunTests.opened(box, proposal), by: "ben")
      _ = try await box.get("/v1/runs/\(child)?wait=60")
    }
    box = try await box.restarted()
    for (_, proposal) in before.dropFirst(4) {
      try await box.approve(try await ToolRunTests.opened(box, proposal), by: "ben")
    }
    let view = try await box.get("/v1/runs/\(run)?wait=60").json
    #expect(view["result"]?.array == Array(repeating: "executed", count: 12))
    #expect(view["children"]?.array?.count == 12)
    #expect(try await box.get("/v1/runs?limit=100").json["runs"]?.array?.count == 13)
    await box.stop()
  }

  @Test func whoCancelsAWorkflowCancelsItsTasksAndWithdrawsWhatTheyProposed() async throws {
    try await Self.withWorkflow { box in
      let started = try await ToolRunTests.run(box, "fanning", ["texts": ["a", "b"]], headers: [])
      let run = try #require(started["run"]?.string)
      let tasks = try await Self.tasks(box, of: run, 2)
      let ended = try await box.call("POST", "/v1/runs/\(run)/cancel").json
      #expect(ended["status"] == "cancelled")
      for (child, proposal) in tasks {
        #expect(try await box.get("/v1/runs/\(child)?wait=60").json["status"] == "cancelled")
        #expect(try await box.get("/v1/proposals/\(proposal)").json["status"]?["name"] == "withdrawn")
      }
    }
  }

  static let recursive = """
    export default async function (depth) {
      try {
        return 1 + await Protocol.Workflow.run({tool: "recursive", input: depth + 1})
      } catch (error) { return error.code === "too_deep" ? 0 : error.message }
    }
    """

  @Test func workflowsAreNestedEightDeepAndNoDeeper() async throws {
    try await ToolRunTests.with { box in
      try await ToolRunTests.register(
        box, "recursive", Self.recursive, uses: [["method": "Workflow.run", "tools": ["recursive"]]])
      #expect(try await ToolRunTests.run(box, "recursive", 0)["result"] == 8)
    }
  }

  @Test func aTaskThatIsNotGrantedOrNotThereIsRefusedByName() async throws {
    try await ToolRunTests.with { box in
      try await ToolRunTests.register(
        box, "asking",
        """
        export default async function (tools) {
          const codes = []
          for (const tool of tools) {
            try { await Protocol.Workflow.run({tool}) } catch (error) { codes.push(error.code) }
          }
          return codes
        }
        """, uses: [["method": "Workflow.run", "tools": ["missing", "asking"]]])
      let view = try await ToolRunTests.run(box, "asking", ["other", "missing"])
      #expect(view["result"] == ["not_granted", "not_found"])
    }
  }

  /// The dead letter: the failed attempts stay in the list, each with its workflow.
  @Test func aTaskThatFailsForGoodIsInTheListOfFailures() async throws {
    try await ToolRunTests.with { box in
      try await ToolRunTests.register(box, "failing", "export default async () => { throw new Error(\"no\") }")
      try await ToolRunTests.register(
        box, "trying",
        """
        export default async function () {
          try { await Protocol.Workflow.run({tool: "failing", retries: 2, backoff: 1}) } catch (error) {
            return [error.code, error.details.attempts, error.details.kind]
          }
        }
        """, uses: [["method": "Workflow.run", "tools": ["failing"]]])
      let view = try await ToolRunTests.run(box, "trying")
      #expect(view["result"] == ["task_failed", 3, "exception"])
      let failed = try await box.get("/v1/runs?status=failed").json["runs"]?.array ?? []
      #expect(failed.count == 3)
      #expect(failed.allSatisfy { $0["parent"] == view["run"] })
    }
  }

  @Test func aRetiredToolFinishesWhatItBegan() async throws {
    try await ToolRunTests.with { box in
      try await ToolRunTests.register(box, "writing", ToolRunTests.writing, uses: [ToolRunTests.grant])
      let (run, proposal) = try #require(try await Self.waiting(box, 1).first)
      let retire = try await box.open("tool.retire", ["name": "writing", "version": "1.0"])
      try await box.approve(retire, by: "ana")
      try await box.wait(retire, for: "executed")
      #expect(try await box.call("POST", "/v1/runs", ["tool": "writing", "community": "acme"]).status == 422)
      try await box.approve(try await ToolRunTests.opened(box, proposal), by: "ben")
      #expect(try await box.get("/v1/runs/\(run)?wait=60").json["result"]?["status"] == "executed")
    }
  }

  /// Ten thousand lines to watchers, two megabytes of a result: bounded, each in its way.
  @Test func largeThingsAreBounded() async throws {
    try await ToolRunTests.with { box in
      try await ToolRunTests.register(
        box, "loud",
        """
        export default async function (input) {
          for (let i = 0; i < 10000; i++) console.log("line " + i + "x".repeat(100))
          return input.large ? "x".repeat(2000000) : "done"
        }
        """)
      #expect(try await ToolRunTests.run(box, "loud", ["large": false])["result"] == "done")
      let large = try await ToolRunTests.run(box, "loud", ["large": true])
      #expect(large["failure"]?["kind"] == "value")
      let input = JSON.string(String(repeating: "x", count: 1 << 20))
      let answer = try await box.call("POST", "/v1/runs", ["tool": "loud", "input": input, "community": "acme"])
      #expect(answer.status == 413)
    }
  }

  /// What a tool may say at the deepest is kept and read again.
  @Test func theDeepestArgumentIsReadBackAfterAStop() async throws {
    var box = try await TestBox.make(extra: ToolRunTests.policies)
    try await ToolRunTests.register(
      box, "deep",
      """
      export default async function () {
        let value = "bottom"
        for (let i = 0; i < 63; i++) value = [value]
        try { await Protocol.HTTP.get({value}) } catch (error) {}
        const done = await Protocol.Action.propose({type: "note.single", params: {text: "deep"}})
        return done.status
      }
      """, uses: [ToolRunTests.grant])
    let started = try await ToolRunTests.run(box, "deep", headers: [])
    let run = try #require(started["run"]?.string)
    let proposal = try await ToolRunTests.waiting(box, run)
    box = try await box.restarted()
    #expect(try await ToolRunTests.waiting(box, run) == proposal)
    try await box.approve(try await ToolRunTests.opened(box, proposal), by: "ben")
    #expect(try await box.get("/v1/runs/\(run)?wait=60").json["result"] == "executed")
    #expect(try await box.get("/v1/runs/\(run)").json["calls"] == 2)
    await box.stop()
  }
}

/// What is proposed about tools is held against what the box has, before anybody is asked.
@Suite struct ToolProposalTests {
  @Test func aManifestThatCouldNotWorkIsRefusedWithItsField() async throws {
    try await ToolRunTests.with { box in
      func keep(_ source: String) async throws -> JSON {
        try #require(try await box.call("POST", "/v1/sources", bytes: Array(source.utf8)).json["source"])
      }
      let good = try await keep("export default async () => 1")
      let path = "action.params.manifest"
      let broken = try await keep("export default (1")
      for (change, field) in [
        (["source": .string(String(repeating: "0", count: 64))], "\(path).source"),
        (["source": broken], "\(path).source"),
        (["uses": [["method": "HTTP.fetch"]]], "\(path).uses[0]"),
        (["uses": [["method": "HTTP.get", "hosts": ["*"]]]], "\(path).uses[0]"),
        (["uses": [["method": "Workflow.sleep", "hosts": ["*"]]]], "\(path).uses[0]"),
        (["limits": ["fuel": 0]], "\(path).limits.fuel"),
      ] as [(JSONObject, String)] {
        var manifest: JSONObject = ["name": "checked", "version": "1", "source": good]
        for (name, value) in change { manifest[name] = value }
        let answer = try await box.propose("tool.register", ["manifest": .object(manifest)])
        #expect(answer.status == 422)
        #expect(answer.json["field"]?.string == field, "\(answer.text)")
      }
      let set = try await box.propose("community.set", ["community": "acme", "settings": ["models": 1]])
      #expect(set.json["field"] == "action.params.settings.models", "\(set.text)")
    }
  }

  /// A tool that proposes tools is held to the same.
  @Test func aRunCannotProposeAManifestThatCouldNotWork() async throws {
    try await ToolRunTests.with { box in
      try await ToolRunTests.register(
        box, "maker",
        """
        export default async function () {
          const manifest = {name: "made", version: "1", source: "0".repeat(64)}
          try { await Protocol.Action.propose({type: "tool.register", params: {manifest}}) } catch (error) {
            return [error.code, error.message]
          }
        }
        """, uses: [["method": "Action.propose", "types": ["tool.register"]]])
      let result = try await ToolRunTests.run(box, "maker")["result"]?.array
      #expect(result?.first == "bad_argument")
      #expect(result?.last?.string?.contains("manifest.source") == true)
    }
  }

  @Test func theStatusSaysWhereToolsMayRun() async throws {
    try await ToolRunTests.with { box in
      let status = try await box.get("/v1/status").json
      let rows = status["backends"]?.array ?? []
      #expect(Set(rows.compactMap { $0["backend"]?.string }) == ["jail", "gvisor", "inprocess"])
      let jail = try #require(rows.first { $0["backend"] == "jail" })
      #expect(jail["available"] == true)
      let missing = jail["missing"]?.object ?? [:]
      let claim = status["claims"]?.array?.first { $0["id"] == "isolated-tools" }
      #expect((claim?["state"] == "proved") == missing.isEmpty)
      let gvisor = try #require(rows.first { $0["backend"] == "gvisor" })
      #expect(gvisor["available"] == false && gvisor["reason"]?.string?.isEmpty == false)
    }
  }
}
