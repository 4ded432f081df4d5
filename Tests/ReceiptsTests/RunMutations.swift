import CanonicalJSON
import Testing

@testable import Receipts

/// What can be wrong with the receipt of a run, and the code with which every verifier must name it.
enum RunMutations {
  static let all: [Mutation] = {
    do {
      return try file() + told() + order() + fields().map(\.mutation)
    } catch {
      Issue.record("a mutation cannot be made: \(error)")
      return []
    }
  }()

  /// The box lies, and signs its lie.
  private static func logged(
    _ code: String, _ story: RunStory, _ change: (inout TestLog) throws -> Void
  ) throws -> Mutation {
    var log = try story.log()
    try change(&log)
    return Mutation(code: code, key: "", bytes: try log.receipt().canonicalBytes())
  }

  /// Somebody on the way tampers with the file.
  private static func tampered(
    _ code: String, _ story: RunStory, _ change: (inout JSON) throws -> Void
  ) throws -> Mutation {
    var receipt = try story.log().receipt()
    try change(&receipt)
    return Mutation(code: code, key: "", bytes: receipt.canonicalBytes())
  }

  /// Something was wrong from the beginning, and everything was computed over it.
  private static func told(
    _ code: String, _ change: (inout RunStory) throws -> Void
  ) throws -> Mutation {
    var story = try RunStories.answered()
    try change(&story)
    return Mutation(code: code, key: "", bytes: try story.receiptBytes())
  }

  private static func file() throws -> [Mutation] {
    let story = try RunStories.answered()
    return [
      try tampered("format.version", story) { $0 = $0.setting("format", to: "safebox-run-receipt/v2") },
      // Neither kind of receipt is taken for the other.
      try tampered("format.field", story) { $0 = $0.setting("format", to: "safebox-receipt/v1") },
      try tampered("format.field", story) { $0 = $0.setting("constitution", to: [:]) },
      try tampered("format.field", story) { $0 = $0.setting("roles.resumed", to: nil) },
      try tampered("format.field", story) { $0 = $0.setting("roles.called.0", to: "1") },
      try tampered("format.field", story) { $0 = $0.setting("entries", to: []) },
      try tampered("format.entry-order", story) { $0.swap("entries.4", "entries.5") },
      try tampered("format.role", story) { $0 = $0.setting("roles.resumed", to: [999]) },
      try tampered("format.entry-without-role", story) { $0 = $0.setting("roles.called.1", to: nil) },
      try tampered("entries.role-kind", story) { $0.swap("roles.started", "roles.finished") },
      try tampered("log-signature.es256", story) {
        $0 = $0.setting("es256", to: try Stories.quorum().log().receipt()["es256"])
      },
    ]
  }

