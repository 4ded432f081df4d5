import CanonicalJSON
import HTTPServer
import Synchronization
import TestSupport

@testable import Inference

/// A runner that does as it is told, on a real unix socket, and remembers what it was asked.
final class FakeRunner: HTTPHandler {
  struct Asked: Sendable {
    var path: String
    var headers: HTTPHeaders
    var body: JSON
  }

  typealias Script = @Sendable (Asked) async throws -> HTTPResponse

  let socket: String
  private let directory: TemporaryDirectory
  private let script: Script
  private let asked = Mutex<[Asked]>([])
  private let server = Mutex<HTTPServer?>(nil)

  init(_ script: @escaping Script) throws {
    directory = try TemporaryDirectory()
    socket = directory.file("fake.sock")
    self.script = script
  }

  /// Starts it; ended with `stop`.
  func start() throws {
    var configuration = HTTPServerConfiguration(listeners: [.unix(path: socket, mode: 0o600)])
    configuration.limits.body = 64 << 20
    let server = HTTPServer(configuration: configuration, handler: self)
    _ = try server.start()
    self.server.withLock { $0 = server }
  }

  func stop() async {
    let server = self.server.withLock { server in
      defer { server = nil }
      return server
    }
    await server?.shutdown(deadline: .zero)
  }

  var requests: [Asked] { asked.withLock { $0 } }

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    do {
      let bytes = try await request.body.collect()
      let body = bytes.isEmpty ? JSON.null : try JSON(parsing: bytes, limits: .document(maxBytes: 64 << 20))
      let asked = Asked(path: request.target, headers: request.headers, body: body)
      self.asked.withLock { $0.append(asked) }
      return try await script(asked)
    } catch {
      return .text("\(error)", status: 500)
    }
  }

  func endpoint(
    _ name: String = "fake", _ protocols: Set<ModelProtocol> = Set(ModelProtocol.allCases),
    dialect: RunnerEndpoint.Dialect = .openAI, slots: Int = 0, concurrency: Int? = nil
  ) -> RunnerEndpoint {
    RunnerEndpoint(
      name: "runner-\(name)", socket: socket, model: Box.model(name, protocols), dialect: dialect, slots: slots,
      concurrency: concurrency, servedName: "served-\(name)",
      cacheDirectory: slots > 0 ? directory.path : nil)
  }

  // MARK: Answers

  /// A chat's whole answer.
  static func answer(_ text: String, prompt: Int64 = 40, cached: Int64 = 0, finish: String = "stop") -> JSON {
    [
      "id": "x", "object": "chat.completion", "created": 1, "model": "secret-path.gguf",
      "choices": [
        ["index": 0, "message": ["role": "assistant", "content": .string(text)], "finish_reason": .string(finish)]
      ],
      "usage": ["prompt_tokens": .integer(prompt), "completion_tokens": 2, "total_tokens": .integer(prompt + 2)],
      "timings": ["cache_n": .integer(cached)],
    ]
  }

  /// A chunk of a chat's stream.
  static func chunk(_ delta: JSON, finish: JSON = .null) -> [UInt8] {
    EventStream.encode(
      data: JSON.object([
        "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "secret-path.gguf",
        "choices": [["index": 0, "delta": delta, "finish_reason": finish]],
      ]).canonicalString())
  }

  static let usageChunk: [UInt8] = EventStream.encode(
    data: JSON.object([
      "choices": [],
      "usage": [
        "prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "prompt_tokens_details": ["cached_tokens": 4],
      ],
    ]).canonicalString())
  static let done = EventStream.encode(data: "[DONE]")

  /// A stream that is written piece by piece.
  static func stream(_ write: @escaping @Sendable (HTTPBodyWriter) async throws -> Void) -> HTTPResponse {
    HTTPResponse(status: 200, headers: ["Content-Type": "text/event-stream"], body: .stream(write))
  }

  static func stream(_ pieces: [[UInt8]]) -> HTTPResponse {
    stream { writer in for piece in pieces { try await writer.write(piece) } }
  }

  static func json(_ json: JSON, status: Int = 200) -> HTTPResponse { .json(json.canonicalBytes(), status: status) }
}
