import Glibc
import Testing

@testable import HTTPServer

@Suite(.serialized) struct ConnectionLimitTests {
  private static let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

  @Test func limitsConnectionsOfOnePeer() async throws {
    let served = try Served(.with { $0.limits.connectionsPerPeer = 3 }) { _ in .text("ok") }
    try await served.use { served in
      try await blocking { () throws in
        var clients: [RawClient] = []
        for _ in 0..<3 {
          let client = try RawClient(served.tcp)
          #expect(try client.exchange(Self.request).status == 200)
          clients.append(client)
        }
        #expect(try RawClient(served.tcp).receiveAll().hasPrefix("HTTP/1.1 429 "))
        // A local user is another peer than 127.0.0.1.
        #expect(try RawClient(served.unix).exchange(Self.request).status == 200)
        #expect(served.server.statistics.refused == 1)
        clients[0].close()
        // Admitted again once the server has noticed.
        var status = 429
        for _ in 0..<10_000 where status == 429 {
          let next = try RawClient(served.tcp)
          // A refused client may find its request answered by a reset.
          status = (try? next.exchange(Self.request).status) ?? 429
        }
        #expect(status == 200)
      }
    }
  }

  @Test func limitsConnectionsInAll() async throws {
    let served = try Served(.with { $0.limits.connections = 2 }) { _ in .text("ok") }
    try await served.use { served in
      try await blocking { () throws in
        let one = try RawClient(served.tcp)
        let two = try RawClient(served.unix)
        for client in [one, two] { #expect(try client.exchange(Self.request).status == 200) }
        #expect(try RawClient(served.unix).receiveAll().hasPrefix("HTTP/1.1 503 "))
        #expect(try RawClient(served.tcp).receiveAll().hasPrefix("HTTP/1.1 503 "))
      }
    }
  }

  @Test func countsNetworksNotAddresses() throws {
    var limits = HTTPServerConfiguration.Limits()
    limits.connectionsPerPeer = 1
    let ledger = ConnectionLedger(limits: limits)
    try ledger.admit(.ipv6(network: 1))
    #expect(throws: ConnectionLedger.Refusal.peer) { try ledger.admit(.ipv6(network: 1)) }
    try ledger.admit(.ipv6(network: 2))
    try ledger.admit(.ipv4(1))
    try ledger.admit(.user(1))
    #expect(ledger.open == 4)
    ledger.release(.ipv6(network: 1))
    try ledger.admit(.ipv6(network: 1))
  }

  /// A thousand clients that have begun a request and stop: little memory, others are served, and in the end all go. In a
  /// process of its own, where nothing else takes memory and descriptors.
  @Test func bearsHalfOpenConnections() async throws {
    await #expect(processExitsWith: .success) { try await Self.halfOpenConnections() }
  }

  private static func halfOpenConnections() async throws {
    let served = try Served(
      .with {
        $0.deadlines.header = .seconds(5)
        $0.limits.connectionsPerPeer = 2000
      }
    ) { _ in .text("ok") }
    try await served.use { served in
      let before = StreamingTests.residentBytes()
      let (clients, after) = try await blocking { () throws in
        var clients: [RawClient] = []
        for _ in 0..<1000 {
          let client = try RawClient(served.unix)
          try client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
          clients.append(client)
        }
        // Served after all of them were accepted.
        #expect(try RawClient(served.unix).exchange(request).status == 200)
        return (clients, StreamingTests.residentBytes())
      }
      #expect(after - before < 32 << 20)
      let answers = try await blocking { try clients.map { try $0.receiveAll().prefix(12) } }
      #expect(answers.allSatisfy { $0 == "HTTP/1.1 408" })
      for client in clients { client.close() }
      await served.server.connectionsClosed()
      #expect(served.server.statistics.timedOut == 1000)
    }
  }
}