  private static func told() throws -> [Mutation] {
    let jail: JSON = ["backend": "jail", "applied": [], "missing": []]
    return [
      try told("tool.box") { $0.registration.statementEdit = { $0 = $0.setting("box", to: "elsewhere.example") } },
      try told("tool.action") { $0.registration.action = ["type": "note.write", "params": [:]] },
      try told("tool.manifest") { $0.manifest = $0.manifest.setting("more", to: 1) },
      try told("tool.manifest") { $0.manifest = $0.manifest.setting("limits.stack", to: 1) },
      try told("tool.outcome") { $0.registration.outcome = "failed" },
      try told("calls.limit") { $0.manifest = $0.manifest.setting("limits.calls", to: 3) },
      try told("calls.repeated") { $0.calls[3] = $0.calls[3].setting("call", to: 1) },
      try told("calls.pending") { $0.calls[3] = $0.calls[3].setting("call", to: 259) },
      try told("grants.method") { $0.calls[1] = $0.calls[1].setting("ok", to: true) },
      try told("grants.secret") { $0.calls[0] = $0.calls[0].setting("secrets", to: ["bank-token@3", "other@1"]) },
      try told("isolation.backend") { $0.isolation = jail.setting("backend", to: "inprocess") },
      try told("isolation.backend") {
        $0.resumed = [(1, jail, $0.engine), (2, jail.setting("backend", to: "gvisor"), $0.engine)]
      },
      try told("isolation.layers") { $0.resumed = [(1, jail.setting("missing", to: ["seccomp"]), $0.engine)] },
      try told("entries.body") { $0.isolation = jail.setting("applied", to: ["seccomp", "landlock"]) },
      try told("entries.body") { $0.isolation = $0.isolation.setting("missing", to: ["seccomp"]) },
      try told("entries.body") { $0.engine = "quickjs\u{7F}" },
      try told("entries.body") { $0.client = "box:ledger" },
      try told("entries.body") {
        $0.outcome = ["failure": ["kind": "boredom", "message": .string(digest(of: "text"))]]
      },
      try told("entries.body") { $0.outcome = [:] },
      try told("entries.body") { $0.calls[0] = $0.calls[0].setting("usage", to: [:]) },
      try told("entries.body") { $0.calls[0] = $0.calls[0].setting("usage", to: ["requests": 0]) },
      try told("entries.body") { $0.calls[0] = $0.calls[0].setting("usage", to: ["re-quests": 1]) },
      try told("entries.body") { $0.calls[0] = $0.calls[0].setting("secrets", to: []) },
      try told("entries.body") { $0.calls[0] = $0.calls[0].setting("secrets", to: ["bank-token@03"]) },
      try told("entries.body") {
        $0.calls[0] = $0.calls[0].setting("secrets", to: ["bank-token@9007199254740993"])
      },
      try told("entries.body") { $0.calls[0] = $0.calls[0].setting("secrets", to: ["bank-token@3", "bank-token@3"]) },
      try told("entries.body") { $0.calls[0] = $0.calls[0].setting("method", to: "HTTP") },
      try told("entries.body") { $0.calls[0] = $0.calls[0].setting("call", to: 10_001) },
    ]
  }

  /// Answers left out, put in twice or put elsewhere.
  private static func order() throws -> [Mutation] {
    let story = try RunStories.answered()
    func called(_ log: TestLog) -> [Int] { (log.roles["called"]?.array ?? []).map { Int($0.integer ?? -1) } }
    return [
      // The role is dropped with the entry: nothing in the file speaks of it any more.
      try logged("calls.index", story) { $0.roles = $0.roles.setting("called.1", to: nil) },
      try logged("calls.count", story) { $0.roles = $0.roles.setting("called.3", to: nil) },
      try logged("calls.index", story) { log in
        let indices = called(log)
        let (one, two) = (log.entries[indices[1]], log.entries[indices[2]])
        let times = try [one, two].map { try JSON(parsing: $0, limits: .document(maxBytes: 1 << 16))["at"] }
        log.entries[indices[1]] = two
        log.entries[indices[2]] = one
        try log.edit(indices[1], "at", to: times[0])
        try log.edit(indices[2], "at", to: times[1])
      },
      try logged("run.order", story) { $0.roles.swap("called.1", "called.2") },
      try logged("run.order", story) { $0.roles = $0.roles.setting("called.1", to: $0.roles.at("called.0")) },
      try logged("run.order", story) { log in
        // An answer before the start.
        let (start, answer) = (log.index(of: "started"), called(log)[0])
        log.entries.swapAt(start, answer)
        try log.edit(start, "at", to: .integer(RunStory.start))
        try log.edit(answer, "at", to: .integer(RunStory.start))
        log.roles.swap("started", "called.0")
      },
      try logged("tool.statement", story) {
        try $0.edit($0.index(of: "proposed"), "body.proposal", to: .string(digest(of: "another")))
      },
      try logged("tool.proposal", story) {
        try $0.edit($0.index(of: "registered"), "body.proposal", to: .string(digest(of: "another")))
      },
    ]
  }

