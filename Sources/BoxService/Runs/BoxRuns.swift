import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import HostCalls
import Runs
import Sandbox
import Storage

/// What the routes of tools and runs share.
struct BoxRuns: Sendable {
  let core: BoxCore
  let host: BoxRunHost
  let service: RunService
  let sources: ContentStore
  let calls: HostCallTable

  /// Every method of `Protocol`, by name.
  var methods: JSON {
    .array(
      (calls.methods + WorkflowMethods.all).sorted { $0.name < $1.name }.map { method in
        [
          "method": .string(method.name), "class": .string(method.effect.rawValue),
          "dimensions": .array(method.dimensions.map(JSON.string)), "arguments": method.schema,
          "summary": .string(method.summary),
        ]
      })
  }

  /// Takes up every run that the log has begun and not ended.
  func resume() async throws {
    let live = try await core.sequencer.inspect { state, _ in
      state.liveRuns.sorted { $0.startedIndex < $1.startedIndex }.map(\.id)
    }
    var runs: [(started: RunStarted, at: Int64)] = []
    for id in live {
      if let outline = try await host.outline(of: id) { runs.append((outline.started, outline.startedAt)) }
    }
    await service.resume(runs)
  }

  /// Starts a run for a client. Under one idempotency key it is one run.
  func start(
    tool text: String, input: JSON, community: String, client: String, key: String?
  ) async throws -> RunID {
    guard let tool = try await host.tool(named: text) else {
      throw FieldError(
        field: "tool", expected: "NAME, NAME@VERSION or the digest of a registered tool that is not retired",
        actual: JSON.string(text).summary)
    }
    let salts: SaltSource = key.map { .derived(core.idempotencyKey(client: client, key: "run " + $0)) } ?? .random
    guard let id = RunID(salts.salt(for: "run", count: 32)) else { throw RunService.Failure.stopping }
    if key != nil, let earlier = try await host.outline(of: id) {
      let beginning = try await host.beginning(of: id, community: earlier.started.community)
      guard earlier.started.tool == tool, earlier.started.community == community,
        beginning == nil || beginning?.input == input
      else {
        throw Problem(
          status: 422, code: "idempotency_key_reused",
          detail: "this Idempotency-Key was used for another run; use a new key for a new one")
      }
      return id
    }
    return try await service.start(
      RunRequest(id: id, tool: tool, input: input, community: community, client: .client(client)),
      seed: salts.salt(for: "seed", count: 32), salt: try RunSalt(salts.salt(for: "salt", count: 32)))
  }

  /// What the log has of a run; throws where it has none.
  func outline(of id: RunID) async throws -> BoxRunHost.Outline {
    guard let outline = try await host.outline(of: id) else {
      throw Problem(status: 404, code: "no_run", detail: "there is no run \(id)")
    }
    return outline
  }

  /// How a run stands.
  func view(_ id: RunID) async throws -> RunView {
    let outline = try await outline(of: id)
    let standing = outline.finished == nil ? await service.standing(of: id) : nil
    let stuck = outline.finished == nil ? await service.stuck[id] : nil
    let ending = try await host.ending(of: outline)
    let manifest = try await host.manifest(of: outline.started.tool)
    let index = host.index
    let children = try await core.blocking.run { try index.children(of: id, limit: RunView.maxChildren) }
    return RunView(
      outline: outline, name: manifest?.name ?? "", version: manifest?.version ?? "", standing: standing,
      stuck: stuck, ending: ending, children: children)
  }

  /// The delivered calls of a run, in words, with what the log has of it.
  func lines(
    of id: RunID
  ) async throws -> (outline: BoxRunHost.Outline, contents: RunPayloads.Contents, lines: [JournalLine]) {
    let outline = try await outline(of: id)
    let contents = try await host.contents(of: id, community: outline.started.community)
    guard let beginning = contents.beginning else { throw PayloadMissing(run: id, call: nil) }
    let calls = try await host.calls(of: id)
    return (outline, contents, try JournalLine.join(calls, contents.calls, salt: beginning.salt))
  }

