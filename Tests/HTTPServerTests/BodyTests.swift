import Glibc
import Synchronization
import Testing

@testable import HTTPServer

@Suite struct BodyTests {
  private static func post(_ path: String = "/", _ fields: String) -> String {
    "POST \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n"
  }

  private static func counting(_ limit: Int) throws -> Served {
    var router = Router()
    router.on("POST", "/", bodyLimit: limit) { request in
      var count = 0
      var sum: UInt64 = 0
      for try await piece in request.body {
        count += piece.count
        for byte in piece { sum = sum &* 31 &+ UInt64(byte) }
      }
      return .text("\(count) \(sum)")
    }
    router.on("POST", "/ignore", bodyLimit: .max) { _ in .text("ignored") }
    return try Served(router)
  }

  private static func expected(_ bytes: [UInt8]) -> String {
    "\(bytes.count) \(bytes.reduce(0 as UInt64) { $0 &* 31 &+ UInt64($1) })"
  }

  @Test(arguments: [1, 1000, 65535, 65536, 300_000, 2_000_000])
  func receivesEveryByte(_ size: Int) async throws {
    try await Self.counting(.max).use { served in
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
      try await blocking { () throws in
        let client = try RawClient(served.unix)
        try client.send(Self.post("/", "Content-Length: \(size)"))
        try client.send(bytes)
        #expect(try client.response().body == Self.expected(bytes))
        try client.send(Self.post("/", "Transfer-Encoding: chunked"))
        var rest = bytes[...]
        var step = 1
        while !rest.isEmpty {
          let piece = rest.prefix(step)
          try client.send(Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8))
          rest = rest.dropFirst(step)
          step = step * 3 % 70001 + 1
        }
        try client.send("0\r\nTrailer: x\r\n\r\n")
        #expect(try client.response().body == Self.expected(bytes))
      }
    }
  }

  @Test func refusesTooLongBodies() async throws {
    try await Self.counting(10).use { served in
      try await blocking { () throws in
        let declared = try RawClient(served.tcp)
        #expect(try declared.exchange(Self.post("/", "Content-Length: 10") + "0123456789").status == 200)
        #expect(try declared.exchange(Self.post("/", "Content-Length: 11")).status == 413)
        let chunked = try RawClient(served.tcp)
        try chunked.send(Self.post("/", "Transfer-Encoding: chunked") + "a\r\n0123456789\r\n1\r\nx\r\n")
        let response = try chunked.response()
        #expect(response.status == 413)
        #expect(response.body.contains("body_too_large"))
      }
    }
  }

  /// Without a router the server's own limit holds.
  @Test func hasALimitOfItsOwn() async throws {
    let served = try Served(.with { $0.limits.body = 5 }) { request in
      do throws(HTTPBodyError) {
        return .text("\(try await request.body.collect().count)")
      } catch {
        return error.problem.response
      }
    }
    try await served.use { served in
      try await blocking { () throws in
        let client = try RawClient(served.tcp)
        #expect(try client.exchange(Self.post("/", "Content-Length: 5") + "01234").status == 200)
        #expect(try client.exchange(Self.post("/", "Content-Length: 6") + "012345").status == 413)
      }
    }
  }

  @Test func asksForTheBodyOnlyWhenItIsWanted() async throws {
    try await Self.counting(10).use { served in
      try await blocking { () throws in
        let wanted = try RawClient(served.tcp)
        try wanted.send(Self.post("/", "Content-Length: 3\r\nExpect: 100-continue"))
        #expect(try wanted.receive(upTo: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        try wanted.send("abc")
        #expect(try wanted.response().body == Self.expected(Array("abc".utf8)))
        // Refused before the body is sent: no 100, and the connection ends, since the body might come or not.
        let refused = try RawClient(served.tcp)
        try refused.send(Self.post("/", "Content-Length: 11\r\nExpect: 100-continue"))
        let answer = try refused.receiveAll()
        #expect(answer.hasPrefix("HTTP/1.1 413 ") && answer.contains("\r\nConnection: close\r\n"))
        // A client that does not wait is not told to go on.
        let eager = try RawClient(served.tcp)
        try eager.send(Self.post("/", "Content-Length: 3\r\nExpect: 100-continue") + "abc")
        #expect(try eager.response().status == 200)
      }
    }
  }

  @Test func survivesAnIgnoredBody() async throws {
    try await Self.counting(10).use { served in
      try await blocking { () throws in
        // A short rest is received and dropped, the connection stays.
        let short = try RawClient(served.tcp)
        #expect(try short.exchange(Self.post("/ignore", "Content-Length: 5000")).body == "ignored")
        try short.send([UInt8](repeating: 120, count: 5000))
        #expect(try short.exchange(Self.post("/ignore", "Content-Length: 2") + "ab").body == "ignored")
        // A long one is not waited for; the answer arrives whole nevertheless, although bytes are still on their way.
        let long = try RawClient(served.tcp)
        try long.send(Self.post("/ignore", "Content-Length: 1000000"))
        try long.send([UInt8](repeating: 120, count: 400_000))
        let answer = try long.receiveAll()
        #expect(answer.hasSuffix("\r\n\r\nignored") && answer.contains("\r\nConnection: close\r\n"))
      }
    }
  }

  @Test func tellsHandlerAndClientOfATruncatedBody() async throws {
    for fields in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
      let seen = Event<HTTPBodyError?>()
      let served = try Served { request in
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
          try client.send(Self.post("/", fields) + "5\r\nab")
          client.finishSending()
          return try client.receiveAll()
        }
        #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("body_truncated"))
        #expect(try await seen.value() == .disconnected)
      }
    }
  }

  /// The handler reads nothing; the client gets rid of a bounded amount only.
  @Test func holdsBackAFastSender() async throws {
    let stalled = Event<Void>()
    let served = try Served(.with { $0.limits.body = .max }) { request in
      _ = try? await stalled.value()
      var count = 0
      do {
        for try await piece in request.body { count += piece.count }
      } catch {
        return .text("\(error)")
      }
      return .text("\(count)")
    }
    try await served.use { served in
      let size = 16 << 20
      let (sent, body) = try await blocking { () throws in
        let client = try RawClient(served.unix)
        try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
        let bytes = [UInt8](repeating: 1, count: size)
        var sent = 0
        while sent < size {
          let count = bytes.withUnsafeBytes {
            send(client.socket, $0.baseAddress.map { $0 + sent }, size - sent, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
          }
          if count > 0 {
            sent += count
            continue
          }
          // Stalled when the server takes nothing for half a second.
          var poll = pollfd(fd: client.socket, events: Int16(POLLOUT), revents: 0)
          if Glibc.poll(&poll, 1, 500) == 0 { break }
        }
        stalled.signal()
        try client.send(Array(bytes[sent...]))
        return (sent, try client.response().body)
      }
      // The server's buffer and the kernel's for a unix socket.
      #expect(sent < 2 << 20)
      #expect(body == "\(size)")
    }
  }

  @Test func collectsBodiesMadeByHand() async throws {
    var request = HTTPRequest(method: "POST", target: "/", body: HTTPBody(bytes: [1, 2, 3]))
    #expect(try await request.body.collect() == [1, 2, 3])
    #expect(try await request.body.reduce(into: []) { $0 += $1 } == [1, 2, 3])
    await #expect(throws: HTTPBodyError.tooLarge(limit: 2)) { try await request.body.collect(limit: 2) }
    request.body.limit = 1
    await #expect(throws: HTTPBodyError.tooLarge(limit: 1)) { for try await _ in request.body {} }
    #expect(try await HTTPBody.empty.collect() == [])
  }
}
