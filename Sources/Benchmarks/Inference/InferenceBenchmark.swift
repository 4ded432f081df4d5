import CanonicalJSON
import Cryptography
import HTTPClient
import HTTPServer
import Inference
import Synchronization

/// What the gateway costs more than asking llama.cpp directly: the same client, the same unix sockets, the same model and
/// slot, one request after the other. The gateway runs in this process, on a reactor of its own.
enum InferenceBenchmark {
  private static let token = "bench"

  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    let chat = endpoint("bench-chat", options.chat, [.chat], slots: 1)
    let embeddings = endpoint("bench-embeddings", options.embeddings, [.embeddings], slots: 0)
    let socket = "\(options.directory)/gateway.sock"
    let gateway = InferenceGateway(
      InferenceGateway.Services(models: Models(endpoints: [chat, embeddings])) { presented in
        presented == token ? .client(InferenceClient(name: "bench")) : .unknown
      })
    let server = HTTPServer(
      configuration: HTTPServerConfiguration(listeners: [.unix(path: socket, mode: 0o600)]), handler: gateway)
    _ = try server.start()
    let client = HTTPClient()
    var measurements: [Measurement] = []
    for (name, path, body, own) in requests {
      let isStreamed = body["stream"] != nil
      let direct = Target(client: client, socket: isChat(path) ? options.chat : options.embeddings)
      let through = Target(client: client, socket: socket)
      let without = try await series(direct, path, merged(body, own), isStreamed, options)
      let with = try await series(through, path, body, isStreamed, options)
      measurements.append(.latency("\(name)/safebox", with))
      measurements.append(.latency("\(name)/direct", without))
      measurements.append(added("\(name)-added/safebox", with, without))
    }
    await server.shutdown(deadline: .seconds(1))
    return measurements
  }

  private static let words: JSON = [["role": "user", "content": "What does a box say that nobody opens?"]]

  /// Name, route, what the client sends, and what only a direct request has to say.
  private static let requests: [(String, String, JSONObject, JSONObject)] = [
    ("inference-embeddings", "/v1/embeddings", ["model": "bench-embeddings", "input": "a box"], [:]),
    (
      "inference-chat", "/v1/chat/completions", ["model": "bench-chat", "messages": words, "max_tokens": 1],
      ["id_slot": 0, "cache_prompt": true]
    ),
    (
      "inference-first-token", "/v1/chat/completions",
      ["model": "bench-chat", "messages": words, "max_tokens": 1, "stream": true],
      ["id_slot": 0, "cache_prompt": true]
    ),
  ]

  private static func isChat(_ path: String) -> Bool { path != "/v1/embeddings" }

  private static func merged(_ body: JSONObject, _ more: JSONObject) -> JSONObject {
    var body = body
    for (name, value) in more { body[name] = value }
    return body
  }

  private static func endpoint(
    _ name: String, _ socket: String, _ protocols: Set<ModelProtocol>, slots: Int
  ) -> RunnerEndpoint {
    RunnerEndpoint(
      name: name, socket: socket,
      model: ServedModel(name: name, digest: SHA256.hash(utf8: name), protocols: protocols), dialect: .llamaCpp,
      slots: slots)
  }

  private struct Models: ServedModels {
    let endpoints: [RunnerEndpoint]
    func runner(for model: String) -> RunnerEndpoint? { endpoints.first { $0.model.name == model } }
    var all: [ServedModel] { endpoints.map(\.model) }
  }

  private struct Target {
    let client: HTTPClient
    let socket: String
  }

  /// Whole answers, or the time to the first bytes of a stream.
  private static func series(
    _ target: Target, _ path: String, _ body: JSONObject, _ isStreamed: Bool, _ options: BenchmarkCommand.Options
  ) async throws -> Latencies {
    let request = HTTPClientRequest(
      method: "POST", url: "http://model\(path)",
      headers: [
        HTTPClientHeader("Content-Type", "application/json"), HTTPClientHeader("Authorization", "Bearer \(token)"),
      ],
      body: JSON.object(body).canonicalBytes(), unixSocketPath: target.socket, mayRepeat: true)
    let policy = EgressPolicy(publicPorts: .none, permitsPlainHTTP: true, unixSockets: [target.socket])
    var latencies = Latencies()
    let watch = Stopwatch()
    var count = 0
    while count < 50 || watch.seconds < options.seconds + 0.5 {
      let start = Stopwatch.nanoseconds
      let first = Mutex<UInt64>(0)
      let status: Int
      if isStreamed {
        status = try await target.client.stream(
          request, policy: policy,
          into: HTTPClientSink { _ in first.withLock { if $0 == 0 { $0 = Stopwatch.nanoseconds } } }
        ).status
      } else {
        status = try await target.client.send(request, policy: policy).status
        first.withLock { $0 = Stopwatch.nanoseconds }
      }
      guard status == 200 else { throw BenchmarkFailure.wrongResult("\(path) answers \(status)") }
      count += 1
      if count > 50 { latencies.add(first.withLock { $0 } - start) }
    }
    return latencies
  }

  private static func added(_ id: String, _ with: Latencies, _ without: Latencies) -> Measurement {
    let (one, other) = (with.microseconds(percentiles: 50, 99), without.microseconds(percentiles: 50, 99))
    var measurement = Measurement(
      id: id, rate: 1e6 / max(1, one[0]), seconds: 0,
      details: [
        "with_p50_us": JSON(rounding: one[0]), "without_p50_us": JSON(rounding: other[0]),
        "ratio_p50": JSON(rounding: one[0] / max(1, other[0])),
      ])
    measurement.p50 = one[0] - other[0]
    measurement.p99 = one[1] - other[1]
    return measurement
  }
}
