import CanonicalJSON
import Cryptography
import HTTPClient
import HTTPServer
import ModelContextProtocol
import Synchronization

/// The routes of a box that an agent's calls reach, with runs that do what a test says. (The real box stands in the
/// end-to-end tests; this one is for what that cannot be made to do on demand.)
final class FakeBox: Sendable {
  struct Run: Sendable {
    var tool: String
    var input: JSON
    var community: String
    var key: String?
    var status = "running"
    var result: JSON?
    var failure: JSON?
    var proposal: String?
  }
  private struct State {
    var tools: [JSON] = FakeBox.tools
    var runs: [String: Run] = [:]
    var order: [String] = []
    var waiters: [CheckedContinuation<Void, Never>] = []
    /// Counts the changes, so that whoever has looked and then waits misses none in between.
    var turn = 0
    var requests: [String] = []
  }
  private let state = Mutex(State())
  private let server = Mutex<HTTPServer?>(nil)
  let url: String

  static let token = "sbx_agent_0123456789"
  static let community = "acme"

  static func tool(
    _ name: String, _ version: String = "1.0.0", uses: [String] = [], description: String = "", input: JSON? = nil,
    retired: Bool = false, index: Int64? = nil
  ) -> JSON {
    var manifest: JSONObject = [
      "name": .string(name), "version": .string(version), "description": .string(description),
      "uses": .array(uses.map { ["method": .string($0)] }),
    ]
    manifest["input"] = input
    let digest = SHA256.hash(JSON.object(manifest).canonicalBytes()).hex
    var row: JSONObject = ["manifest": .object(manifest), "tool": .string(digest), "retired": .bool(retired)]
    row["index"] = index.map(JSON.integer)
    return .object(row)
  }

  private static let tools = [
    tool("broken"), tool("calls", uses: ["HTTP.get"]), tool("echo", input: ["type": "object"]),
    tool("number"), tool("pay", uses: ["HTTP.get", "HTTP.send"], description: "Pays an invoice."), tool("slow"),
    tool("twice", uses: ["SMTP.send"]),
  ]

  init() throws {
    // The port is known only when the server stands, and the routes only when `self` does.
    let slot = Slot()
    let server = HTTPServer(
      configuration: HTTPServerConfiguration(listeners: [.tcp(address: "127.0.0.1", port: 0)]),
      handler: HTTPHandlerClosure { request in
        guard let box = slot.box else { return HTTPResponse(status: 503) }
        return await box.respond(to: request)
      })
    guard case .tcp(_, let port) = try server.start()[0] else { throw HTTPServerError.noListener }
    url = "http://127.0.0.1:\(port)"
    self.server.withLock { $0 = server }
    slot.set(self)
  }

  private final class Slot: Sendable {
    private struct Reference: Sendable { weak var box: FakeBox? }
    private let reference = Mutex(Reference())
    var box: FakeBox? { reference.withLock { $0.box } }
    func set(_ box: FakeBox) { reference.withLock { $0.box = box } }
  }

  deinit {
    let server = server.withLock { $0 }
    Task { await server?.shutdown(deadline: .zero) }
  }

  /// A server of the protocol for this box.
  func mcp(wait: Duration = .seconds(60), maxInFlight: Int = 64, token: String = FakeBox.token) throws -> MCPServer {
    let parsed = try HTTPURL(url)
    var configuration = MCPServer.Configuration(
      community: Self.community, wait: wait, urls: ApprovalURLs(template: nil, box: url), version: "0.0.0")
    configuration.maxInFlight = maxInFlight
    return MCPServer(
      box: BoxClient(url: url, token: token, policy: .only([(host: parsed.host, port: parsed.port)])), token: token,
      configuration: configuration)
  }

  // MARK: What a test does and sees

  var runs: [Run] { state.withLock { state in state.order.compactMap { state.runs[$0] } } }
  var runIDs: [String] { state.withLock { $0.order } }
  func setTools(_ tools: [JSON]) { state.withLock { $0.tools = tools } }

  /// Starts a run that this server did not start; its id.
  func plant(community: String) -> String {
    let id = Hex.encode(SecureRandom.bytes(32))
    mutate { state in
      state.runs[id] = Run(tool: "echo", input: 1, community: community, status: "finished", result: "secret")
      state.order.append(id)
    }
    return id
  }

  /// Waits until there is a run for which something holds.
  func run(where condition: @Sendable (Run) -> Bool) async -> Run {
    while true {
      let turn = turn
      if let run = runs.first(where: condition) { return run }
      await change(after: turn)
    }
  }

  /// The people decide: every run that waits goes on.
  func approve() {
    mutate { state in
      for id in state.order where state.runs[id]?.status == "waiting" {
        // The tool `twice` asks a second time.
        if state.runs[id]?.tool == "twice", state.runs[id]?.proposal == Self.proposal(id, 1) {
          state.runs[id]?.proposal = Self.proposal(id, 2)
        } else {
          state.runs[id]?.proposal = nil
          state.runs[id]?.status = "finished"
          state.runs[id]?.result = ["paid": true]
        }
      }
    }
  }

  static func proposal(_ run: String, _ number: Int) -> String { SHA256.hash(Array("\(run) \(number)".utf8)).hex }

