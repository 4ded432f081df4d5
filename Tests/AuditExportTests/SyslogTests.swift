import CanonicalJSON
import Foundation
import Governance
import TestSupport
import Testing

@testable import AuditExport

/// Against a collector that reads the protocols as their texts say.
@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct SyslogTests {
  @Test(arguments: ["tcp", "tls", "udp", "unix"]) func everyTransportCarriesEveryKind(_ name: String) async throws {
    let directory = try TemporaryDirectory()
    let peer = try PythonPeer("syslog_peer", ["transport": .string(name), "path": .string(directory.file("log"))])
    let sink = SyslogSink(try Self.transport(name, peer, directory), facility: .local3)
    let count = UInt64(TestEntries.bodies.count)
    // Two batches on one connection.
    try await sink.deliver(TestEntries.batch(0..<5))
    try await sink.deliver(TestEntries.batch(5..<count))
    for index in 0..<count {
      let event = try TestEntries.event(index)
      let message = try await peer.next()
      #expect(message["error"] == nil && message["connection"] == 0, "\(message)")
      #expect(message["kind"]?.string == event.kind.rawValue && message["application"] == "safebox")
      #expect(message["host"]?.string == TestEntries.box && message["time"] == .string(EventTime.text(event.at) ?? ""))
      let severity: Int64 = [.informational: 6, .low: 5, .medium: 4, .high: 3][event.meaning.severity] ?? 0
      #expect(message["priority"] == .integer(19 * 8 + severity))
      #expect(message["data"]?["meta"]?["sequenceId"] == .string(String(index + 1)))
      #expect(message["data"]?["safebox@32473"]?["leaf"]?.string == event.leafHash.hex)
      #expect(message["values"]?["externalId"] == .string(String(index)))
      #expect(message["values"]?["cs1"]?.string == event.leafHash.hex && message["values"]?["cs1Label"] == "leafHash")
      #expect(message["values"]?["suser"]?.string == event.meaning.actor.text)
      #expect(message["header"]?.array?.map(\.string)[3] == event.kind.rawValue)
    }
    await sink.close()
  }

  /// What an attacker may write into an entry ends no field, no message and no line: the collector reads the same values.
  @Test func namesForgeNothing() async throws {
    let peer = try PythonPeer("syslog_peer", ["transport": "tcp"])
    let sink = SyslogSink(try Self.transport("tcp", peer, nil))
    let hostile = [
      "a|b", "a=b", "\\", "\\|\\=", "x\n<0>1 - - - - - - forged", "x\r\ny", "x suser=root", "x] [forged@1 a=\"b\"",
      "99 <13>1 - - - - - -", "\\n", "end\\", "CEF:0|a|b|c|d|e|10|suser=root", "é=\u{1F600}|",
    ]
    let events = try hostile.enumerated().map { index, text in
      let body: JSON = [
        "run": .string(text), "community": .string(text), "engine": .string(text), "client": "client:agent",
      ]
      return try AuditEvent(TestEntries.stored(UInt64(index), .runStarted, body), box: "box] \"\\|=\n" + text)
    }
    try await sink.deliver(#require(ExportBatch(events: events, checkpoint: [])))
    for (index, text) in hostile.enumerated() {
      let message = try await peer.next()
      #expect(message["error"] == nil, "\(message)")
      let values = try #require(message["values"])
      for key in ["cs3", "cs4", "cs5"] { #expect(values[key]?.string == text, "\(key)") }
      #expect(values["deviceExternalId"]?.string == "box] \"\\|=\n" + text)
      #expect(values["suser"] == "client:agent" && values["externalId"] == .string(String(index)))
      #expect(message["data"]?.object?.keys == ["meta", "safebox@32473"])
      let box = "box] \"\\|=" + text.filter { !"\n\r\r\n".contains($0) }
      #expect(message["data"]?["safebox@32473"]?["box"]?.string == box)
    }
    #expect(peer.pending == 0)
  }

  @Test func theBatchBeforeABreakComesAgain() async throws {
    let peer = try PythonPeer("syslog_peer", ["transport": "tcp", "hangUpAfter": 6])
    let sink = SyslogSink(try Self.transport("tcp", peer, nil))
    try await sink.deliver(TestEntries.batch(0..<3))
    // The collector hangs up within this one: it may have been confirmed or not, as the machine's buffers go.
    try? await sink.deliver(TestEntries.batch(3..<6))
    var seen: [Int64] = []
    while seen.count < 6 { seen.append(try await Self.index(peer.next())) }
    // What a pump does: the batch that was not acknowledged, then the next.
    var next: UInt64 = 6
    while next < 12 {
      do {
        try await sink.deliver(TestEntries.batch(next..<next + 3))
        next += 3
      } catch {
        continue
      }
    }
    var later: Set<Int64> = []
    while !later.isSuperset(of: [6, 7, 8, 9, 10, 11]) { later.insert(try await Self.index(peer.next())) }
    #expect(seen == [0, 1, 2, 3, 4, 5] && later.isSubset(of: Set(0...11)))
    #expect(!later.isDisjoint(with: [0, 1, 2, 3, 4, 5]))
  }

  @Test func aCollectorThatDoesNotReadTimesOut() async throws {
    let directory = try TemporaryDirectory()
    let stall = try directory.write([], to: "stall")
    let peer = try PythonPeer(
      "syslog_peer", ["transport": "tcp", "stall": .string(stall), "smallBuffers": true])
    let sink = SyslogSink(try Self.transport("tcp", peer, nil), deadline: .milliseconds(300))
    await #expect(throws: ExportFault.timedOut("the collector took the messages")) {
      // More than both sides' buffers hold.
      try await sink.deliver(TestEntries.batch(0..<40_000))
    }
  }

  @Test func aCollectorWithAnotherNameOrIssuerGetsNothing() async throws {
    let peer = try PythonPeer("syslog_peer", ["transport": "tls", "names": ["other.test"]])
    let other = try PythonPeer("syslog_peer", ["transport": "tls"])
    let port = UInt16(peer.ready["port"]?.integer ?? 0)
    let own = peer.ready["certificate"]?.string ?? ""
    let strange = other.ready["certificate"]?.string ?? ""
    for (host, authorities) in [("localhost", own), ("127.0.0.1", strange), ("127.0.0.1", "/nowhere.pem")] {
      let sink = SyslogSink(.tls(host: host, port: port, authorities: authorities))
      let fault = await failure { try await sink.deliver(TestEntries.batch(0..<1)) }
      guard case .connection? = fault else {
        Issue.record("\(host): \(String(describing: fault))")
        continue
      }
    }
    #expect(peer.pending == 0)
    // And by its own name and issuer it does.
    try await SyslogSink(.tls(host: "127.0.0.1", port: port, authorities: own)).deliver(TestEntries.batch(0..<1))
    #expect(try await Self.index(peer.next()) == 0)
  }

  @Test func nobodyListening() async throws {
    let directory = try TemporaryDirectory()
    for transport in [SyslogSink.Transport.unix(path: directory.file("none")), .tcp(host: "127.0.0.1", port: 1)] {
      let sink = SyslogSink(transport)
      let fault = await failure { try await sink.deliver(TestEntries.batch(0..<1)) }
      guard case .connection? = fault else {
        Issue.record("\(transport): \(String(describing: fault))")
        continue
      }
    }
  }

  static func index(_ message: JSON) throws -> Int64 {
    try #require(message["values"]?["externalId"]?.string.flatMap { Int64($0) }, "\(message)")
  }

  static func transport(
    _ name: String, _ peer: PythonPeer, _ directory: TemporaryDirectory?
  ) throws -> SyslogSink.Transport {
    let port = UInt16(peer.ready["port"]?.integer ?? 0)
    switch name {
    case "tcp": return .tcp(host: "127.0.0.1", port: port)
    case "tls":
      return .tls(host: "localhost", port: port, authorities: peer.ready["certificate"]?.string ?? "")
    case "udp": return .udp(host: "127.0.0.1", port: port)
    default: return .unix(path: try #require(directory).file("log"))
    }
  }
}

/// The fault of a delivery, if any.
func failure(_ body: () async throws -> Void) async -> ExportFault? {
  do {
    try await body()
    return nil
  } catch {
    return error as? ExportFault
  }
}
