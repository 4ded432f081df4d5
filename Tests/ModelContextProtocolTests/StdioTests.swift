import CanonicalJSON
import Foundation
import Glibc
import TestSupport
import Testing

@testable import ModelContextProtocol

/// The server at one end of two pipes, raw lines at the other.
private final class Wire: Sendable {
  private let toServer: FileHandle
  private let fromServer: AsyncLines
  let done: Task<Void, Never>
  private let box: FakeBox

  init(_ box: FakeBox, maxInFlight: Int = 64) throws {
    self.box = box
    let server = try box.mcp(maxInFlight: maxInFlight)
    let (up, down) = (Pipe(), Pipe())
    toServer = up.fileHandleForWriting
    fromServer = AsyncLines(down.fileHandleForReading)
    let (input, output) = (up.fileHandleForReading, down.fileHandleForWriting)
    done = Task {
      await StdioTransport(server: server, input: input.fileDescriptor, output: output.fileDescriptor).run()
      try? input.close()
      try? output.close()
    }
  }

  func send(_ line: String) { toServer.write(Data((line + "\n").utf8)) }
  func send(_ message: JSON) { send(message.canonicalString()) }
  func end() { try? toServer.close() }

  func next() async throws -> JSON {
    let line = try #require(await fromServer.next())
    return try JSON(parsing: line, limits: .document(maxBytes: 1 << 22))
  }

  /// One message there, one back.
  func ask(_ line: String) async throws -> JSON {
    send(line)
    return try await next()
  }

  func ask(_ id: JSON, _ method: String, _ params: JSON = [:]) async throws -> JSON {
    try await ask(request(id, method, params).canonicalString())
  }

  func begin(_ capabilities: JSON = [:]) async throws {
    let answer = try await ask(
      0, "initialize",
      [
        "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": ["name": "test", "version": "1"],
      ])
    try #require(answer["result"] != nil)
    send(["jsonrpc": "2.0", "method": "notifications/initialized"])
  }
}

private func request(_ id: JSON, _ method: String, _ params: JSON = [:]) -> JSON {
  ["jsonrpc": "2.0", "id": id, "method": .string(method), "params": params]
}

/// Lines of a handle, read on a thread of their own.
private final class AsyncLines: Sendable {
  private let stream: AsyncStream<[UInt8]>

  init(_ handle: FileHandle) {
    let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
    self.stream = stream
    Thread.detachNewThread {
      var lines = BoundedLines(limit: 1 << 22)
      while true {
        let data = handle.availableData
        if data.isEmpty { return continuation.finish() }
        for case .line(let line) in lines.take(Array(data)[...]) { continuation.yield(line) }
      }
    }
  }

  func next() async -> [UInt8]? { await stream.first { _ in true } }
}

@Suite struct StdioTests {
  private static let envelope: JSON = [
    RequestEnvelopeKeys.version: "2026-07-28", RequestEnvelopeKeys.capabilities: [:],
  ]
  private enum RequestEnvelopeKeys {
    static let version = "io.modelcontextprotocol/protocolVersion"
    static let capabilities = "io.modelcontextprotocol/clientCapabilities"
  }

  private func code(_ answer: JSON) -> Int64? { answer["error"]?["code"]?.integer }

