import CanonicalJSON
import Foundation
import Governance
import Testing

@testable import HostCalls

/// Models behind peers that answer in the recorded shapes of the vendors.
@Suite(.timeLimit(.minutes(5)))
struct LLMCallTests {
  static let key = "sk-canary-0123456789"

  static let openAIAnswer = """
    {"id":"c","object":"chat.completion","model":"gpt-x-2026","choices":[{"index":0,"message":{"role":"assistant",
    "content":"Hello!","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":2006,"completion_tokens":300,
    "total_tokens":2306,"prompt_tokens_details":{"cached_tokens":1920},"completion_tokens_details":{"reasoning_tokens":0}}}
    """
  static let anthropicAnswer = """
    {"id":"msg_1","type":"message","role":"assistant","model":"claude-y","content":[{"type":"text","text":"Let me "},
    {"type":"text","text":"see."},{"type":"tool_use","id":"tu_1","name":"add","input":{"a":1}}],"stop_reason":"tool_use",
    "stop_sequence":null,"usage":{"input_tokens":50,"cache_creation_input_tokens":248,"cache_read_input_tokens":1800,
    "cache_creation":{"ephemeral_5m_input_tokens":148,"ephemeral_1h_input_tokens":100},"output_tokens":503}}
    """

  static func settings(_ peer: ScriptedPeer, _ shape: String, _ more: JSONObject = [:]) -> JSON {
    var route = more
    route["name"] = "m*"
    route["shape"] = .string(shape)
    route["url"] = route["url"] ?? .string(peer.url + (shape == "anthropic" ? "/" : "/v1"))
    route["prices"] = [
      "input": 3_000_000, "cacheRead": 300_000, "cacheWrite": 3_750_000, "output": 15_000_000,
    ]
    return ["models": [.object(route)]]
  }

  static let hello: JSON = ["model": "m", "messages": [["role": "user", "content": "Hi"]], "maxTokens": 10]

  static func streamed(_ arguments: JSON = hello) -> JSON {
    var object = arguments.object ?? [:]
    object["stream"] = true
    return .object(object)
  }

  /// A box with the key, bound to the peer.
  static func box(_ peer: ScriptedPeer) throws -> CallBox {
    let box = try CallBox()
    try box.put("llm", key, hosts: ["http://\(peer.address)"])
    return box
  }

