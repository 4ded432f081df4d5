import CanonicalJSON
import HTTPClient
import Models

/// Holds a runner to the contract, over its socket: whoever has the hardware for one runs this against it.
public struct RunnerConformance: Sendable {
  /// What one question showed.
  public enum Outcome: Sendable, Hashable {
    case passed
    case failed(String)
  }

  /// One rule of the contract.
  public struct Finding: Sendable, Hashable {
    public let rule: String
    public let outcome: Outcome
  }

  private let client: HTTPClient
  private let socket: String
  private let model: String
  private let health: String

  /// - Parameters:
  ///   - socket: path of the runner's socket.
  ///   - model: the name under which it serves its model.
  ///   - health: path that the runner's definition names.
  public init(client: HTTPClient, socket: String, model: String, health: String = "/health") {
    self.client = client
    self.socket = socket
    self.model = model
    self.health = health
  }

  /// Asks everything that a runner of these protocols must answer.
  public func check(_ protocols: [ModelProtocol]) async -> [Finding] {
    var findings = [
      await finding("health answers 200") { try await expect(200, get(health)) },
      await finding("models lists the model") { try await models() },
      await finding("unknown path answers 404") { try await expect(404, get("/v1/no-such-thing")) },
      await finding("broken JSON is refused") {
        let path =
          protocols.contains(.speech)
          ? "/v1/audio/speech" : protocols.contains(.chat) ? "/v1/chat/completions" : "/v1/embeddings"
        let status = try await post(path, Array("{\"model\":".utf8)).status
        guard (400..<600).contains(status) else { throw Breach("status \(status)") }
      },
    ]
    if protocols.contains(.chat) {
      findings.append(await finding("chat answers in OpenAI's shape") { try await chat() })
      findings.append(await finding("chat streams events and [DONE]") { try await stream() })
    }
    if protocols.contains(.embeddings) {
      findings.append(await finding("embeddings are vectors of one length, in order") { try await embeddings() })
    }
    if protocols.contains(.speech) {
      findings.append(await finding("speech is sound") { try await speech() })
      findings.append(
        await finding("speech refuses an empty text") {
          try await expect(400, post("/v1/audio/speech", ["model": .string(model), "input": "", "voice": "default"]))
        })
      findings.append(await finding("request id is echoed") { try await echo() })
    }
    return findings
  }

  private struct Breach: Error {
    let why: String
    init(_ why: String) { self.why = why }
  }

  private func finding(_ rule: String, _ check: () async throws -> Void) async -> Finding {
    do {
      try await check()
      return Finding(rule: rule, outcome: .passed)
    } catch let breach as Breach {
      return Finding(rule: rule, outcome: .failed(breach.why))
    } catch {
      return Finding(rule: rule, outcome: .failed("\(error)"))
    }
  }

  private func send(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
    try await client.send(request, policy: RunnerProbe.policy(for: socket))
  }

  private func get(_ path: String) async throws -> HTTPClientResponse {
    try await send(HTTPClientRequest(url: "http://runner\(path)", unixSocketPath: socket, mayRepeat: false))
  }

  private func post(_ path: String, _ body: JSON) async throws -> HTTPClientResponse {
    try await post(path, body.canonicalBytes())
  }

  private func post(_ path: String, _ body: [UInt8]) async throws -> HTTPClientResponse {
    let headers = [
      HTTPClientHeader("content-type", "application/json"), HTTPClientHeader(RunnerContract.Header.requestID, "c-1"),
    ]
    return try await send(
      HTTPClientRequest(
        method: "POST", url: "http://runner\(path)", headers: headers, body: body, deadline: .seconds(120),
        maxResponseBytes: 64 << 20, unixSocketPath: socket))
  }

  private func expect(_ status: Int, _ response: HTTPClientResponse) throws {
    guard response.status == status else { throw Breach("status \(response.status), not \(status)") }
  }

  private func json(_ response: HTTPClientResponse) throws -> JSON {
    try expect(200, response)
    return try JSON(parsing: response.body, limits: JSONLimits(maxBytes: 64 << 20, allowsNoncharacters: true))
  }

  private func models() async throws {
    let data = try await json(get("/v1/models"))["data"]?.array ?? []
    guard data.contains(where: { $0["id"]?.string == model }) else {
      throw Breach("\(data.compactMap { $0["id"]?.string })")
    }
  }

  private var question: JSON {
    ["model": .string(model), "messages": [["role": "user", "content": "what is the news?"]], "max_tokens": 8]
  }

  private func chat() async throws {
    let answer = try await json(post("/v1/chat/completions", question))
    guard answer["object"]?.string == "chat.completion", let choice = answer["choices"]?.array?.first,
      choice["message"]?["role"]?.string == "assistant", choice["message"]?["content"]?.string != nil,
      choice["finish_reason"]?.string != nil
    else { throw Breach(answer.summary) }
    guard let tokens = answer["usage"]?["completion_tokens"]?.integer, (1...8).contains(tokens) else {
      throw Breach("usage.completion_tokens is \(answer["usage"]?["completion_tokens"]?.summary ?? "missing")")
    }
  }

  private func stream() async throws {
    guard var object = question.object else { return }
    object["stream"] = true
    let response = try await post("/v1/chat/completions", .object(object))
    try expect(200, response)
    guard response.header("content-type")?.hasPrefix("text/event-stream") == true else {
      throw Breach("content-type is \(response.header("content-type") ?? "missing")")
    }
    let events = response.body.split(separator: 10).filter { $0.starts(with: Array("data: ".utf8)) }.map {
      $0.dropFirst(6)
    }
    guard events.last.map({ $0.elementsEqual("[DONE]".utf8) }) == true, events.count > 2 else {
      throw Breach("\(events.count) events")
    }
    for event in events.dropLast() {
      let json = try JSON(parsing: Array(event), limits: .document(maxBytes: 1 << 20))
      guard json["object"]?.string == "chat.completion.chunk" else { throw Breach(json.summary) }
    }
  }

  private func embeddings() async throws {
    let answer = try await json(post("/v1/embeddings", ["model": .string(model), "input": ["one", "two words"]]))
    let data = answer["data"]?.array ?? []
    let lengths = Set(data.map { $0["embedding"]?.array?.count ?? 0 })
    guard data.count == 2, lengths.count == 1, lengths.first != 0, data.map({ $0["index"]?.integer }) == [0, 1] else {
      throw Breach("\(data.count) vectors of \(lengths)")
    }
  }

  private func speech() async throws {
    let response = try await post("/v1/audio/speech", ["model": .string(model), "input": "Good morning."])
    try expect(200, response)
    guard response.body.starts(with: Array("RIFF".utf8)), response.body.count > 1000 else {
      throw Breach("\(response.body.count) bytes that are no WAV file")
    }
  }

  private func echo() async throws {
    let response = try await post("/v1/audio/speech", ["model": .string(model), "input": "One."])
    guard response.header(RunnerContract.Header.requestID) == "c-1" else {
      throw Breach(response.header(RunnerContract.Header.requestID) ?? "missing")
    }
    for name in [
      RunnerContract.Header.runnerID, RunnerContract.Header.modelID, RunnerContract.Header.compute,
      RunnerContract.Header.queueWait, RunnerContract.Header.capacityHint,
    ] where response.header(name) == nil { throw Breach("\(name) is missing") }
  }
}