  /// One field of one of the run's entries, with what its change must be called when the box signs it; nil where no
  /// digest holds it, so that the receipt says it is the box's word.
  struct Field: CustomStringConvertible, Sendable {
    let story: String
    let entry: String
    let path: String
    let code: String?
    let bytes: [UInt8]
    /// The same change in the file alone.
    let tampered: [UInt8]

    var description: String { "\(story) \(entry) \(path)" }
    var mutation: Mutation { Mutation(code: code ?? "inclusion.root", key: "", bytes: code == nil ? tampered : bytes) }
  }

  static func fields() throws -> [Field] {
    let other = JSON.string(digest(of: "other"))
    let table: [(RunStory, String, String, [(String, JSON, String?)])] = [
      (
        try RunStories.answered(), "run", "started",
        [
          ("at", .integer(RunStory.start + 9), "execution-hash.digest"), ("body.run", other, "run.id"),
          ("body.tool", other, "tool.digest"), ("body.community", "other", "execution-hash.digest"),
          ("body.client", "client:other", nil), ("body.input", other, "execution-hash.digest"),
          ("body.seed", other, "execution-hash.digest"), ("body.isolation.backend", "gvisor", "isolation.backend"),
          ("body.isolation.missing", ["ptrace"], "isolation.layers"), ("body.isolation.applied", ["other"], nil),
          ("body.engine", "quickjs-ng 0.18.0", "execution-hash.digest"),
        ]
      ),
      (
        try RunStories.answered(), "run", "called.0",
        [
          ("at", .integer(RunStory.start + 29), "chain.digest"), ("body.run", other, "run.id"),
          ("body.index", 1, "calls.index"), ("body.call", 9, "chain.digest"),
          ("body.method", "HTTP.send", "chain.digest"), ("body.method", "SMS.send", "grants.method"),
          ("body.arguments", other, "chain.digest"), ("body.result", other, "chain.digest"),
          ("body.ok", false, "chain.digest"), ("body.usage.requests", 2, nil),
          ("body.secrets", ["bank-token@4"], nil), ("body.secrets", ["other@1"], "grants.secret"),
          ("body.proposal", other, nil), ("body.child", other, nil),
        ]
      ),
      (
        try RunStories.answered(), "run", "finished",
        [
          ("body.run", other, "run.id"), ("body.calls", 3, "calls.count"), ("body.chain", other, "chain.digest"),
          ("body.fuel", 13, "execution-hash.digest"), ("body.result", other, "execution-hash.digest"),
          ("body.execution", other, "execution-hash.digest"),
        ]
      ),
      (
        try RunStories.resumed(), "run-resumed", "started",
        [("body.parent", other, nil), ("body.task", 8, nil), ("body.engine", "other", nil)]
      ),
      (
        try RunStories.resumed(), "run-resumed", "resumed.1",
        [
          ("body.run", other, "run.id"), ("body.calls", 3, "calls.resumed"),
          ("body.engine", "other", "execution-hash.digest"),
          ("body.isolation.backend", "gvisor", "isolation.backend"), ("body.isolation.missing", ["ptrace"], nil),
        ]
      ),
      (
        try RunStories.resumed(), "run-resumed", "finished",
        [("body.failure.kind", "worker", "execution-hash.digest"), ("body.failure.message", other, nil)]
      ),
    ]
    var fields: [Field] = []
    for (story, name, entry, changes) in table {
      let log = try story.log()
      let file = try log.receipt()
      let index = log.index(of: entry)
      let place = (file["entries"]?.array ?? []).firstIndex { $0["index"]?.integer == Int64(index) } ?? -1
      for (path, value, code) in changes {
        var changed = log
        try changed.edit(index, path, to: value)
        let text = JSON.string(String(decoding: changed.entries[index], as: UTF8.self))
        fields.append(
          Field(
            story: name, entry: entry, path: path, code: code, bytes: try changed.receipt().canonicalBytes(),
            tampered: file.setting("entries.\(place).entry", to: text).canonicalBytes()))
      }
    }
    return fields
  }
}
