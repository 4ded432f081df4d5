import CanonicalJSON
import HTTPServer
import Synchronization

/// Stands in for a model's vendor: answers each chat at once with the same words, in OpenAI's shape. It notes what passes
/// between two requests: where each follows the answer to the one before, that is the way through everything else.
/// Prints its address; ends when killed.
enum ModelServer {
  static let answer: JSON = [
    "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_767_225_600, "model": "bench",
    "choices": [
      ["index": 0, "message": ["role": "assistant", "content": "Hello!"], "finish_reason": "stop"]
    ],
    "usage": ["prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11],
  ]

  private struct Intervals {
    var last: UInt64?
    var latencies = Latencies()

    mutating func note() {
      let now = Stopwatch.nanoseconds
      if let last { latencies.add(now - last) }
      last = now
    }
  }

  static func run() async throws {
    let body = answer.canonicalBytes()
    let intervals = Mutex(Intervals())
    var router = Router()
    router.on("POST", "/v1/chat/completions", bodyLimit: 1 << 20) { request in
      intervals.withLock { $0.note() }
      _ = try await request.body.collect()
      return .json(body)
    }
    router.on("GET", "/hello") { _ in
      intervals.withLock { $0.note() }
      return .json(Array(#"{"hello":"world"}"#.utf8))
    }
    // What was noted since this was last asked for.
    router.on("GET", "/intervals") { _ in
      let noted = intervals.withLock { intervals in
        defer { intervals = Intervals() }
        return intervals.latencies
      }
      let percentiles = noted.microseconds(percentiles: 50, 99)
      return .json(
        ([
          "count": .integer(Int64(noted.count)), "p50": JSON(rounding: percentiles[0]),
          "p99": JSON(rounding: percentiles[1]), "min": JSON(rounding: noted.least),
        ] as JSON).canonicalBytes())
    }
    let server = HTTPServer(
      configuration: HTTPServerConfiguration(listeners: [.tcp(address: "127.0.0.1", port: 0)]), handler: router)
    for address in try server.start() { OutputLine.write("\(address)") }
    while !Task.isCancelled { try await Task.sleep(for: .seconds(3600)) }
  }
}
