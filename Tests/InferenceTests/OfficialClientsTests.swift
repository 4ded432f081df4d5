import CanonicalJSON
import Cryptography
import HTTPServer
import TestSupport
import Testing

@testable import Inference

/// The vendors' own Python clients against the gateway: real models where they can show it, a scripted runner where a model
/// with random weights cannot (calls of tools, failures).
@Suite(
  .enabled(if: LlamaServer.isReady, "\(LlamaServer.absence)"),
  .enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct OfficialClientsTests {
  @Test(arguments: ["openai_client", "anthropic_client"])
  func theClientIsContent(_ peer: String) async throws {
    let chat = try await LlamaServer.chat()
    let embeddings = try await LlamaServer.embeddings()
    let fake = try FakeRunner(Self.scripted)
    try fake.start()
    let box = try Box([
      chat.endpoint(slots: 2), embeddings.endpoint("minilm", protocols: [.embeddings]),
      fake.endpoint("fake", Set(ModelProtocol.allCases)),
    ])
    let digests: JSON = ["tiny": .string(SHA256.hash(utf8: "tiny").hex)]
    let suite = try PythonPeer(peer, ["url": .string("http://\(box.address)"), "digests": digests])
    let names = (suite.ready["ready"]?.array ?? []).compactMap(\.string)
    var passed: [String] = []
    while true {
      let event = try await suite.next()
      if event["done"]?.bool == true { break }
      let name = event["check"]?.string ?? ""
      if event["passed"]?.bool == true {
        passed.append(name)
      } else {
        Issue.record("\(peer).\(name): \(event["why"]?.string ?? "")")
      }
    }
    #expect(passed == names && names.count > 8)
    await box.shutDown()
    await fake.stop()
  }

  /// Calls a tool where there is one and it was not called yet; else does what the stop sequence says.
  private static let scripted: FakeRunner.Script = { asked in
    guard asked.path == "/v1/chat/completions" else {
      return HTTPResponse(
        status: 200, headers: ["Content-Type": "audio/wav"], body: .bytes(Array("RIFF....WAVE".utf8)))
    }
    let isStreamed = asked.body["stream"]?.bool == true
    switch asked.body["stop"]?.array?.first?.string {
    case "fail": return .text("segmentation fault at /srv/secret", status: 500)
    case "slow":
      try await Task.sleep(for: .seconds(30))
      return .text("late")
    case "break":
      return FakeRunner.stream { writer in
        try await writer.write(FakeRunner.chunk(["content": "Hel"]))
        throw HTTPStreamError.closed
      }
    default: break
    }
    let result = asked.body["messages"]?.array?.last { $0["role"]?.string == "tool" }?["content"]?.string
    if asked.body["tools"] != nil, result == nil { return isStreamed ? streamedCall : FakeRunner.json(call) }
    if let result { return FakeRunner.json(FakeRunner.answer("It is \(result).")) }
    guard isStreamed else { return FakeRunner.json(FakeRunner.answer(asked.body.canonicalString())) }
    return FakeRunner.stream([
      FakeRunner.chunk(["role": "assistant", "content": .null]), FakeRunner.chunk(["content": "Hello"]),
      FakeRunner.chunk(["content": " world"]), FakeRunner.chunk([:], finish: "stop"), FakeRunner.usageChunk,
      FakeRunner.done,
    ])
  }

  private static let call: JSON = [
    "choices": [
      [
        "index": 0, "finish_reason": "tool_calls",
        "message": [
          "role": "assistant", "content": .null,
          "tool_calls": [
            [
              "id": "call_1", "type": "function",
              "function": ["name": "weather", "arguments": #"{"city":"Bern"}"#],
            ]
          ],
        ],
      ]
    ],
    "usage": ["prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15],
  ]

  private static var streamedCall: HTTPResponse {
    func piece(_ function: JSON, _ more: JSONObject = [:]) -> [UInt8] {
      var call = more
      call["index"] = 0
      call["function"] = function
      return FakeRunner.chunk(["tool_calls": [.object(call)]])
    }
    return FakeRunner.stream([
      FakeRunner.chunk(["role": "assistant", "content": .null]),
      piece(["name": "weather", "arguments": ""], ["id": "call_1", "type": "function"]),
      piece(["arguments": #"{"city":"#]), piece(["arguments": #""Bern"}"#]),
      FakeRunner.chunk([:], finish: "tool_calls"), FakeRunner.usageChunk, FakeRunner.done,
    ])
  }
}
