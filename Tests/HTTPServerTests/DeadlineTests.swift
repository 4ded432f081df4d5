import Glibc
import Testing

@testable import HTTPServer

/// A client that is slow on purpose costs a bounded time. Deadlines are short here; what is waited for is their effect.
@Suite struct DeadlineTests {
  /// Where nothing has to happen before the deadline.
  private static let short = Duration.milliseconds(150)
  /// Where the client has to send something in time first, which takes it long on a machine that is busy.
  private static let ample = Duration.seconds(3)

  @Test func endsASlowHead() async throws {
    let served = try Served(.with { $0.deadlines.header = Self.ample }) { _ in .text("ok") }
    try await served.use { served in
      try await blocking { () throws in
        let half = try RawClient(served.tcp)
        try half.send("GET / HTTP/1.1\r\nHos")
        // The second request of a connection is held to it too.
        let second = try RawClient(served.tcp)
        #expect(try second.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
        try second.send("G")
        let silent = try RawClient(served.tcp)
        #expect(try half.receiveAll().hasPrefix("HTTP/1.1 408 "))
        #expect(try second.receiveAll().hasPrefix("HTTP/1.1 408 "))
        // Nothing at all is closed without a word.
        #expect(try silent.receiveAll() == "")
      }
      #expect(served.server.statistics.timedOut == 2)
    }
  }

  /// Slowloris: a byte now and then does not extend the deadline.
  @Test func doesNotCountDripsAsProgress() async throws {
    let served = try Served(
      .with {
        $0.deadlines.header = Self.ample
        $0.deadlines.body = Self.ample
      }
    ) { request in .text("\((try? await request.body.collect())?.count ?? -1)") }
    try await served.use { served in
      for head in ["GET / HTTP/1.1\r\nX: ", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n"] {
        let (drips, answer) = try await blocking { () throws in
          let client = try RawClient(served.tcp)
          try client.send(head)
          var drips = 0
          // Each drip waits 20 ms for the server to lose patience.
          var poll = pollfd(fd: client.socket, events: Int16(POLLIN), revents: 0)
          while drips < 500, Glibc.poll(&poll, 1, 20) == 0 {
            try client.send("x")
            drips += 1
          }
          return (drips, try client.receiveAll())
        }
        #expect(drips < 500)
        #expect(answer.hasPrefix("HTTP/1.1 408 "), "\(answer)")
      }
    }
  }

  @Test func endsAStalledBody() async throws {
    let seen = Event<HTTPBodyError?>()
    let served = try Served(.with { $0.deadlines.body = Self.short }) { request in
      do throws(HTTPBodyError) {
        _ = try await request.body.collect()
        seen.signal(nil)
      } catch {
        seen.signal(error)
      }
      return .text("the answer of the handler")
    }
    try await served.use { served in
      let answer = try await blocking { () throws in
        let client = try RawClient(served.tcp)
        try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        return try client.receiveAll()
      }
      #expect(answer.hasPrefix("HTTP/1.1 408 ") && answer.contains("\r\nConnection: close\r\n"))
      #expect(try await seen.value() == .timedOut)
    }
  }

  /// A body deadline is for the client. While the handler does not read, or has not asked for the body, none runs.
  @Test func doesNotBlameTheClientForTheHandler() async throws {
    let release = Event<Void>()
    let served = try Served(
      .with {
        $0.deadlines.body = Self.ample
        $0.deadlines.header = Self.ample
        $0.limits.body = 1 << 30
      }
    ) { request in
      _ = try? await release.value()
      return .text("\((try? await request.body.collect())?.count ?? -1)")
    }
    try await served.use { served in
      try await blocking { () throws in
        let waiting = try RawClient(served.unix)
        try waiting.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        // A second connection outlives its deadline meanwhile, which shows that time has passed.
        let idle = try RawClient(served.unix)
        #expect(try idle.receiveAll() == "")
        release.signal()
        #expect(try waiting.receive(upTo: "\r\n\r\n").hasPrefix("HTTP/1.1 100 "))
        try waiting.send("abc")
        #expect(try waiting.response().body == "3")
      }
    }
  }

  @Test func closesIdleConnections() async throws {
    let served = try Served(.with { $0.deadlines.idle = Self.short }) { _ in .text("ok") }
    try await served.use { served in
      try await blocking { () throws in
        let client = try RawClient(served.tcp)
        #expect(try client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200)
        #expect(try client.receiveAll() == "")
      }
    }
  }

  @Test func cutsAClientThatDoesNotRead() async throws {
    let failure = Event<HTTPStreamError?>()
    let served = try Served(.with { $0.deadlines.write = Self.short }) { _ in
      HTTPResponse(
        status: 200,
        body: .stream { writer in
          do throws(HTTPStreamError) {
            for _ in 0..<4096 { try await writer.write([UInt8](repeating: 0, count: 64 << 10)) }
            failure.signal(nil)
          } catch {
            failure.signal(error)
            throw error
          }
        })
    }
    try await served.use { served in
      let client = try RawClient(served.unix)
      try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      // Cancelled because the connection was closed, or told so while waiting.
      let error = try #require(try await failure.value())
      #expect(error == .disconnected || error == .closed)
      #expect(served.server.statistics.timedOut == 1)
      client.close()
    }
  }

  /// After the last answer the client gets a moment to read it, not for ever.
  @Test func lingersForALimitedTime() async throws {
    let served = try Served(.with { $0.deadlines.linger = Self.short }) { _ in .text("ok") }
    try await served.use { served in
      let client = try RawClient(served.tcp)
      let head = try await blocking { () throws in
        try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return try client.receiveAll()
      }
      #expect(head.hasSuffix("ok"))
      // The client keeps its side open; the server lets go of the connection by itself.
      await served.server.connectionsClosed()
      #expect(served.server.statistics.open == 0)
      client.close()
    }
  }

  @Test func addsUpAllowances() {
    let second: UInt64 = 1_000_000_000
    var allowance = Allowance()
    allowance.extend(0, bytes: 1 << 20, rate: 1024, .seconds(30))
    #expect(allowance.until == .never, "progress does not start a deadline")
    allowance.start(second, .seconds(30))
    #expect(allowance.until == 31 * second)
    allowance.extend(10 * second, bytes: 1024, rate: 1024, .seconds(30))
    #expect(allowance.until == 32 * second)
    allowance.extend(10 * second, bytes: 1 << 30, rate: 1024, .seconds(30))
    #expect(allowance.until == 40 * second)
  }

  @Test func ordersDeadlines() {
    var heap = TimerHeap()
    var state: UInt64 = 7
    var expected: [UInt64] = []
    for key in 0..<500 as Range<UInt64> {
      state = state &* 6_364_136_223_846_793_005 &+ 1
      expected.append(state >> 40)
      heap.insert(TimerHeap.Entry(at: state >> 40, key: key))
    }
    expected.sort()
    #expect(heap.earliest == expected.first)
    #expect(heap.removeDue(at: expected[0] - 1) == nil)
    var order: [UInt64] = []
    while let entry = heap.removeDue(at: .max) { order.append(entry.at) }
    #expect(order == expected)
  }
}
