import Synchronization
import Testing

@testable import HTTPServer

@Suite struct EventStreamTests {
  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test func encodesEvents() {
    #expect(Self.text(EventStream.encode(data: "a")) == "data: a\n\n")
    #expect(Self.text(EventStream.encode(id: "7", event: "entry", data: "{}")) == "event: entry\nid: 7\ndata: {}\n\n")
    #expect(Self.text(EventStream.encode(data: "a\nb\r\nc\rd")) == "data: a\ndata: b\ndata: c\ndata: d\n\n")
    #expect(Self.text(EventStream.encode(data: "")) == "data: \n\n")
    #expect(Self.text(EventStream.encode(data: "\r\r\n\n")) == "data: \ndata: \ndata: \ndata: \n\n")
    #expect(Self.text(EventStream.comment()) == ": \n\n")
    #expect(Self.text(EventStream.comment("a\nb")) == ": a\n: b\n\n")
    #expect(Self.text(EventStream.retry(milliseconds: 1500)) == "retry: 1500\n\n")
  }

  /// What a stranger wrote into an id or a name must not begin another field or event.
  @Test(arguments: ["1\ndata: forged", "1\r\n\r\ndata: forged", "1\0", "1\rdata: forged"])
  func cannotBeMadeToForgeEvents(_ hostile: String) {
    for bytes in [EventStream.encode(id: hostile, data: "x"), EventStream.encode(event: hostile, data: "x")] {
      #expect(bytes.filter { $0 == ASCII.lineFeed }.count == 3)
      #expect(!bytes.contains(ASCII.carriageReturn) && !bytes.contains(0))
    }
  }

  @Test func streamsAndNoticesThatTheClientIsGone() async throws {
    let cancelled = Event<Bool>()
    let served = try Served { _ in
      EventStream.response(heartbeat: nil) { events in
        try await events.send(id: "1", data: "first")
        try await events.send(id: "2", data: "second")
        let (never, continuation) = AsyncStream.makeStream(of: Int.self)
        defer { withExtendedLifetime(continuation) {} }
        for await _ in never {}
        cancelled.signal(Task.isCancelled)
      }
    }
    for address in [served.tcp, served.unix] {
      let client = try RawClient(address)
      let received = try await blocking { () throws in
        try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        return try client.receive(upTo: "data: second\n\n")
      }
      #expect(received.contains("\r\nContent-Type: text/event-stream\r\n"))
      #expect(received.contains("id: 1\ndata: first\n\n"))
      client.close()
    }
    for _ in 0..<2 { #expect(try await cancelled.value()) }
    await served.server.connectionsClosed()
    #expect(served.server.statistics.open == 0)
    await served.server.shutdown(deadline: .zero)
  }

  @Test func beatsWhileNothingHappens() async throws {
    let served = try Served { _ in
      EventStream.response(heartbeat: .milliseconds(20)) { events in
        try await events.send(data: "first")
        let (never, continuation) = AsyncStream.makeStream(of: Int.self)
        defer { withExtendedLifetime(continuation) {} }
        for await _ in never {}
      }
    }
    try await served.use { served in
      try await blocking { () throws in
        let client = try RawClient(served.tcp)
        try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try client.receive(upTo: "data: first\n\n")
        for _ in 0..<3 { _ = try client.receive(upTo: ": \n\n") }
      }
    }
  }

  @Test func endsWithItsClosure() async throws {
    let served = try Served { _ in EventStream.response { try await $0.send(data: "only") } }
    try await served.use { served in
      let answer = try await blocking { () throws in
        let client = try RawClient(served.tcp)
        try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return try client.receiveAll()
      }
      #expect(answer.hasSuffix("data: only\n\n\r\n0\r\n\r\n"))
    }
  }

  @Test func canBeTestedWithoutAServer() async throws {
    let written = Mutex("")
    let response = EventStream.response(heartbeat: nil) { try await $0.send(event: "e", data: "d") }
    guard case .stream(let write) = response.body else {
      Issue.record("not a stream")
      return
    }
    try await write(HTTPBodyWriter { bytes in written.withLock { $0 += Self.text(bytes) } })
    #expect(written.withLock { $0 } == "event: e\ndata: d\n\n")
    #expect(response.endsOnShutdown)
  }
}