  /// All that it takes to do a run again.
  func bundle(of id: RunID) async throws -> ReplayBundle {
    let (outline, contents, lines) = try await lines(of: id)
    guard outline.finished != nil else {
      throw Problem(status: 409, code: "run_live", detail: "the run is under way; a bundle is of one that is over")
    }
    guard let beginning = contents.beginning, let ending = contents.ending else {
      throw PayloadMissing(run: id, call: nil)
    }
    guard let manifest = try await host.manifest(of: outline.started.tool),
      let source = try await sources.document(manifest.source)
    else { throw RunService.Failure.noSource(outline.started.tool) }
    return ReplayBundle(
      salt: beginning.salt, source: source, manifest: manifest, input: beginning.input,
      calls: lines.map { .init(call: $0.called.call, arguments: $0.arguments, result: $0.result) }, ending: ending)
  }

  /// Waits until the run satisfies `condition`, `seconds` have passed, or the caller goes away.
  func wait(
    for id: RunID, seconds: Int64, until condition: @escaping @Sendable (RunView) -> Bool
  ) async throws -> RunView {
    let first = try await view(id)
    guard !condition(first), !first.isOver, seconds > 0, let events = await service.events(of: id) else {
      return try await view(id)
    }
    return try await withThrowingTaskGroup(of: RunView?.self) { group in
      group.addTask {
        var last: UInt64 = 0
        while true {
          let new = await events.events(after: last)
          guard let newest = new.last else { break }
          last = newest.id
          // Calls come by the thousand, and change nothing that anybody waits for.
          guard new.contains(where: { $0.kind != "call" && $0.kind != "called" && $0.kind != "log" }) else { continue }
          let view = try await view(id)
          if condition(view) || view.isOver { return view }
        }
        return try await view(id)
      }
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        return nil
      }
      defer { group.cancelAll() }
      if let view = try await group.next() ?? nil { return view }
      return try await view(id)
    }
  }
}

/// A run as the API shows it.
struct RunView: Sendable {
  /// Tasks that a view names; `/v1/runs?parent=` lists the rest.
  static let maxChildren = 1000

  var outline: BoxRunHost.Outline
  var name: String
  var version: String
  var standing: RunService.Standing?
  /// Why it could not be taken up after a start.
  var stuck: String?
  var ending: RunEnding?
  var children: [RunID]

  var isOver: Bool { outline.finished != nil }

  /// `running`, `waiting`, `finished`, `failed`, `cancelled` or `stuck`.
  var status: String {
    switch outline.finished?.0.outcome {
    case .result: "finished"
    case .failure(.cancelled, _): "cancelled"
    case .failure: "failed"
    case nil:
      if stuck != nil { "stuck" } else if standing?.waits.isEmpty == false { "waiting" } else { "running" }
    }
  }

  var json: JSON {
    let started = outline.started
    var object: JSONObject = [
      "run": .string(started.run.hex), "tool": .string(started.tool.hex), "name": .string(name),
      "version": .string(version), "community": .string(started.community), "client": .string(started.client.text),
      "status": .string(status), "startedAt": .integer(outline.startedAt), "calls": .integer(Int64(outline.calls)),
      "isolation": started.isolation.json, "engine": .string(started.engine),
      "waiting": .array((standing?.waits ?? []).map(Self.wait)), "parked": .bool(standing?.isParked ?? false),
      "children": .array(children.map { .string($0.hex) }),
    ]
    object["parent"] = started.parent.map { .string($0.run.hex) }
    object["reason"] = stuck.map(JSON.string)
    if let (finished, at) = outline.finished {
      object["finishedAt"] = .integer(at)
      object["fuel"] = .integer(finished.fuel)
      object["execution"] = .string(finished.execution.hex)
      switch (finished.outcome, ending?.outcome) {
      case (.result, .result(let value)?): object["result"] = value
      case (.failure(let kind, _), .failure(_, let message)?):
        object["failure"] = ["kind": .string(kind.rawValue), "message": .string(message)]
      case (.failure(let kind, _), _): object["failure"] = ["kind": .string(kind.rawValue), "message": "erased"]
      default: break
      }
    }
    return .object(object)
  }

  private static func wait(_ wait: CallWait) -> JSON {
    var object = wait.json.object ?? [:]
    if case .proposal(let id) = wait.reason { object["url"] = .string("/v1/proposals/\(id.hex)") }
    return .object(object)
  }
}
