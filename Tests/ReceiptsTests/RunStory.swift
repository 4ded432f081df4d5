import CanonicalJSON
import Cryptography

/// A run from the registration of its tool to its end, told in entries. Chain and hash are computed here by their
/// definition (docs/formats.md section 13), apart from the room that is tested.
struct RunStory {
  var registration: Story
  var manifest: JSON
  var client = "client:ledger"
  var parent: (run: String, task: Int64)?
  var isolation: JSON
  var engine = "quickjs-ng 0.17.0-1"
  /// Sessions that took it up again, each after so many answers.
  var resumed: [(after: Int, isolation: JSON, engine: String)] = []
  /// Bodies of the answers, in order, without `run` and `index`.
  var calls: [JSON] = []
  var outcome: JSON
  var fuel: Int64 = 12

  static let run = digest(of: "a run")
  static let start = Story.start + 3_600_000

  init(manifest: JSON, isolation: JSON, outcome: JSON) throws {
    registration = try Stories.tool()
    self.manifest = manifest
    self.isolation = isolation
    self.outcome = outcome
  }

  /// The manifest with every default written out.
  var fullManifest: JSON {
    var full: JSONObject = [
      "description": "", "uses": [], "secrets": [], "rates": [], "budgets": [], "limits": [:], "isolation": [:],
    ]
    for (name, value) in manifest.object ?? [:] { full[name] = value }
    var limits: JSONObject = ["fuel": 10_000, "memory": 67_108_864, "stack": 1_048_576, "calls": 1000, "seconds": 10]
    for (name, value) in full["limits"]?.object ?? [:] { limits[name] = value }
    var isolation: JSONObject = ["backend": "jail", "full": false]
    for (name, value) in full["isolation"]?.object ?? [:] { isolation[name] = value }
    full["limits"] = .object(limits)
    full["isolation"] = .object(isolation)
    return .object(full)
  }

  func log() throws -> TestLog {
    var registration = registration
    if registration.action["type"] == "tool.register", registration.action.at("params.manifest") != nil {
      registration.action = registration.action.setting("params.manifest", to: manifest)
    }
    var log = try registration.log()
    var at = Self.start
    func record(_ kind: String, _ body: JSON) -> JSON {
      at += 10
      let entry: JSON = ["at": .integer(at), "kind": .string(kind), "body": body]
      log.entries.append(entry.canonicalBytes())
      return .integer(Int64(log.entries.count - 1))
    }
    let run = JSON.string(Self.run)
    let tool = JSON.string(digest(of: fullManifest))
    let (input, seed) = (JSON.string(digest(of: "input")), JSON.string(digest(of: "seed")))
    var body: JSONObject = [
      "run": run, "tool": tool, "community": "acme", "client": .string(client), "input": input, "seed": seed,
      "isolation": isolation, "engine": .string(engine),
    ]
    body["parent"] = parent.map { .string($0.run) }
    body["task"] = parent.map { .integer($0.task) }
    let started = record("run.started", .object(body))
    let startedAt = at
    var (resumedRoles, calledRoles): ([JSON], [JSON]) = ([], [])
    var chain = digest(of: ["run": "safebox/run/v1"])
    for number in 0...calls.count {
      for session in resumed where session.after == number {
        resumedRoles.append(
          record(
            "run.resumed",
            [
              "run": run, "calls": .integer(Int64(number)), "isolation": session.isolation,
              "engine": .string(session.engine),
            ]))
      }
      guard number < calls.count else { break }
      let call = calls[number]
      // Somebody else's entry between them.
      _ = record("run.called", ["of": "another run"])
      calledRoles.append(
        record("run.called", call.setting("run", to: run).setting("index", to: .integer(Int64(number)))))
      var link: JSONObject = ["at": .integer(at), "previous": .string(chain)]
      for name in ["arguments", "call", "method", "ok", "result"] { link[name] = call[name] }
      chain = digest(of: .object(link))
    }
    let count = JSON.integer(Int64(calls.count))
    let kind = outcome.at("failure.kind")
    let hash: JSON = [
      "calls": count, "chain": .string(chain), "community": "acme",
      "engine": .string(resumed.last?.engine ?? engine), "fuel": .integer(fuel), "input": input,
      "limits": fullManifest["limits"] ?? .null, "outcome": kind.map { ["failure": $0] } ?? outcome, "seed": seed,
      "source": fullManifest["source"] ?? .null, "start": .integer(startedAt), "tool": tool, "version": 1,
    ]
    var end = outcome.object ?? [:]
    end["run"] = run
    end["calls"] = count
    end["chain"] = .string(chain)
    end["fuel"] = .integer(fuel)
    end["execution"] = .string(digest(of: hash))
    let finished = record("run.finished", .object(end))
    _ = record("run.called", ["of": "another run"])
    log.format = "safebox-run-receipt/v1"
    log.roles = [
      "genesis": 0, "proposed": log.roles["opened"] ?? .null, "registered": log.roles["finished"] ?? .null,
      "started": started, "resumed": .array(resumedRoles), "called": .array(calledRoles), "finished": finished,
    ]
    return log
  }

