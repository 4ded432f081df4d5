import CanonicalJSON
import TestSupport
import Testing

@testable import ModelContextProtocol

/// Runs that wait for people.
@Suite(.serialized, .enabled(if: PythonPeer.isReady, PythonPeer.absence))
struct DecisionTests {
  @Test(arguments: Way.allCases) func aDecisionIsAskedForAndTheSameRunGoesOn(_ way: Way) async throws {
    let box = try FakeBox()
    let agent = try Agent(way, box, elicits: "accept", steps: [["call": "pay"]])
    var shown: [JSON] = []
    let result = try await agent.step { said in
      guard let elicitation = said["elicitation"] else { return }
      shown.append(elicitation)
      box.approve()
    }
    let proposal = FakeBox.proposal(box.runIDs[0], 1)
    #expect(shown.count == 1)
    #expect(shown.first?["mode"] == "url")
    #expect(shown.first?["url"] == .string("\(box.url)/v1/proposals/\(proposal)"))
    #expect(shown.first?["message"]?.string?.contains(proposal) == true)
    #expect((shown.first?["elicitationId"] != nil) == !way.isStateless)
    #expect(result["structuredContent"] == ["paid": true])
    #expect(box.runs.count == 1)
  }

  @Test(arguments: [Way.stdioHandshake, .httpStateless]) func everyDecisionOfARunIsAskedFor(_ way: Way) async throws {
    let box = try FakeBox()
    let agent = try Agent(way, box, elicits: "accept", steps: [["call": "twice"]])
    var urls: [String] = []
    let result = try await agent.step { said in
      guard let url = said["elicitation"]?["url"]?.string else { return }
      urls.append(url)
      box.approve()
    }
    let run = box.runIDs[0]
    #expect(urls == [1, 2].map { "\(box.url)/v1/proposals/\(FakeBox.proposal(run, $0))" })
    #expect(result["structuredContent"] == ["paid": true])
    #expect(box.runs.count == 1)
  }

  @Test(arguments: Way.allCases) func whoCannotShowAURLIsToldWhereToDecide(_ way: Way) async throws {
    let box = try FakeBox()
    let agent = try Agent(
      way, box, wait: .seconds(1),
      steps: [
        ["call": "pay"], ["call": "safebox_run_result", "run": true], ["call": "safebox_run_cancel", "run": true],
      ])
    let pending = try await agent.step()
    let run = box.runIDs[0]
    let proposal = FakeBox.proposal(run, 1)
    let url = "\(box.url)/v1/proposals/\(proposal)"
    #expect(
      pending["structuredContent"] == [
        "status": "pending", "run": .string(run),
        "proposals": [["digest": .string(proposal), "method": "HTTP.send", "url": .string(url)]],
      ])
    #expect(pending["isError"] == false)
    #expect(pending["content"]?.array?.first?["text"]?.string?.contains(url) == true)
    #expect(try await agent.step()["structuredContent"]?["status"] == "pending")
    #expect(try await agent.step()["structuredContent"]?["status"] == "cancelled")
    #expect(box.runs.count == 1)
  }

  @Test(arguments: [Way.stdioStateless, .httpHandshake]) func theResultIsFetchedLater(_ way: Way) async throws {
    let box = try FakeBox()
    let agent = try Agent(
      way, box, steps: [["call": "pay"], ["call": "safebox_run_result", "run": true]])
    #expect(try await agent.step()["structuredContent"]?["status"] == "pending")
    box.approve()
    #expect(try await agent.step()["structuredContent"] == ["paid": true])
    #expect(box.runs.count == 1)
  }

  @Test(arguments: [Way.stdioStateless, .httpHandshake]) func aUserWhoDeclinesHasDecidedNothing(_ way: Way) async throws
  {
    let box = try FakeBox()
    let agent = try Agent(
      way, box, wait: .seconds(way.isStateless ? 1 : 60), elicits: "decline", steps: [["call": "pay"]])
    let result = try await agent.step()
    #expect(result["structuredContent"]?["status"] == "pending")
    #expect(result["content"]?.array?.first?["text"]?.string?.hasPrefix("The user did not open") == true)
    #expect(box.runs.map(\.status) == ["waiting"])
  }
}
