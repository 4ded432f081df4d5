import Testing

@testable import HTTPServer

@Suite struct ShutdownTests {
  private static let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

  @Test func finishesWhatIsInFlight() async throws {
    let entered = Event<Void>()
    let release = Event<Void>()
    let served = try Served { _ in
      entered.signal()
      _ = try? await release.value()
      return .text("finished")
    }
    let busy = try RawClient(served.tcp)
    let idle = try RawClient(served.tcp)
    try await blocking { try busy.send(Self.request + Self.request) }
    try await entered.value()
    async let down: Void = served.server.shutdown(deadline: .seconds(120))
    // The idle connection ends at once, and nobody is accepted any more.
    let idleAnswer = try await blocking { try idle.receiveAll() }
    #expect(idleAnswer == "")
    #expect(throws: RawClient.Failure.self) { try RawClient(served.tcp) }
    #expect(throws: RawClient.Failure.self) { try RawClient(served.unix) }
    release.signal()
    let answer = try await blocking { try busy.receiveAll() }
    // The request in flight is answered, the one behind it is not, and the client is told that this was the end.
    #expect(answer.ranges(of: "HTTP/1.1 200").count == 1)
    #expect(answer.contains("\r\nConnection: close\r\n") && answer.hasSuffix("finished"))
    await down
    #expect(served.server.statistics.open == 0)
  }

  @Test func endsEndlessStreamsAtOnce() async throws {
    let cancelled = Event<Bool>()
    let served = try Served { _ in
      EventStream.response { events in
        try await events.send(data: "first")
        let (never, continuation) = AsyncStream.makeStream(of: Int.self)
        defer { withExtendedLifetime(continuation) {} }
        for await _ in never {}
        cancelled.signal(Task.isCancelled)
      }
    }
    let client = try RawClient(served.tcp)
    try await blocking { () throws in
      try client.send(Self.request)
      _ = try client.receive(upTo: "data: first\n\n")
    }
    await served.server.shutdown(deadline: .seconds(3600))
    #expect(try await cancelled.value())
    // The stream is ended properly, not cut.
    #expect(try await blocking { try client.receiveAll() }.hasSuffix("0\r\n\r\n"))
  }

  @Test func cutsWhatDoesNotEnd() async throws {
    let entered = Event<Void>()
    let cancelled = Event<Bool>()
    let served = try Served { _ in
      entered.signal()
      let (never, continuation) = AsyncStream.makeStream(of: Int.self)
      defer { withExtendedLifetime(continuation) {} }
      for await _ in never {}
      cancelled.signal(Task.isCancelled)
      return .text("too late")
    }
    let client = try RawClient(served.tcp)
    try await blocking { try client.send(Self.request) }
    try await entered.value()
    await served.server.shutdown(deadline: .milliseconds(50))
    #expect(try await cancelled.value())
    #expect(try await blocking { (try? client.receiveAll()) ?? "" } == "")
  }

  @Test func cancelsTheHandlerOfAClientThatLeft() async throws {
    let entered = Event<Void>()
    let cancelled = Event<Bool>()
    let served = try Served { _ in
      entered.signal()
      let (never, continuation) = AsyncStream.makeStream(of: Int.self)
      defer { withExtendedLifetime(continuation) {} }
      for await _ in never {}
      cancelled.signal(Task.isCancelled)
      return .text("nobody")
    }
    try await served.use { served in
      let client = try RawClient(served.tcp)
      try await blocking { try client.send(Self.request) }
      try await entered.value()
      client.close()
      #expect(try await cancelled.value())
    }
  }

  @Test func mayBeCalledTwice() async throws {
    let served = try Served { _ in .text("ok") }
    await served.server.shutdown()
    await served.server.shutdown()
    #expect(served.server.statistics.open == 0)
  }
}
