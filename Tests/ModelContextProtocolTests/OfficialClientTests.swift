import CanonicalJSON
import Foundation
import Glibc
import HTTPServer
import Synchronization
import TestSupport
import Testing

@testable import ModelContextProtocol

/// The ways in which an agent can talk to the server.
enum Way: String, CaseIterable, Sendable {
  case stdioStateless
  case stdioHandshake
  case httpStateless
  case httpHandshake

  var isHTTP: Bool { self == .httpStateless || self == .httpHandshake }
  var isStateless: Bool { self == .stdioStateless || self == .httpStateless }
}

/// The official Python client, connected to a server of ours.
private final class Agent: Sendable {
  static let token = "agent-token-0123456789"

  private let peer: PythonPeer
  private let http: HTTPServer?
  private let box: FakeBox

  init(
    _ way: Way, _ box: FakeBox, wait: Duration = .seconds(15), elicits: String? = nil, mode: String? = nil,
    steps: [JSON]
  ) throws {
    self.box = box
    let server = try box.mcp(wait: wait)
    var configuration: JSONObject = [
      "mode": .string(mode ?? (way.isStateless ? "2026-07-28" : "legacy")), "steps": .array(steps),
    ]
    if let elicits { configuration["elicits"] = .string(elicits) }
    if way.isHTTP {
      let server = HTTPServer(
        configuration: HTTPServerConfiguration(listeners: [.tcp(address: "127.0.0.1", port: 0)]),
        handler: HTTPTransport(server: server, token: Array(Self.token.utf8)))
      guard case .tcp(_, let port) = try server.start()[0] else { throw HTTPServerError.noListener }
      configuration["url"] = .string("http://127.0.0.1:\(port)/mcp")
      configuration["token"] = .string(Self.token)
      http = server
    } else {
      configuration["port"] = .integer(Int64(try Self.listen(server)))
      http = nil
    }
    peer = try PythonPeer("mcp_client", .object(configuration))
  }

  deinit {
    let http = http
    Task { await http?.shutdown(deadline: .zero) }
  }

  /// Serves the first that connects, as a process serves its standard input and output.
  private static func listen(_ server: MCPServer) throws -> UInt16 {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port = try withUnsafeMutablePointer(to: &address) { address in
      try address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        try #require(bind(listener, address, length) == 0 && Glibc.listen(listener, 1) == 0)
        try #require(getsockname(listener, address, &length) == 0)
      }
      return UInt16(bigEndian: address.pointee.sin_port)
    }
    Thread.detachNewThread {
      let connection = accept(listener, nil, nil)
      close(listener)
      Task {
        await StdioTransport(server: server, input: connection, output: connection).run()
        close(connection)
      }
    }
    return port
  }

  func next() async throws -> JSON { try await peer.next() }

  /// What came of the next step; what is said in between goes to `other`.
  func step(_ other: (JSON) throws -> Void = { _ in }) async throws -> JSON {
    while true {
      let said = try await next()
      guard said["progress"] != nil || said["elicitation"] != nil || said["connected"] != nil else { return said }
      try other(said)
    }
  }
}

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
      way, box, wait: .seconds(way.isStateless ? 1 : 15), elicits: "decline", steps: [["call": "pay"]])
    let result = try await agent.step()
    #expect(result["structuredContent"]?["status"] == "pending")
    #expect(result["content"]?.array?.first?["text"]?.string?.hasPrefix("The user did not open") == true)
    #expect(box.runs.map(\.status) == ["waiting"])
  }

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
