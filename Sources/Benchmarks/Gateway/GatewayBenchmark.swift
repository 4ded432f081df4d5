import CanonicalJSON
import Cryptography
import Governance
import HTTPClient
import HostCalls
import Keychain
import Storage

/// What a call costs more than asking the same server directly: as a host call (arguments, grants, route, secrets, usage),
/// from a tool in the jail of a box with its durable log, and through another gateway. One call after the other.
enum GatewayBenchmark {
  private static let community = "home"
  private static let chat: JSON = [
    "model": "bench", "messages": [["role": "user", "content": "Say hello."]], "maxTokens": 16,
  ]
  /// What `chat` becomes on the wire.
  private static let directChat: JSON = [
    "model": "bench", "messages": [["role": "user", "content": "Say hello."]], "max_completion_tokens": 16,
  ]

  static func run(_ options: BenchmarkCommand.Options) async throws -> [Measurement] {
    let model = options.model
    let client = HTTPClient()
    let box = BoxClient(address: options.box, token: options.token)
    let calls = try HostCallSeries(directory: options.directory, model: model, client: client)
    try await prepare(box, model)
    var measurements: [Measurement] = []

    let directChat = try await direct(client, model, "POST", "/v1/chat/completions", Self.directChat, options)
    let hostChat = try await calls.measure("LLM.chat", Self.chat, options) { $0["content"] == "Hello!" }
    measurements.append(.latency("gateway-chat/direct", directChat))
    measurements.append(.latency("gateway-chat/safebox", hostChat))
    measurements.append(added("gateway-chat-added/safebox", hostChat, directChat))
    if !options.gateway.isEmpty {
      let other = try await direct(
        client, options.gateway, "POST", "/v1/chat/completions", Self.directChat, options)
      measurements.append(.latency("gateway-chat/litellm", other))
      measurements.append(added("gateway-chat-added/litellm", other, directChat))
    }
    measurements.append(
      try await fromTool("gateway-chat-added/safebox-run", "chatter", box, client, model, options, directChat))

    let directGet = try await direct(client, model, "GET", "/hello", nil, options)
    let hostGet = try await calls.measure("HTTP.get", ["url": .string("http://\(model)/hello")], options) {
      $0["status"] == 200
    }
    measurements.append(added("gateway-get-added/safebox", hostGet, directGet))
    measurements.append(
      try await fromTool("gateway-get-added/safebox-run", "getter", box, client, model, options, directGet))
    return measurements
  }

  // MARK: Series

  private static func direct(
    _ client: HTTPClient, _ address: String, _ method: String, _ path: String, _ body: JSON?,
    _ options: BenchmarkCommand.Options
  ) async throws -> Latencies {
    let request = HTTPClientRequest(
      method: method, url: "http://\(address)\(path)",
      headers: body == nil ? [] : [HTTPClientHeader("Content-Type", "application/json")],
      body: body?.canonicalBytes() ?? [], mayRepeat: true)
    let policy = try Loopback.policy(of: address)
    return try await series(options) {
      let response = try await client.send(request, policy: policy)
      guard response.status == 200 else {
        throw BenchmarkFailure.wrongResult(
          "\(path): \(response.status) \(String(decoding: response.body, as: UTF8.self))")
      }
    }
  }

  /// Fifty calls unmeasured, then for `seconds`.
  static func series(
    _ options: BenchmarkCommand.Options, _ operation: () async throws -> Void
  ) async throws -> Latencies {
    for _ in 0..<50 { try await operation() }
    var latencies = Latencies()
    let watch = Stopwatch()
    while watch.seconds < options.seconds {
      let start = Stopwatch.nanoseconds
      try await operation()
      latencies.add(Stopwatch.nanoseconds - start)
    }
    return latencies
  }

  /// A tool that asks again and again. The server says what passed between its requests: that is the answer's way to the
  /// tool and the next question's way back.
  private static func fromTool(
    _ id: String, _ tool: String, _ box: BoxClient, _ client: HTTPClient, _ model: String,
    _ options: BenchmarkCommand.Options, _ direct: Latencies
  ) async throws -> Measurement {
    let calls = JSON.integer(300)
    try await box.run(tool, 20, expecting: 20)
    _ = try await intervals(client, model)
    try await box.run(tool, calls, expecting: calls)
    let noted = try await intervals(client, model)
    guard noted["count"] == 299, let p50 = noted["p50"]?.number, let p99 = noted["p99"]?.number else {
      throw BenchmarkFailure.wrongResult("\(noted)")
    }
    let without = direct.microseconds(percentiles: 50, 99)
    return difference(id, [p50, p99], without)
  }

