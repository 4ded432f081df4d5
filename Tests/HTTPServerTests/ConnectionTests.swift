import Dispatch
import Glibc
import Testing

@testable import HTTPServer

/// What happens on one connection: order, persistence, framing of answers.
@Suite struct ConnectionTests {
  private static func get(_ path: String, _ fields: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
  }

  private static func echo() throws -> Served {
    try Served { request in
      let body = (try? await request.body.collect()) ?? Array("no body".utf8)
      return .text("\(request.method) \(request.target) \(String(decoding: body, as: UTF8.self))")
    }
  }

  @Test func keepsAConnectionForManyRequests() async throws {
    try await Self.echo().use { served in
      try await blocking { () throws in
        let client = try RawClient(served.tcp)
        for number in 0..<20 {
          let response = try client.exchange(Self.get("/\(number)"))
          #expect(response.status == 200)
          #expect(response.body == "GET /\(number) ")
          #expect(response.fields["connection"] == nil)
        }
      }
      #expect(served.server.statistics.accepted == 1)
      #expect(served.server.statistics.requests == 20)
    }
  }

  @Test func answersPipelinedRequestsInOrder() async throws {
    try await Self.echo().use { served in
      try await blocking { () throws in
        let client = try RawClient(served.unix)
        var text = ""
        for number in 0..<50 {
          text += "POST /\(number) HTTP/1.1\r\nHost: a\r\n"
          text +=
            number % 2 == 0 ? "Content-Length: 3\r\n\r\nabc" : "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        }
        try client.send(text)
        client.finishSending()
        for number in 0..<50 { #expect(try client.response().body == "POST /\(number) abc") }
        #expect(try client.receiveAll() == "")
      }
    }
  }

  /// However a request is cut into packets, it is the same request.
  @Test func acceptsBytesOneAtATime() async throws {
    try await Self.echo().use { served in
      try await blocking { () throws in
        let client = try RawClient(served.tcp)
        for text in [
          "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", Self.get("/y"),
        ] {
          for byte in Array(text.utf8) { try client.send([byte]) }
          #expect(try client.response().status == 200)
        }
      }
    }
  }

  @Test func leavesTheBodyOutForHEAD() async throws {
    let served = try Served { request in
      request.path == "/stream"
        ? HTTPResponse(status: 200, body: .stream { try await $0.write("never sent") }) : .text("four")
    }
    try await served.use { served in
      try await blocking { () throws in
        let client = try RawClient(served.tcp)
        try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.receive(upTo: "\r\n\r\n").contains("\r\nContent-Length: 4\r\n"))
        try client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let rest = try client.receiveAll()
        #expect(rest.hasPrefix("HTTP/1.1 200 OK\r\n") && rest.hasSuffix("\r\n\r\n"))
      }
    }
  }

  @Test func sendsNoContentWhereThereIsNone() async throws {
    let served = try Served { request in
      HTTPResponse(status: Int(request.path.dropFirst()) ?? 500, body: .bytes([1, 2, 3]))
    }
    try await served.use { served in
      try await blocking { () throws in
        let client = try RawClient(served.tcp)
        for status in [204, 304] {
          try client.send(Self.get("/\(status)"))
          let head = try client.receive(upTo: "\r\n\r\n")
          #expect(head.hasPrefix("HTTP/1.1 \(status) "))
          #expect(!head.lowercased().contains("content-length"))
          #expect(!head.lowercased().contains("transfer-encoding"))
        }
        #expect(try client.exchange(Self.get("/200")).body == "\u{1}\u{2}\u{3}")
        // 1xx and nonsense are no final answers.
        for status in [100, 101, 199, 600] { #expect(try client.exchange(Self.get("/\(status)")).status == 500) }
      }
    }
  }

  @Test func speaksHTTP10() async throws {
    let served = try Served { request in
      request.path == "/stream"
        ? HTTPResponse(status: 200, body: .stream { try await $0.write("abc") }) : .text("abc")
    }
    try await served.use { served in
      try await blocking { () throws in
        let closing = try RawClient(served.tcp)
        try closing.send("GET / HTTP/1.0\r\n\r\n")
        let answer = try closing.receiveAll()
        #expect(answer.contains("\r\nConnection: close\r\n") && answer.hasSuffix("\r\n\r\nabc"))
        let staying = try RawClient(served.tcp)
        for _ in 0..<2 {
          let response = try staying.exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
          #expect(response.fields["connection"] == "keep-alive")
        }
        // No chunks for a client that does not know them: the end of the connection ends the body.
        try staying.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        let stream = try staying.receiveAll()
        #expect(!stream.contains("chunked") && stream.hasSuffix("\r\n\r\nabc"))
      }
    }
  }

  @Test func datesItsAnswers() async throws {
    try await Self.echo().use { served in
      let before = time(nil)
      let date = try await blocking { try RawClient(served.tcp).exchange(Self.get("/")).fields["date"] }
      let after = time(nil)
      #expect((before...after).contains { DateField.text($0) == date })
    }
    #expect(DateField.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(DateField.text(1_709_164_800) == "Thu, 29 Feb 2024 00:00:00 GMT")
  }

  /// A handler that copies what a stranger sent into a field must not let it start another.
  @Test(arguments: [
    ("X", "a\r\nSet-Cookie: b"), ("X", "a\nb"), ("X", "a\0b"), ("X\r\nY", "a"), ("X Y", "a"), ("", "a"), ("X:", "a"),
  ])
  func cannotBeMadeToSplitAnAnswer(_ name: String, _ value: String) async throws {
    let served = try Served { _ in
      var response = HTTPResponse.text("body")
      response.headers.add(name, value)
      return response
    }
    try await served.use { served in
      let response = try await blocking { try RawClient(served.tcp).exchange(Self.get("/")) }
      #expect(response.status == 500)
      #expect(!response.head.contains("Set-Cookie"))
    }
  }

  @Test func decidesFramingItself() async throws {
    let served = try Served { _ in
      HTTPResponse(
        status: 200,
        headers: ["Transfer-Encoding": "gzip", "content-length": "999", "Connection": "upgrade", "X": "kept"],
        body: .bytes([65]))
    }
    try await served.use { served in
      let response = try await blocking { try RawClient(served.tcp).exchange(Self.get("/")) }
      #expect(response.fields["content-length"] == "1")
      #expect(response.fields["transfer-encoding"] == nil)
      #expect(response.fields["connection"] == nil)
      #expect(response.fields["x"] == "kept")
    }
  }

  @Test func answersForItsHostsOnly() async throws {
    let served = try Served(.with { $0.hosts = .only(["127.0.0.1", "localhost"]) }) { _ in .text("ok") }
    try await served.use { served in
      try await blocking { () throws in
        func status(_ host: String, _ address: BoundAddress) throws -> Int {
          try RawClient(address).exchange("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").status
        }
        #expect(try status("127.0.0.1:8080", served.tcp) == 200)
        #expect(try status("LocalHost", served.tcp) == 200)
        #expect(try status("rebound.example", served.tcp) == 421)
        #expect(try status("rebound.example", served.unix) == 200)
      }
    }
  }

  @Test func limitsRequestsPerConnection() async throws {
    let served = try Served(.with { $0.limits.requestsPerConnection = 3 }) { _ in .text("ok") }
    try await served.use { served in
      let answers = try await blocking { () throws in
        let client = try RawClient(served.tcp)
        try client.send(String(repeating: Self.get("/"), count: 5))
        return try client.receiveAll()
      }
      #expect(answers.ranges(of: "HTTP/1.1 200").count == 3)
      #expect(answers.ranges(of: "Connection: close").count == 1)
    }
  }

  /// The reactor is the executor of the handlers: no thread changes, not even across suspension or an actor.
  @Test func runsHandlersWhereTheirConnectionLives() async throws {
    actor Counter {
      var count = 0
      func next() -> (Int, UInt) {
        count += 1
        return (count, UInt(bitPattern: pthread_self().hashValue))
      }
    }
    let counter = Counter()
    let served = try Served { _ in
      let first = UInt(bitPattern: pthread_self().hashValue)
      await Task.yield()
      let (count, second) = await counter.next()
      try? await Task.sleep(for: .milliseconds(1))
      let third = UInt(bitPattern: pthread_self().hashValue)
      return .text("\(count) \(first == second && second == third)")
    }
    try await served.use { served in
      try await blocking { () throws in
        let client = try RawClient(served.tcp)
        for number in 1...5 { #expect(try client.exchange(Self.get("/")).body == "\(number) true") }
      }
    }
  }

  /// While one reactor is held up, another one serves: connections wait for no particular thread.
  @Test func sharesConnectionsBetweenReactors() async throws {
    let (isHeldUp, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let served = try Served(.with { $0.reactors = 2 }) { request in
      if request.path == "/hold" {
        isHeldUp.signal()
        // Blocking a reactor is what no handler may do; here it is the point.
        guard Self.wait(for: goOn) else { return .text("nobody else served", status: 500) }
      }
      return .text("\(UInt(bitPattern: pthread_self().hashValue))")
    }
    try await served.use { served in
      let threads = try await blocking { () throws in
        let first = try RawClient(served.tcp)
        try first.send(Self.get("/hold"))
        try #require(Self.wait(for: isHeldUp))
        let second = try RawClient(served.tcp).exchange(Self.get("/"))
        goOn.signal()
        let held = try first.response()
        #expect(held.status == 200)
        return [held.body, second.body]
      }
      #expect(Set(threads).count == 2)
    }
  }

  private static func wait(for semaphore: DispatchSemaphore) -> Bool {
    semaphore.wait(timeout: .now() + .seconds(120)) == .success
  }
}
