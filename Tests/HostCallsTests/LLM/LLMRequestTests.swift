import CanonicalJSON
import Governance
import Testing

@testable import HostCalls

/// What leaves for each shape of model, byte for byte, from one and the same argument.
@Suite struct LLMRequestTests {
  static let arguments: JSON = [
    "model": "smart", "system": ["Be brief."].first.map(JSON.string) ?? .null, "maxTokens": 100,
    "temperature": .double(0.5), "stop": "END", "metadata": ["user": "u1", "note": "n"],
    "toolChoice": ["name": "add"],
    "tools": [["name": "add", "description": "adds", "parameters": ["type": "object"]]],
    "messages": [
      [
        "role": "user",
        "content": [
          ["type": "text", "text": "What is this?"], ["type": "image", "mimeType": "image/png", "base64": "AQI="],
        ],
      ],
      ["role": "assistant", "toolCalls": [["id": "c1", "name": "add", "arguments": ["a": 1]]]],
      ["role": "tool", "id": "c1", "content": "2"], ["role": "tool", "id": "c2", "content": "bad", "isError": true],
      ["role": "user", "content": "Go on."],
    ],
    "cache": [
      ["after": 3], ["after": "tools", "ttl": "1h"], ["after": "system", "ttl": "1h"], ["after": 0, "ttl": "5m"],
    ],
  ]

  private static func body(_ shape: any ChatShape, _ change: (inout JSONObject) -> Void = { _ in }) throws -> JSON {
    var object = arguments.object ?? [:]
    change(&object)
    let request = try HostArguments.read(.object(object)) { reader throws(FieldError) in try ChatRequest(&reader) }
    return shape.body(request, model: "m-1")
  }