  func receiptBytes() throws -> [UInt8] { try log().receipt().canonicalBytes() }
}

enum RunStories {
  static func all() throws -> [(name: String, story: RunStory)] {
    [
      ("run", try answered()), ("run-in-process", try inProcess()), ("run-resumed", try resumed()),
      ("run-long", try long()),
    ]
  }

  static func call(_ number: Int64, _ method: String, ok: Bool = true, _ more: JSONObject = [:]) -> JSON {
    var body: JSONObject = [
      "call": .integer(number), "method": .string(method),
      "arguments": .string(digest(of: ["asked": .integer(number)])),
      "result": .string(digest(of: ["told": .integer(number)])), "ok": .bool(ok),
    ]
    for (name, value) in more { body[name] = value }
    return .object(body)
  }

  /// In the full jail: answers out of order, a refusal, a proposal, a task, secrets.
  static func answered() throws -> RunStory {
    var story = try RunStory(
      manifest: [
        "name": "invoice-triage", "version": "1.0.0", "description": "Reads invoices and proposes payments.",
        "source": .string(digest(of: "source")),
        "uses": [
          ["method": "HTTP.get", "hosts": ["*.example"], "paths": ["/a*", "/b"]],
          ["method": "HTTP.send", "hosts": ["bank.example"], "methods": ["POST"], "paths": ["*"]],
          ["method": "Workflow.run", "tools": ["report"]],
        ],
        "secrets": ["bank-token"], "limits": ["fuel": 500, "calls": 300],
        "rates": [["method": "HTTP.get", "count": 5, "period": 60]], "isolation": ["full": true],
      ],
      isolation: ["backend": "jail", "applied": ["landlock", "seccomp"], "missing": []],
      outcome: ["result": .string(digest(of: "result"))])
    story.calls = [
      call(0, "HTTP.get", ["usage": ["requests": 1], "secrets": ["bank-token@3"]]),
      call(2, "LLM.chat", ok: false),
      call(1, "HTTP.send", ["proposal": .string(digest(of: "a proposal"))]),
      call(3, "Workflow.run", ["child": .string(digest(of: "a child"))]),
    ]
    return story
  }

  /// Without a boundary, without answers, and without a result.
  static func inProcess() throws -> RunStory {
    var story = try RunStory(
      manifest: [
        "name": "thinker", "version": "2", "source": .string(digest(of: "source")),
        "isolation": ["backend": "inprocess"],
      ], isolation: ["backend": "inprocess", "applied": [], "missing": []],
      outcome: ["failure": ["kind": "exception", "message": .string(digest(of: "text"))]])
    story.client = "signer:alice"
    return story
  }

  /// The task of another run, taken up twice, by another engine, with layers missing, and ended from outside.
  static func resumed() throws -> RunStory {
    var story = try answered()
    story.manifest = story.manifest.setting("isolation", to: nil)
    story.client = "run:\(digest(of: "a parent"))"
    story.parent = (digest(of: "a parent"), 7)
    let half: JSON = ["backend": "jail", "applied": ["seccomp"], "missing": ["cgroup", "landlock"]]
    story.resumed = [(2, half, story.engine), (4, story.isolation, "quickjs-ng 0.18.0-1")]
    story.outcome = ["failure": ["kind": "timeout", "message": .string(digest(of: "text"))]]
    return story
  }

  static func long() throws -> RunStory {
    var story = try answered()
    story.calls = (0..<120).map { call($0, "HTTP.get") }
    return story
  }
}
