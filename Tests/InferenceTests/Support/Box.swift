import CanonicalJSON
import Cryptography
import HTTPClient
import HTTPServer
import Synchronization

@testable import Inference

/// A gateway on a real server, what it told, and a client for it.
final class Box: Sendable {
  /// Models by name; what is not here is not approved.
  final class Directory: ServedModels {
    private let endpoints: Mutex<[RunnerEndpoint]>
    init(_ endpoints: [RunnerEndpoint]) { self.endpoints = Mutex(endpoints) }
    func runner(for model: String) -> RunnerEndpoint? {
      endpoints.withLock { $0.first { $0.model.name == model } }
    }
    var all: [ServedModel] { endpoints.withLock { $0.map(\.model) } }
    func remove(_ name: String) { endpoints.withLock { $0.removeAll { $0.model.name == name } } }
  }

  let gateway: InferenceGateway
  let directory: Directory
  let address: String
  private let server: HTTPServer
  let recorder = Recorder()
  private let client = HTTPClient()

  /// What the gateway told.
  final class Recorder: Sendable {
    private struct State {
      var usage: [InferenceUsage] = []
      var alarms: [CacheAlarm] = []
      var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var usage: [InferenceUsage] { state.withLock { $0.usage } }
    var alarms: [CacheAlarm] { state.withLock { $0.alarms } }

    func note(_ usage: InferenceUsage) {
      let ready = state.withLock { state in
        state.usage.append(usage)
        let count = state.usage.count
        let ready = state.waiters.filter { $0.count <= count }
        state.waiters.removeAll { $0.count <= count }
        return ready
      }
      for waiter in ready { waiter.continuation.resume() }
    }

    func note(_ alarm: CacheAlarm) { state.withLock { $0.alarms.append(alarm) } }

    /// The usage, once so many requests are over.
    func usage(after count: Int) async -> [InferenceUsage] {
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          if state.usage.count >= count { return true }
          state.waiters.append((count, continuation))
          return false
        }
        if isReady { continuation.resume() }
      }
      return usage
    }
  }

  /// The clients of every box: `alice` and `bob` may all, `carol` only `tiny`, `dave` has no budget left, `erin` 100 tokens
  /// and one request at a time, `frank` lacks the scope.
  static let clients: [String: InferenceAuthorization] = [
    "token-alice": .client(InferenceClient(name: "alice")), "token-bob": .client(InferenceClient(name: "bob")),
    "token-carol": .client(InferenceClient(name: "carol", models: .only(["tiny"]))),
    "token-dave": .client(InferenceClient(name: "dave", budget: .tokens(left: 0))),
    "token-erin": .client(InferenceClient(name: "erin", budget: .tokens(left: 100), maxConcurrent: 1)),
    "token-frank": .forbidden("client frank lacks the scope infer"),
  ]

  init(
    _ endpoints: [RunnerEndpoint], limits: InferenceLimits = InferenceLimits(),
    cacheLimits: PromptCacheLimits = PromptCacheLimits()
  ) throws {
    let directory = Directory(endpoints)
    self.directory = directory
    let recorder = recorder
    gateway = InferenceGateway(
      InferenceGateway.Services(
        models: directory, authorize: { Self.clients[$0] ?? .unknown }, meter: { recorder.note($0) },
        alarm: { recorder.note($0) }, now: { 1_800_000_000 }),
      limits: limits, cacheLimits: cacheLimits)
    var configuration = HTTPServerConfiguration(listeners: [.tcp(address: "127.0.0.1", port: 0)])
    configuration.limits.body = 64 << 20
    server = HTTPServer(configuration: configuration, handler: gateway)
    address = try server.start().first.map { "\($0)" } ?? ""
  }

  func shutDown() async {
    await server.shutdown(deadline: .seconds(1))
    client.shutDown()
  }

  static func model(_ name: String, _ protocols: Set<ModelProtocol>) -> ServedModel {
    ServedModel(name: name, digest: SHA256.hash(utf8: name), protocols: protocols, created: 1_700_000_000)
  }

  // MARK: Asking

  /// Sends a request and waits for its whole answer.
  func send(
    _ path: String, _ body: JSON? = nil, method: String? = nil, token: String? = "token-alice",
    headers: [String: String] = [:]
  ) async throws -> HTTPClientResponse {
    let port = address.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
    var fields = headers.map { HTTPClientHeader($0.key, $0.value) }
    if let token { fields.append(HTTPClientHeader("Authorization", "Bearer \(token)")) }
    if body != nil { fields.append(HTTPClientHeader("Content-Type", "application/json")) }
    let request = HTTPClientRequest(
      method: method ?? (body == nil ? "GET" : "POST"), url: "http://\(address)\(path)", headers: fields,
      body: body?.canonicalBytes() ?? [], deadline: .seconds(120), maxResponseBytes: 128 << 20)
    return try await client.send(request, policy: .only([(host: "127.0.0.1", port: port)]))
  }

  /// The chat of some messages, by turns of user and assistant.
  func chat(
    _ turns: [String], model: String = "tiny", token: String = "token-alice", headers: [String: String] = [:],
    _ more: JSONObject = ["max_tokens": 4]
  ) async throws -> HTTPClientResponse {
    var body = more
    body["model"] = .string(model)
    body["messages"] = .array(
      turns.enumerated().map { index, text in
        ["role": index % 2 == 0 ? "user" : "assistant", "content": .string(text)]
      })
    return try await send("/v1/chat/completions", .object(body), token: token, headers: headers)
  }
}

extension HTTPClientResponse {
  var json: JSON { get throws { try JSON(parsing: body, limits: .document(maxBytes: 128 << 20)) } }
  var text: String { String(decoding: body, as: UTF8.self) }
  /// The data of every event of a stream.
  var events: [JSON] {
    get throws {
      try text.split(separator: "\n").filter { $0.hasPrefix("data: ") && !$0.hasSuffix("[DONE]") }.map {
        try JSON(parsing: String($0.dropFirst(6)), limits: .document(maxBytes: 16 << 20))
      }
    }
  }
}