  private static func intervals(_ client: HTTPClient, _ model: String) async throws -> JSON {
    let request = HTTPClientRequest(url: "http://\(model)/intervals")
    let response = try await client.send(request, policy: try Loopback.policy(of: model))
    return try JSON(parsing: response.body, limits: .document(maxBytes: 4096))
  }

  private static func added(_ id: String, _ latencies: Latencies, _ direct: Latencies) -> Measurement {
    difference(id, latencies.microseconds(percentiles: 50, 99), direct.microseconds(percentiles: 50, 99))
  }

  /// Percentiles of one less the same percentiles of the other.
  private static func difference(_ id: String, _ with: [Double], _ without: [Double]) -> Measurement {
    var measurement = Measurement(
      id: id, rate: 1e6 / max(1, with[0]), seconds: 0,
      details: ["with_p50_us": JSON(rounding: with[0]), "without_p50_us": JSON(rounding: without[0])])
    measurement.p50 = with[0] - without[0]
    measurement.p99 = with[1] - without[1]
    return measurement
  }

  // MARK: The box

  private static func prepare(_ box: BoxClient, _ model: String) async throws {
    try await box.carryOut("community.set", ["community": .string(community), "settings": settings(model)])
    let message = chat.canonicalString()
    try await box.register(
      "chatter",
      """
      for (let i = 0; i < input; i++) if ((await Protocol.LLM.chat(\(message))).content !== 'Hello!') throw 1
      return input
      """,
      uses: [["method": "LLM.chat", "models": ["bench"]]])
    try await box.register(
      "getter",
      """
      const url = 'http://\(model)/hello'
      for (let i = 0; i < input; i++) if ((await Protocol.HTTP.get({url})).status !== 200) throw 1
      return input
      """,
      uses: [["method": "HTTP.get", "hosts": ["*"], "paths": ["*"]]])
  }

  static func settings(_ model: String) -> JSON {
    [
      "models": [["name": "bench", "shape": "openai", "url": .string("http://\(model)/v1")]],
      "egress": [.string(model)],
    ]
  }
}

/// Host calls outside of any run, on a real keychain and real streams.
struct HostCallSeries {
  private let table: HostCallTable
  private let context: HostCallContext

  init(directory: String, model: String, client: HTTPClient) throws {
    let master = SecretBytes.random(count: 32)
    let blobs = try BlobStore(path: "\(directory)/blobs", master: master)
    table = .standard(
      HostServices(
        client: client, keychain: try Keychain(path: "\(directory)/keychain", master: master),
        files: try FileStreams(path: "\(directory)/streams", blobs: blobs, now: { Stopwatch.unixMilliseconds }),
        salt: { SecureRandom.bytes(32) }))
    let uses: [JSON] = [
      ["method": "LLM.chat", "models": ["bench"]], ["method": "HTTP.get", "hosts": ["*"], "paths": ["*"]],
    ]
    let manifest = ToolManifest(
      name: "bench", version: "1", source: SHA256.hash([]),
      uses: try uses.enumerated().map { try Grant(json: $1, path: "uses[\($0)]") })
    context = HostCallContext(
      run: String(repeating: "ab", count: 32), call: 0, tool: manifest, community: "home",
      settings: try CommunitySettings(json: GatewayBenchmark.settings(model)), now: Stopwatch.unixMilliseconds)
  }

  /// The whole of a call: reading the arguments, grants and budgets, the exchange, the answer in the shape that tools see.
  func measure(
    _ name: String, _ arguments: JSON, _ options: BenchmarkCommand.Options, isRight: (JSON) -> Bool
  ) async throws -> Latencies {
    guard let method = table[name] else { throw BenchmarkFailure.usage("there is no \(name)") }
    return try await GatewayBenchmark.series(options) {
      let plan = try table.plan(name, arguments: arguments, in: context)
      if let refusal = CallGate.refusal(of: plan, method: method, in: context, ledger: UsageLedger()) { throw refusal }
      guard case .observe(let look) = plan.step, case .success(let value) = await look().result, isRight(value) else {
        throw BenchmarkFailure.wrongResult("\(name) answers something else")
      }
    }
  }
}