  @Test func openAIIsAskedAndReadAsDocumented() async throws {
    let peer = try ScriptedPeer { _ in ScriptedPeer.answer(Self.openAIAnswer) }
    let box = try Self.box(peer)
    let outcome = try await box.look(
      "LLM.chat", Self.hello, Self.settings(peer, "openai", ["secret": "llm", "model": "gpt-x"]))
    #expect(
      outcome.value == [
        "content": "Hello!", "stopReason": "end", "model": "gpt-x-2026",
        "usage": ["input": 86, "cacheRead": 1920, "cacheWrite": 0, "output": 300, "microusd": 5334],
      ])
    #expect(outcome.usage.tokens == 2306 && outcome.usage.microUSD == 5334 && outcome.secrets == ["llm@1"])
    let request = try #require(peer.requests.first)
    #expect(request.method == "POST" && request.target == "/v1/chat/completions")
    #expect(request.header("Authorization") == "Bearer \(Self.key)")
    #expect(request.header("Content-Type") == "application/json" && request.header("Accept") == "application/json")
    #expect(
      request.text
        == #"{"max_completion_tokens":10,"messages":[{"content":"Hi","role":"user"}],"model":"gpt-x"}"#)
  }

  @Test func anthropicIsAskedAndReadAsDocumented() async throws {
    let peer = try ScriptedPeer { _ in ScriptedPeer.answer(Self.anthropicAnswer) }
    let box = try Self.box(peer)
    let outcome = try await box.look("LLM.chat", Self.hello, Self.settings(peer, "anthropic", ["secret": "llm"]))
    #expect(
      outcome.value == [
        "content": "Let me see.", "stopReason": "tool", "model": "claude-y",
        "toolCalls": [["id": "tu_1", "name": "add", "arguments": ["a": 1]]],
        "usage": ["input": 50, "cacheRead": 1800, "cacheWrite": 248, "output": 503, "microusd": 9390],
      ])
    let request = try #require(peer.requests.first)
    #expect(request.target == "/v1/messages")
    #expect(request.header("x-api-key") == Self.key && request.header("Authorization") == nil)
    #expect(request.header("anthropic-version") == "2023-06-01")
    #expect(
      request.text
        == #"{"max_tokens":10,"messages":[{"content":[{"text":"Hi","type":"text"}],"role":"user"}],"model":"m"}"#)
  }

  @Test func aRunnerIsAskedOnItsSocket() async throws {
    let box = try CallBox()
    let socket = box.directory.file("m.sock")
    let peer = try ScriptedPeer(unixPath: socket) { _ in
      ScriptedPeer.answer(
        #"{"choices":[{"message":{"content":"hm"},"finish_reason":"length"}],"timings":{"cache_n":3},"#
          + #""usage":{"prompt_tokens":4,"completion_tokens":10,"total_tokens":14}}"#)
    }
    let settings = Self.settings(peer, "local", ["url": "http://runner/v1", "socket": .string(socket)])
    let outcome = try await box.look("LLM.chat", Self.hello, settings)
    #expect(outcome.value?["stopReason"] == "length" && outcome.value?["model"] == "m")
    #expect(outcome.usage.cacheReadTokens == 3 && outcome.usage.inputTokens == 1)
    let request = try #require(peer.requests.first)
    #expect(request.target == "/v1/chat/completions" && request.header("Host") == "runner")
    #expect(request.header("Authorization") == nil && request.header("X-Safebox-Timeout-Ms") == "300000")
    #expect(request.header("X-Safebox-Request-Id") == String(repeating: "ab", count: 32) + "-3")
    #expect(request.text.contains(#""max_tokens":10"#))
  }

  @Test func anAnswerWithoutUsageCostsTheReserve() async throws {
    let peer = try ScriptedPeer { _ in
      ScriptedPeer.answer(#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#)
    }
    let box = try CallBox()
    let settings = Self.settings(peer, "openai")
    let plan = try box.table.plan("LLM.chat", arguments: Self.hello, in: try box.context(settings))
    #expect(plan.facts == [["models": "m"]] && plan.reserve.outputTokens == 10 && plan.reserve.microUSD > 0)
    let outcome = try await box.look("LLM.chat", Self.hello, settings)
    #expect(outcome.usage == plan.reserve && outcome.value?["usage"]?["estimated"] == true)
  }

  @Test func withoutARouteNothingLeaves() throws {
    let box = try CallBox()
    #expect(try box.refusal("LLM.chat", Self.hello)?.code == "no_route")
    let settings: JSON = ["models": [["name": "x", "shape": "anthropic", "url": "https://api.example"]]]
    #expect(try box.refusal("LLM.embed", ["model": "x", "input": "a"], settings)?.code == "no_route")
  }

  @Test func theKeyGoesToItsHostOnly() async throws {
    let peer = try ScriptedPeer { _ in ScriptedPeer.answer(Self.openAIAnswer) }
    let box = try CallBox()
    try box.put("llm", Self.key, hosts: ["api.openai.com"])
    let outcome = try await box.look("LLM.chat", Self.hello, Self.settings(peer, "openai", ["secret": "llm"]))
    #expect(outcome.error?.code == "not_granted" && outcome.usage.isZero && peer.requests.isEmpty)
  }

  @Test(arguments: ["openai", "anthropic", "local"])
  func errorsOfVendorsKeepTheirMeaning(shape: String) async throws {
    let body = #"{"type":"error","error":{"type":"rate_limit_error","message":"slow down sk-canary-0123456789"}}"#
    for (status, headers, code, retryAfter) in [
      (429, ["Retry-After: 17"], "rate_limited", 17), (429, [], "rate_limited", nil),
      (429, ["Retry-After: Sat, 21 Nov 2026 10:00:30 GMT"], "rate_limited", 30), (500, [], "upstream", nil),
      (529, ["retry-after: 3"], "upstream", 3), (400, [], "upstream", nil), (302, ["Location: /x"], "upstream", nil),
    ] as [(Int, [String], String, Int64?)] {
      for isStreamed in [false, true] {
        let peer = try ScriptedPeer { _ in ScriptedPeer.answer(body, status: status, headers: headers) }
        let box = try Self.box(peer)
        let outcome = try await box.look(
          "LLM.chat", isStreamed ? Self.streamed() : Self.hello, Self.settings(peer, shape, ["secret": "llm"]))
        let error = try #require(outcome.error)
        #expect(error.code == code && error.details["status"] == .integer(Int64(status)))
        #expect(error.details["retryAfter"] == retryAfter.map(JSON.integer))
        #expect(error.message.contains("slow down [redacted]") && error.details["type"] == "rate_limit_error")
        // A refusal costs nothing, and is not repeated.
        #expect(outcome.usage.isZero && peer.requests.count == 1)
      }
    }
  }

  @Test(arguments: ["openai", "anthropic"])
  func whatCannotBeReadIsAnErrorAndIsPaidFor(shape: String) async throws {
    let cut = String((shape == "openai" ? Self.openAIAnswer : Self.anthropicAnswer).dropLast(40))
    for steps in [
      ScriptedPeer.answer(cut), ScriptedPeer.answer("<html>", type: "text/html"), ScriptedPeer.answer("{}"),
      ScriptedPeer.answer("[1]"), ScriptedPeer.answer(""),
      [.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n" + cut), .hangUp],
      [ScriptedPeer.open(type: "application/json"), .write(cut), .hangUp], [.hangUp],
    ] {
      let peer = try ScriptedPeer { _ in steps }
      let box = try CallBox()
      let outcome = try await box.look("LLM.chat", Self.hello, Self.settings(peer, shape))
      #expect(outcome.error?.code == "upstream", "\(steps): \(outcome.result)")
      #expect(outcome.usage.outputTokens == 10 && peer.requests.count == 1)
    }
  }

  @Test func onlyWhatWasNeverSentIsTriedAgain() async throws {
    // Nobody listens: nothing was sent, nothing is charged.
    let gone = try ScriptedPeer { _ in [] }
    gone.stop()
    let box = try CallBox()
    let outcome = try await box.look(
      "LLM.chat", Self.hello, Self.settings(gone, "openai", ["url": "http://127.0.0.1:1/v1"]))
    #expect(outcome.error?.code == "unreachable" && outcome.usage.isZero)
    // Silence: it was sent, so it is not sent again.
    let silent = try ScriptedPeer { _ in [.gate] }
    var slow = Self.hello.object ?? [:]
    slow["timeout"] = 1
    let late = try await box.look("LLM.chat", .object(slow), Self.settings(silent, "openai"))
    #expect(late.error?.code == "timeout" && late.usage.outputTokens == 10 && silent.requests.count == 1)
  }

  @Test func embeddingsComeInTheOrderOfTheTexts() async throws {
    let peer = try ScriptedPeer { _ in
      ScriptedPeer.answer(
        #"{"object":"list","model":"e-1","data":[{"index":1,"embedding":[0.5,-1]},{"index":0,"embedding":[1e-3,2]}],"#
          + #""usage":{"prompt_tokens":7,"total_tokens":7}}"#)
    }
    let box = try Self.box(peer)
    let settings = Self.settings(peer, "openai", ["secret": "llm"])
    let outcome = try await box.look("LLM.embed", ["model": "m", "input": ["a", "b"]], settings)
    #expect(outcome.value?["embeddings"] == [[.double(0.001), 2], [.double(0.5), -1]])
    #expect(outcome.value?["usage"]?["input"] == 7 && outcome.usage.microUSD == 21)
    #expect(peer.requests.first?.target == "/v1/embeddings")
    #expect(peer.requests.first?.text == #"{"encoding_format":"float","input":["a","b"],"model":"m"}"#)
    // One vector for two texts is not an answer.
    let short = try await box.look("LLM.embed", ["model": "m", "input": "a"], settings)
    #expect(short.error?.code == "upstream")
  }
}
