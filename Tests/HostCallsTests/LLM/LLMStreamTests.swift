import CanonicalJSON
import Foundation
import Testing

@testable import HostCalls

/// Answers that arrive piece by piece.
@Suite(.timeLimit(.minutes(5)))
struct LLMStreamTests {
  private static let openAI = [
    #"{"model":"gpt-x","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
    #"{"choices":[{"index":0,"delta":{"content":"Caf"}}]}"#, #"{"choices":[{"index":0,"delta":{"content":"é!"}}]}"#,
    #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"add","arguments":""}}]}}]}"#,
    #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}}]}"#,
    #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
    #"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    #"{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29,"#
      + #""prompt_tokens_details":{"cached_tokens":16}}}"#,
    "[DONE]",
  ].map { "data: \($0)\n\n" }

  private static let anthropic = [
    (
      "message_start",
      #"{"type":"message_start","message":{"model":"claude-y","usage":{"input_tokens":25,"cache_creation_input_tokens":8,"#
        + #""cache_read_input_tokens":90,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":8},"#
        + #""output_tokens":1}}}"#
    ),
    ("content_block_start", #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#),
    ("ping", #"{"type":"ping"}"#),
    ("content_block_delta", #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Caf"}}"#),
    ("content_block_delta", #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"é!"}}"#),
    ("content_block_stop", #"{"type":"content_block_stop","index":0}"#),
    (
      "content_block_start",
      #"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"c1","name":"add","input":{}}}"#
    ),
    (
      "content_block_delta",
      #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#
    ),
    (
      "content_block_delta",
      #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":":1}"}}"#
    ),
    ("content_block_stop", #"{"type":"content_block_stop","index":1}"#),
    ("message_delta", #"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#),
    ("message_stop", #"{"type":"message_stop"}"#),
  ].map { "event: \($0)\ndata: \($1)\n\n" }

  private static func events(_ shape: String) -> [String] { shape == "anthropic" ? anthropic : openAI }

  /// The stream, and then the end of the connection.
  private static func peer(_ events: [String]) throws -> ScriptedPeer {
    try ScriptedPeer { _ in [ScriptedPeer.open()] + events.map { .write($0) } + [.hangUp] }
  }

  @Test(arguments: ["openai", "local", "anthropic"])
  func theWholeIsWhatThePiecesSay(shape: String) async throws {
    let peer = try Self.peer(Self.events(shape))
    let box = try CallBox()
    let outcome = try await box.look("LLM.chat", LLMCallTests.streamed(), LLMCallTests.settings(peer, shape))
    let answer = try #require(outcome.value)
    #expect(answer["content"] == "Caf\u{E9}!" && answer["stopReason"] == "tool")
    #expect(answer["toolCalls"] == [["id": "c1", "name": "add", "arguments": ["a": 1]]])
    #expect(box.progress.compactMap { $0["text"]?.string }.joined() == "Caf\u{E9}!")
    if shape == "anthropic" {
      #expect(outcome.usage.tokens == 25 + 8 + 90 + 9 && outcome.usage.cacheWriteTokens == 8)
      // 25 * 3 + 90 * 0.3 + 8 * 6 + 9 * 15
      #expect(outcome.usage.microUSD == 285 && answer["model"] == "claude-y")
    } else {
      #expect(outcome.usage.tokens == 29 && outcome.usage.cacheReadTokens == 16 && answer["model"] == "gpt-x")
    }
    let request = try #require(peer.requests.first)
    #expect(request.header("Accept") == "text/event-stream" && request.text.contains(#""stream":true"#))
    #expect(request.text.contains("stream_options") == (shape != "anthropic"))
  }

  @Test func watchersSeeTextBeforeTheEnd() async throws {
    let events = Self.openAI
    let peer = try ScriptedPeer { _ in
      [ScriptedPeer.open()] + events[..<2].map { .write($0) } + [.gate] + events[2...].map { .write($0) } + [.hangUp]
    }
    let box = try CallBox()
    async let outcome = box.look("LLM.chat", LLMCallTests.streamed(), LLMCallTests.settings(peer, "openai"))
    while box.progress.isEmpty { await Task.yield() }
    #expect(box.progress == [["text": "Caf"]])
    peer.proceed()
    #expect(try await outcome.value?["content"] == "Caf\u{E9}!")
  }

  @Test(arguments: ["openai", "anthropic"])
  func aStreamThatEndsEarlyIsNeverAnAnswer(shape: String) async throws {
    let events = Self.events(shape)
    for count in 0..<events.count {
      let peer = try Self.peer(Array(events[..<count]))
      let box = try CallBox()
      let outcome = try await box.look("LLM.chat", LLMCallTests.streamed(), LLMCallTests.settings(peer, shape))
      #expect(outcome.error?.code == "upstream", "after \(count) events")
      // What was begun may have been paid for.
      #expect(outcome.usage.outputTokens == 10)
    }
    // Cut within the last event.
    let half = try Self.peer(events.dropLast() + [String(events[events.count - 1].dropLast(2))])
    let outcome = try await CallBox().look("LLM.chat", LLMCallTests.streamed(), LLMCallTests.settings(half, shape))
    #expect(outcome.error?.code == "upstream")
  }

  @Test func errorsWithinAStreamAreErrors() async throws {
    for (shape, event, code) in [
      ("anthropic", #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, "upstream"),
      ("anthropic", #"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#, "rate_limited"),
      ("openai", #"{"error":{"message":"broke","type":"server_error"}}"#, "upstream"), ("openai", "{", "upstream"),
      ("anthropic", #"{"type":"content_block_delta","index":7,"delta":{"type":"input_json_delta"}}"#, "upstream"),
    ] {
      let peer = try Self.peer(Array(Self.events(shape)[..<2]) + ["data: \(event)\n\n"] + Self.events(shape)[2...])
      let outcome = try await CallBox().look(
        "LLM.chat", LLMCallTests.streamed(), LLMCallTests.settings(peer, shape))
      #expect(outcome.error?.code == code, "\(event)")
    }
    let wrong = try ScriptedPeer { _ in ScriptedPeer.answer(LLMCallTests.openAIAnswer) }
    let outcome = try await CallBox().look(
      "LLM.chat", LLMCallTests.streamed(), LLMCallTests.settings(wrong, "openai"))
    #expect(outcome.error?.message.contains("text/event-stream") == true)
  }

  @Test func aReflectedKeyIsRedactedAcrossPieces() async throws {
    // The peer gives the key back, one character an event.
    let peer = try ScriptedPeer { request in
      let text = "key " + (request.header("Authorization") ?? "").dropFirst(7) + " \u{E9}nd"
      let events = text.map { #"data: {"choices":[{"delta":{"content":"\#($0)"}}]}"# + "\n\n" }
      let end = #"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"# + "\n\ndata: [DONE]\n\n"
      return [ScriptedPeer.open()] + (events + [end]).map { .write($0) } + [.hangUp]
    }
    let box = try LLMCallTests.box(peer)
    let outcome = try await box.look(
      "LLM.chat", LLMCallTests.streamed(), LLMCallTests.settings(peer, "openai", ["secret": "llm"]))
    #expect(outcome.value?["content"] == "key [redacted] \u{E9}nd")
    #expect(box.progress.compactMap { $0["text"]?.string }.joined() == "key [redacted] \u{E9}nd")
    #expect(peer.requests.first?.header("Authorization") == "Bearer \(LLMCallTests.key)")
  }
}
