import CanonicalJSON
import TestSupport
import Testing

@testable import ModelContextProtocol

/// The official client lists and calls tools.
@Suite(.serialized, .enabled(if: PythonPeer.isReady, PythonPeer.absence))
struct OfficialClientTests {
  @Test(arguments: Way.allCases) func toolsAreListedAndCalled(_ way: Way) async throws {
    let box = try FakeBox()
    let arguments: JSON = ["text": "gr\u{FC}\u{DF}e", "n": .double(1.5)]
    let agent = try Agent(
      way, box,
      steps: [
        ["list": true], ["list": true], ["call": "echo", "arguments": arguments], ["call": "number"],
        ["call": "broken"], ["call": "nobody"], ["call": "safebox_run_result", "arguments": ["run": "x"]],
      ])
    let connected = try await agent.next()
    #expect(connected["connected"] == .string(way.isStateless ? "2026-07-28" : "2025-11-25"))
    let listing = try await agent.step()
    #expect(try await agent.step() == listing)
    let names = (listing["tools"]?.array ?? []).compactMap { $0["name"]?.string }
    #expect(
      names == [
        "broken", "calls", "echo", "number", "pay", "safebox_run_cancel", "safebox_run_result", "slow", "twice",
      ])
    if way.isStateless {
      #expect(listing["ttlMs"] == 5000 && listing["cacheScope"] == "private")
    }

    let echo = try await agent.step()
    #expect(echo["structuredContent"] == arguments && echo["isError"] == false)
    #expect(echo["content"]?.array?.first?["text"] == .string(arguments.canonicalString()))
    let run = box.runIDs[0]
    #expect(echo["_meta"]?["safebox/run"] == .string(run))
    #expect(echo["_meta"]?["safebox/execution"]?.string?.count == 64)
    #expect(box.runs[0].community == FakeBox.community && box.runs[0].key?.count == 64)

    #expect(try await agent.step()["structuredContent"] == ["result": 7])
    let broken = try await agent.step()
    #expect(broken["isError"] == true)
    #expect(
      broken["content"]?.array?.first?["text"] == "exception: boom \\u{1b}[31m\\u{a}{\"ok\":true}")
    #expect(broken["structuredContent"]?["failure"]?["kind"] == "exception")
    #expect(try await agent.step()["error"]?["code"] == -32602)
    #expect(try await agent.step()["error"]?["code"] == -32602)
    #expect(try await agent.step() == ["closed": true])
  }

  @Test(arguments: Way.allCases) func everyHostCallIsProgress(_ way: Way) async throws {
    let box = try FakeBox()
    let agent = try Agent(way, box, steps: [["call": "calls", "progress": true]])
    var told: [JSON] = []
    let result = try await agent.step { if $0["progress"] != nil { told.append($0) } }
    #expect(result["structuredContent"] == ["calls": 3])
    #expect(told.compactMap { $0["progress"]?.number } == [1, 2, 3])
    #expect(told.first?["message"] == "HTTP.get api.example /0\\u{202e}")
  }

  @Test(arguments: [Way.stdioStateless, .httpStateless]) func aClientThatAsksFirstGetsTheLaterRevision(
    _ way: Way
  ) async throws {
    let agent = try Agent(way, try FakeBox(), mode: "auto", steps: [["call": "number"]])
    let connected = try await agent.next()
    #expect(connected == ["connected": "2026-07-28", "server": "safebox"], "\(connected.canonicalString())")
    #expect(try await agent.step()["structuredContent"] == ["result": 7])
  }

  @Test func whatTheBoxRefusesIsForTheModelToRead() async throws {
    let box = try FakeBox()
    box.setTools([FakeBox.tool("large"), FakeBox.tool("refused")])
    let agent = try Agent(.httpHandshake, box, steps: [["call": "refused"], ["call": "large"]])
    let refused = try await agent.step()
    #expect(refused["isError"] == true)
    #expect(refused["structuredContent"]?["failure"] == ["kind": "stopped", "message": "the box is stopped"])
    let large = try await agent.step()
    #expect(large["structuredContent"]?["bytes"] == 300_002)
    #expect(large["content"]?.array?.first?["text"]?.string?.contains("safebox run show") == true)
  }
}