  @Test func whatIsNoMessageIsRefusedAndTheNextOneIsAnswered() async throws {
    let wire = try Wire(try FakeBox())
    let faults: [(String, Int64, JSON)] = [
      ("{", -32700, .null), ("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"method\":\"ping\"}", -32700, .null),
      ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", -32600, .null), ("7", -32600, .null),
      ("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", -32600, 1),
      ("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600, .null),
      ("{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", -32600, .null),
      ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}", -32600, 1),
      ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", -32600, 1),
      ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"_meta\":1}}", -32602, 1),
      ("{\"jsonrpc\":\"2.0\",\"id\":1}", -32600, 1),
    ]
    for (line, expected, id) in faults {
      let answer = try await wire.ask(line)
      #expect(code(answer) == expected && answer["id"] == id, "\(line): \(answer.canonicalString())")
    }
    let long = try await wire.ask("{\"x\":\"" + String(repeating: "x", count: 2 << 20) + "\"}")
    #expect(code(long) == -32700)
    wire.send("")
    wire.send("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/unknown\"}")
    #expect(try await wire.ask("a", "ping") == ["jsonrpc": "2.0", "id": "a", "result": [:]])
    wire.end()
    await wire.done.value
  }

  @Test func revisionsAreToldApart() async throws {
    let wire = try Wire(try FakeBox())
    // Nothing before the handshake, unless the request says its revision itself.
    #expect(code(try await wire.ask(1, "tools/list")) == -32600)
    #expect(try await wire.ask(2, "tools/list", ["_meta": Self.envelope])["result"]?["resultType"] == "complete")
    #expect(code(try await wire.ask(3, "ping", ["_meta": Self.envelope])) == -32601)
    let future: JSON = [RequestEnvelopeKeys.version: "2027-01-01", RequestEnvelopeKeys.capabilities: [:]]
    let unsupported = try await wire.ask(4, "tools/list", ["_meta": future])
    #expect(code(unsupported) == -32022)
    #expect(unsupported["error"]?["data"]?["supported"] == ["2026-07-28", "2025-11-25"])
    // The earlier revision has no envelope.
    let earlier: JSON = [RequestEnvelopeKeys.version: "2025-11-25", RequestEnvelopeKeys.capabilities: [:]]
    #expect(code(try await wire.ask(5, "tools/list", ["_meta": earlier])) == -32022)
    let half = try await wire.ask(6, "tools/list", ["_meta": [RequestEnvelopeKeys.version: "2026-07-28"]])
    #expect(code(half) == -32602)
    #expect(half["error"]?["message"]?.string?.contains("clientCapabilities") == true)
    #expect(code(try await wire.ask(7, "server/discover")) == -32602)
    let client: JSON = ["name": "test", "version": "1"]
    // Another revision is answered with the one that is spoken here.
    let old = try await wire.ask(
      8, "initialize", ["protocolVersion": "2024-11-05", "capabilities": [:], "clientInfo": client])
    #expect(old["result"]?["protocolVersion"] == "2025-11-25")
    #expect(
      code(
        try await wire.ask(
          9, "initialize", ["protocolVersion": "2025-11-25", "capabilities": [:], "clientInfo": client])) == -32600)
    #expect(code(try await wire.ask(10, "resources/list")) == -32601)
    #expect(try await wire.ask(11, "tools/list")["result"]?["resultType"] == nil)
    wire.end()
    await wire.done.value
  }

  @Test func badParametersAreNamed() async throws {
    let box = try FakeBox()
    let wire = try Wire(box)
    try await wire.begin()
    let faults: [(JSON, String)] = [
      ([:], "params.name"), (["name": 7], "params.name"), (["name": "nobody"], "params.name"),
      (["name": "echo", "arguments": []], "params.arguments"),
      (["name": "echo", "_meta": ["progressToken": [:]]], "params._meta.progressToken"),
      (["name": "safebox_run_result"], "params.arguments.run"),
      (["name": "safebox_run_result", "arguments": ["run": "../runs"]], "params.arguments.run"),
    ]
    for (params, field) in faults {
      let answer = try await wire.ask(1, "tools/call", params)
      #expect(code(answer) == -32602)
      #expect(answer["error"]?["message"]?.string?.hasPrefix(field + ":") == true, "\(answer.canonicalString())")
    }
    #expect(
      try await wire.ask(2, "tools/list", ["cursor": 1])["error"]?["message"]?.string?.hasPrefix("params.cursor")
        == true)
    #expect(box.runs.isEmpty)
    wire.end()
    await wire.done.value
  }

  @Test func runsOfOtherCommunitiesAreNotThere() async throws {
    let box = try FakeBox()
    let wire = try Wire(box)
    try await wire.begin()
    func result(_ tool: String, _ run: String) async throws -> JSON? {
      try await wire.ask(1, "tools/call", ["name": .string(tool), "arguments": ["run": .string(run)]])["result"]
    }
    let (ours, other) = (box.plant(community: FakeBox.community), box.plant(community: "other"))
    let none = String(repeating: "0", count: 64)
    #expect(try await result("safebox_run_result", ours)?["structuredContent"] == ["result": "secret"])
    for tool in ["safebox_run_result", "safebox_run_cancel"] {
      for run in [other, none] {
        let answer = try await result(tool, run)
        #expect(
          answer?["structuredContent"] == [
            "status": "failed", "failure": ["kind": "no_run", "message": .string("there is no run \(run)")],
          ])
      }
    }
    #expect(box.runs.allSatisfy { $0.status == "finished" })
    wire.end()
    await wire.done.value
  }

  @Test func whatItsPolicyApprovesAtOnceIsNotPending() async throws {
    let box = try FakeBox()
    box.setTools([FakeBox.tool("automatic", uses: ["HTTP.send"])])
    let wire = try Wire(box)
    try await wire.begin()
    let answer = try await wire.ask(1, "tools/call", ["name": "automatic"])
    #expect(answer["result"]?["structuredContent"] == ["paid": true])
    wire.end()
    await wire.done.value
  }

  @Test func aCallThatIsTakenBackIsNotAnsweredAndTheRunGoesOn() async throws {
    let box = try FakeBox()
    let wire = try Wire(box)
    try await wire.begin()
    wire.send(request(1, "tools/call", ["name": "slow"]))
    _ = await box.run { $0.tool == "slow" }
    wire.send(["jsonrpc": "2.0", "method": "notifications/cancelled", "params": ["requestId": 1]])
    // The next answer is that of the next request.
    #expect(try await wire.ask(2, "ping")["id"] == 2)
    #expect(box.runs.map(\.status) == ["running"])
    wire.end()
    await wire.done.value
  }

  @Test func theRunGoesWithItWhereTheClientSaysSo() async throws {
    let box = try FakeBox()
    let wire = try Wire(box)
    try await wire.begin()
    for (id, asks) in [(1, true), (2, false)] as [(JSON, Bool)] {
      let meta: JSON = asks ? ["safebox/cancelRun": true] : [:]
      wire.send(request(id, "tools/call", ["name": "slow", "_meta": meta]))
      _ = await box.run { $0.status == "running" }
      let cancelled: JSON = ["requestId": id, "_meta": asks ? [:] : ["safebox/cancelRun": true]]
      wire.send(["jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled])
      _ = await box.run { _ in box.runs.allSatisfy { $0.status == "cancelled" } }
    }
    #expect(box.runs.count == 2)
    wire.end()
    await wire.done.value
  }

  @Test func theEndOfTheInputEndsTheServerButNoRun() async throws {
    let box = try FakeBox()
    let wire = try Wire(box)
    try await wire.begin()
    wire.send(request(1, "tools/call", ["name": "slow"]))
    _ = await box.run { $0.tool == "slow" }
    wire.end()
    await wire.done.value
    #expect(box.runs.map(\.status) == ["running"])
  }

  @Test func tooManyRequestsAtATimeAreRefused() async throws {
    let box = try FakeBox()
    let wire = try Wire(box, maxInFlight: 2)
    try await wire.begin()
    for id in 1...2 { wire.send(request(.integer(Int64(id)), "tools/call", ["name": "slow"])) }
    while box.runs.count < 2 { _ = await box.run { _ in box.runs.count == 2 } }
    #expect(code(try await wire.ask(3, "tools/list")) == -32005)
    #expect(code(try await wire.ask(1, "tools/list")) == -32600)
    wire.end()
    await wire.done.value
  }
}
