import CanonicalJSON
import TestSupport
import Testing

@testable import ModelContextProtocol

/// Calls that are taken back, and calls that are repeated.
@Suite(.serialized, .enabled(if: PythonPeer.isReady, PythonPeer.absence))
struct RepeatedCallTests {
  /// The client takes the request back: over HTTP of the later revision by closing it, otherwise by a message.
  @Test(arguments: Way.allCases) func aCallTakenBackTakesItsRunAlongIfAsked(_ way: Way) async throws {
    let box = try FakeBox()
    let agent = try Agent(
      way, box,
      steps: [
        ["call": "slow", "cancels": true, "meta": ["safebox/cancelRun": true]], ["call": "slow", "cancels": true],
        ["call": "number"],
      ])
    #expect(try await agent.step() == ["cancelled": true])
    _ = await box.run { $0.status == "cancelled" }
    #expect(try await agent.step() == ["cancelled": true])
    #expect(try await agent.step()["structuredContent"] == ["result": 7])
    #expect(box.runs.map(\.status) == ["cancelled", "running", "finished"])
  }

  @Test(arguments: [Way.stdioStateless, .httpStateless]) func aRepeatedCallGoesOnWithItsRun(_ way: Way) async throws {
    let box = try FakeBox()
    let steps: [JSON] = [
      ["call": "pay", "raw": true, "arguments": ["n": 1]],
      ["call": "pay", "raw": true, "arguments": ["n": 1], "again": true],
      ["call": "pay", "raw": true, "arguments": ["n": 1], "again": true, "responses": "accept"],
    ]
    let agent = try Agent(way, box, wait: .seconds(1), elicits: "accept", steps: steps)
    let first = try await agent.step()
    #expect(first["resultType"] == "input_required")
    let question = "approval-\(FakeBox.proposal(box.runIDs[0], 1))"
    #expect(first["inputRequests"]?.object?.keys == [question])
    #expect(first["inputRequests"]?[question]?["method"] == "elicitation/create")
    // Nobody has decided: the same is asked again, of the same run.
    let second = try await agent.step()
    #expect(second["resultType"] == "input_required")
    #expect(second["inputRequests"] == first["inputRequests"])
    // The user has seen it and nobody has decided: the model is told how to go on.
    #expect(try await agent.step()["structuredContent"]?["status"] == "pending")
    #expect(box.runs.count == 1)
  }

  @Test func stateOfAnotherCallIsRefused() async throws {
    let box = try FakeBox()
    let steps: [JSON] = [
      ["call": "pay", "raw": true, "arguments": ["n": 1]],
      ["call": "pay", "raw": true, "arguments": ["n": 2], "again": true],
    ]
    let agent = try Agent(.httpStateless, box, wait: .seconds(1), elicits: "accept", steps: steps)
    _ = try await agent.step()
    let refused = try await agent.step()
    #expect(refused["error"]?["code"] == -32602)
    #expect(refused["error"]?["message"]?.string?.hasPrefix("params.requestState:") == true)
    #expect(box.runs.count == 1)
  }
}