  @Test func openAI() throws {
    let expected: JSON = [
      "model": "m-1", "max_completion_tokens": 100, "temperature": .double(0.5), "stop": ["END"], "user": "u1",
      "tools": [
        [
          "type": "function",
          "function": ["name": "add", "description": "adds", "parameters": ["type": "object"]],
        ]
      ], "tool_choice": ["type": "function", "function": ["name": "add"]],
      "messages": [
        ["role": "system", "content": "Be brief."],
        [
          "role": "user",
          "content": [
            ["type": "text", "text": "What is this?"],
            ["type": "image_url", "image_url": ["url": "data:image/png;base64,AQI="]],
          ],
        ],
        [
          "role": "assistant", "content": .null,
          "tool_calls": [
            ["id": "c1", "type": "function", "function": ["name": "add", "arguments": #"{"a":1}"#]]
          ],
        ],
        ["role": "tool", "tool_call_id": "c1", "content": "2"],
        ["role": "tool", "tool_call_id": "c2", "content": "bad"], ["role": "user", "content": "Go on."],
      ],
    ]
    #expect(try Self.body(OpenAIChat(outputLimit: "max_completion_tokens")) == expected)
    let streamed = try Self.body(OpenAIChat(outputLimit: "max_tokens")) { $0["stream"] = true }
    #expect(streamed["stream"] == true && streamed["stream_options"] == ["include_usage": true])
    #expect(streamed["max_tokens"] == 100 && streamed["max_completion_tokens"] == nil)
  }

  @Test func anthropicWithBreakpoints() throws {
    let hour: JSON = ["type": "ephemeral", "ttl": "1h"]
    let short: JSON = ["type": "ephemeral"]
    let expected: JSON = [
      "model": "m-1", "max_tokens": 100, "temperature": .double(0.5), "stop_sequences": ["END"],
      "metadata": ["user_id": "u1"], "tool_choice": ["type": "tool", "name": "add"],
      "tools": [
        ["name": "add", "description": "adds", "input_schema": ["type": "object"], "cache_control": hour]
      ], "system": [["type": "text", "text": "Be brief.", "cache_control": hour]],
      "messages": [
        [
          "role": "user",
          "content": [
            ["type": "text", "text": "What is this?"],
            [
              "type": "image", "source": ["type": "base64", "media_type": "image/png", "data": "AQI="],
              "cache_control": short,
            ],
          ],
        ],
        [
          "role": "assistant",
          "content": [["type": "tool_use", "id": "c1", "name": "add", "input": ["a": 1]]],
        ],
        [
          "role": "user",
          "content": [
            ["type": "tool_result", "tool_use_id": "c1", "content": [["type": "text", "text": "2"]]],
            [
              "type": "tool_result", "tool_use_id": "c2", "content": [["type": "text", "text": "bad"]],
              "is_error": true, "cache_control": short,
            ], ["type": "text", "text": "Go on."],
          ],
        ],
      ],
    ]
    #expect(try Self.body(AnthropicChat()) == expected)
    #expect(try Self.body(AnthropicChat()) { $0["stream"] = true }["stream"] == true)
    let plain = try Self.body(AnthropicChat()) { $0["cache"] = nil }
    #expect(!plain.canonicalString().contains("cache_control"))
  }

  @Test(
    arguments: [
      ("arguments.cache", [["after": "system"], ["after": 0, "ttl": "1h"]]),
      ("arguments.cache", [["after": 0], ["after": "tools", "ttl": "5m"], ["after": 1, "ttl": "1h"]]),
      ("arguments.cache", [["after": 0], ["after": 1], ["after": 2], ["after": 3], ["after": 4]]),
      ("arguments.cache[0].after", [["after": 5]]), ("arguments.cache[0].after", [["after": -1]]),
      ("arguments.cache[1].after", [["after": 0], ["after": 0]]),
      ("arguments.cache[0].ttl", [["after": 0, "ttl": "2h"]]), ("arguments.cache[0].after", [["after": "end"]]),
    ] as [(String, JSON)])
  func breakpointsThatTheVendorWouldRefuse(field: String, cache: JSON) throws {
    let error = #expect(throws: HostCallError.self) {
      _ = try Self.body(AnthropicChat()) { $0["cache"] = cache }
    }
    #expect(error?.code == "bad_argument" && error?.message.hasPrefix("\(field): ") == true, "\(error?.message ?? "")")
  }

  @Test(
    arguments: [
      ("arguments.messages", "messages", []), ("arguments.messages[0].role", "messages", [["role": "system"]]),
      ("arguments.messages[0].content", "messages", [["role": "user"]]),
      ("arguments.messages[0].id", "messages", [["role": "tool", "content": "x"]]),
      ("arguments.messages[0].toolCalls", "messages", [["role": "user", "content": "x", "toolCalls": []]]),
      (
        "arguments.messages[0].content[0].mimeType", "messages",
        [["role": "user", "content": [["type": "image", "mimeType": "text/html", "base64": "AA=="]]]]
      ),
      (
        "arguments.messages[0].content[0].base64", "messages",
        [["role": "user", "content": [["type": "image", "mimeType": "image/png", "base64": "A"]]]]
      ),
      ("arguments.model", "model", "a b"), ("arguments.temperature", "temperature", 3),
      ("arguments.maxTokens", "maxTokens", 0), ("arguments.stop", "stop", []), ("arguments.seed", "seed", 1),
      ("arguments.toolChoice", "toolChoice", ["name": "other"]), ("arguments.metadata", "metadata", ["a": 1]),
    ] as [(String, String, JSON)])
  func badArgumentsNameTheirField(field: String, name: String, value: JSON) throws {
    let error = #expect(throws: HostCallError.self) {
      _ = try Self.body(AnthropicChat()) {
        $0["cache"] = nil
        $0[name] = value
      }
    }
    #expect(error?.message.hasPrefix("\(field): ") == true, "\(error?.message ?? "")")
  }

  @Test func routesAreReadStrictly() throws {
    func field(_ route: JSON) throws -> String? {
      do {
        _ = try CommunitySettings(json: ["models": [route]])
        return nil
      } catch {
        return error.field
      }
    }
    let good: JSONObject = ["name": "*", "shape": "local", "url": "http://runner.local/v1", "socket": "/run/m.sock"]
    #expect(try field(.object(good)) == nil)
    for (name, value) in [
      ("name", ""), ("shape", "other"), ("url", "ftp://x"), ("url", "http://x/?a=b"), ("socket", "run"),
      ("secret", "A B"), ("more", 1), ("shape", "openai"),
    ] as [(String, JSON)] {
      var route = good
      route[name] = value
      let expected = name == "shape" && value == "openai" ? "socket" : name
      #expect(try field(.object(route)) == "settings.models[0].\(expected)")
    }
    let runner: JSONObject = ["name": "*", "shape": "runner", "model": "embed"]
    #expect(try field(.object(runner)) == nil)
    for (name, value) in [("url", "http://x"), ("socket", "/run/m.sock"), ("secret", "a")] as [(String, JSON)] {
      var route = runner
      route[name] = value
      #expect(try field(.object(route)) == "settings.models[0].\(name)")
    }
    var priced = good
    priced["prices"] = ["input": -1]
    #expect(try field(.object(priced)) == "settings.models[0].prices.input")
  }
}