  private func mutate(_ body: (inout State) -> Void) {
    let waiters = state.withLock { state in
      body(&state)
      state.turn += 1
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  private var turn: Int { state.withLock { $0.turn } }

  private func change(after turn: Int) async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.turn == turn { state.waiters.append(continuation) }
        return state.turn != turn
      }
      if isOver { continuation.resume() }
    }
  }

  // MARK: Routes

  private func respond(to request: HTTPRequest) async -> HTTPResponse {
    guard request.headers["authorization"] == "Bearer \(Self.token)" else {
      return Problem(status: 401, code: "unauthorized", detail: "who is it?").response
    }
    let parts = request.pathSegments.map(String.init)
    switch (request.method, parts.count, parts.dropFirst().first, parts.last) {
    case ("GET", 2, "tools", _): return listing(request)
    case ("POST", 2, "runs", _): return await start(request)
    case ("GET", 3, "proposals", let id?):
      return .json(JSON.object(["status": ["name": .string(decide(id))]]).canonicalBytes())
    case ("GET", 3, "runs", let id?): return await show(id, seconds: Int(request.query("wait") ?? "0") ?? 0)
    case ("GET", 4, "runs", "events"): return events(parts[2])
    case ("POST", 4, "runs", "cancel"):
      // As the box: a route that takes no body refuses one.
      guard request.body.declaredLength ?? 0 == 0 else { return Problem(status: 413).response }
      mutate { $0.runs[parts[2]]?.status = "cancelled" }
      return await show(parts[2], seconds: 0)
    default: return Problem(status: 404, code: "not_found").response
    }
  }

  /// How a proposal stands. That of the tool `automatic` is approved by its policy, and carried out once it was looked at.
  private func decide(_ proposal: String) -> String {
    guard let run = runIDs.first(where: { Self.proposal($0, 1) == proposal }),
      state.withLock({ $0.runs[run]?.tool }) == "automatic"
    else { return "open" }
    mutate { state in
      state.runs[run]?.proposal = nil
      state.runs[run]?.status = "finished"
      state.runs[run]?.result = ["paid": true]
    }
    return "executing"
  }

  /// Two rows on a page, so that pages are read.
  private func listing(_ request: HTTPRequest) -> HTTPResponse {
    let tools = state.withLock { $0.tools }
    let from = Int(request.query("cursor") ?? "0") ?? 0
    let page = tools[from..<min(from + 2, tools.count)]
    let next: JSON = page.endIndex < tools.count ? .string("\(page.endIndex)") : .null
    return .json(JSON.object(["tools": .array(Array(page)), "next": next]).canonicalBytes())
  }

  private func start(_ request: HTTPRequest) async -> HTTPResponse {
    guard let body = try? await request.body.collect(limit: 1 << 20),
      let json = try? JSON(parsing: body, limits: .document(maxBytes: 1 << 20)),
      let row = state.withLock({ $0.tools.first { $0["tool"] == json["tool"] } }),
      let name = row["manifest"]?["name"]?.string
    else { return Problem(status: 400, code: "bad_field", detail: "tool: expected one that is registered").response }
    let id = Hex.encode(SecureRandom.bytes(32))
    var run = Run(
      tool: name, input: json["input"] ?? .null, community: json["community"]?.string ?? "",
      key: request.headers["idempotency-key"])
    switch name {
    case "echo": (run.status, run.result) = ("finished", run.input)
    case "number": (run.status, run.result) = ("finished", 7)
    case "large": (run.status, run.result) = ("finished", .string(String(repeating: "x", count: 300_000)))
    case "broken":
      (run.status, run.failure) = ("failed", ["kind": "exception", "message": "boom \u{1B}[31m\n{\"ok\":true}"])
    case "automatic", "pay", "twice": (run.status, run.proposal) = ("waiting", Self.proposal(id, 1))
    case "refused": return Problem(status: 409, code: "stopped", detail: "the box is stopped").response
    default: break
    }
    mutate { state in
      state.runs[id] = run
      state.order.append(id)
    }
    return await show(id, seconds: 0)
  }

  private func show(_ id: String, seconds: Int) async -> HTTPResponse {
    let turn = turn
    if seconds > 0, let run = state.withLock({ $0.runs[id] }), ["running", "waiting"].contains(run.status) {
      let timer = Task {
        try await Task.sleep(for: .seconds(seconds))
        mutate { _ in }
      }
      await change(after: turn)
      timer.cancel()
    }
    guard let run = state.withLock({ $0.runs[id] }) else {
      return Problem(status: 404, code: "no_run", detail: "there is no run \(id)").response
    }
    var view: JSONObject = [
      "run": .string(id), "community": .string(run.community), "status": .string(run.status), "waiting": [],
    ]
    if let proposal = run.proposal {
      view["waiting"] = [
        ["call": 0, "method": "HTTP.send", "proposal": .string(proposal), "url": .string("/v1/proposals/\(proposal)")]
      ]
    }
    view["result"] = run.result
    view["failure"] = run.failure
    if run.status == "finished" { view["execution"] = .string(SHA256.hash(Array(id.utf8)).hex) }
    return .json(JSON.object(view).canonicalBytes())
  }

  private func events(_ id: String) -> HTTPResponse {
    EventStream.response { [self] writer in
      try await writer.send(id: "1", event: "started", data: "{}")
      let tool = state.withLock { $0.runs[id]?.tool }
      for call in 0..<(tool == "calls" ? 3 : 1) {
        let facts: JSON = [["hosts": "api.example", "paths": "/\(call)\u{202E}"]]
        let data: JSON = ["call": .integer(Int64(call)), "method": "HTTP.get", "effect": "observe", "facts": facts]
        try await writer.send(id: "\(call + 2)", event: "call", data: data.canonicalString())
      }
      // That run ends when it has been watched.
      if tool == "calls" {
        mutate { state in
          state.runs[id]?.status = "finished"
          state.runs[id]?.result = ["calls": 3]
        }
      }
      while !Task.isCancelled {
        let turn = turn
        guard ["running", "waiting"].contains(state.withLock({ $0.runs[id]?.status ?? "" })) else { break }
        await change(after: turn)
      }
      try await writer.send(id: "9", event: "finished", data: "{}")
    }
  }
}
