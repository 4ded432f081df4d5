import Foundation
import Synchronization
import Testing

@testable import HTTPClient

/// Runs `body` against a scripted server and stops it afterwards.
func withServer<T: Sendable>(
  unixPath: String? = nil, _ handler: @escaping LoopbackServer.Handler,
  _ body: (LoopbackServer) async throws -> T
) async throws -> T {
  let server = try LoopbackServer(unixPath: unixPath, handler)
  defer { server.stop() }
  return try await body(server)
}

/// The error of a request that must fail.
func failure(_ run: () async throws -> HTTPClientResponse) async -> HTTPClientError? {
  do {
    let response = try await run()
    Issue.record("expected a failure, got status \(response.status)")
    return nil
  } catch {
    return error as? HTTPClientError
  }
}

extension EgressPolicy {
  /// The loopback network and nothing else.
  static var loopback: EgressPolicy {
    let networks = ["127.0.0.0/8", "::1"].compactMap { IPNetwork($0) }
    return EgressPolicy(
      publicPorts: .none, permitsPlainHTTP: true, allowances: Set(networks.map { .network($0, ports: .any) }))
  }
}

@Suite(.timeLimit(.minutes(5))) struct ExchangeTests {
  let client = HTTPClient()

  @Test(arguments: [
    ("GET", ""), ("POST", "hello"), ("POST", ""), ("PUT", "x"), ("PATCH", ""), ("DELETE", ""), ("DELETE", "x"),
    ("OPTIONS", ""), ("GET", "query"), ("PURGE", ""),
  ])
  func aRequestArrivesAsItWasGiven(_ method: String, _ body: String) async throws {
    try await withServer { request, connection in
      connection.respond("201 Created", headers: ["X-Answer: 42", "X-Answer: 43"], "done")
    } _: { server in
      let response = try await client.send(
        HTTPClientRequest(
          method: method, url: "\(server.url)/a/../b?c=%20d#e",
          headers: [.init("X-Question", "what"), .init("X-Empty", "")], body: Array(body.utf8)), policy: .loopback)
      #expect(response.status == 201)
      #expect(response.body == Array("done".utf8))
      #expect(response.header("x-answer") == "42")
      #expect(response.headers.filter { $0.name == "X-Answer" }.map(\.value) == ["42", "43"])
      #expect(response.finalURL == "\(server.url)/a/../b?c=%20d")
      #expect(response.remoteAddress == "127.0.0.1:\(server.port)")
      let request = try #require(server.requests.first)
      #expect(request.method == method)
      #expect(request.target == "/a/../b?c=%20d")
      #expect(request.body == Array(body.utf8))
      var expected: [String: String] = [
        "Host": "127.0.0.1:\(server.port)", "User-Agent": "safebox", "X-Question": "what", "X-Empty:": "",
      ]
      if !body.isEmpty || ["POST", "PUT", "PATCH"].contains(method) {
        expected["Content-Length"] = "\(body.utf8.count)"
      }
      #expect(Dictionary(request.headers.map { ($0.name, $0.value) }) { $1 } == expected)
    }
  }

  @Test func aHeadResponseHasALengthButNoBody() async throws {
    try await withServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
    } _: { server in
      let response = try await client.send(
        HTTPClientRequest(method: "HEAD", url: server.url, maxResponseBytes: 10), policy: .loopback)
      #expect(response.header("Content-Length") == "99999999" && response.body.isEmpty)
    }
  }

  @Test func interimResponsesAndChunksAreDecoded() async throws {
    try await withServer { _, connection in
      connection.write(
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      connection.write("3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n")
    } _: { server in
      let response = try await client.send(HTTPClientRequest(url: server.url), policy: .loopback)
      #expect(response.body == Array("abcde".utf8))
      #expect(response.headers == [HTTPClientHeader("Transfer-Encoding", "chunked")])
    }
  }

  @Test func cookiesAreNotKept() async throws {
    try await withServer { _, connection in
      connection.respond(headers: ["Set-Cookie: session=1; Path=/"])
    } _: { server in
      for _ in 0..<2 { _ = try await client.send(HTTPClientRequest(url: server.url), policy: .loopback) }
      #expect(server.requests.count == 2)
      #expect(server.requests.allSatisfy { $0.header("Cookie") == nil })
    }
  }

  /// The environment belongs to whoever started the process, not to the policy. In a process of its own: no thread of this
  /// one may read the environment while it changes.
  @Test func aProxyInTheEnvironmentIsNotUsed() async throws {
    await #expect(processExitsWith: .success) {
      try await withServer { _, connection in
        connection.respond("502 Proxied")
      } _: { proxy in
        for name in ["http_proxy", "all_proxy", "ALL_PROXY"] { setenv(name, proxy.url, 1) }
        try await withServer { _, connection in
          connection.respond()
        } _: { server in
          let response = try await HTTPClient().send(HTTPClientRequest(url: server.url), policy: .loopback)
          #expect(response.status == 200)
          #expect(proxy.requests.isEmpty)
        }
      }
    }
  }

  @Test func aUnixSocketServesWhenThePolicyNamesIt() async throws {
    let path = NSTemporaryDirectory() + "safebox-\(UUID().uuidString.prefix(8)).sock"
    defer { unlink(path) }
    try await withServer(unixPath: path) { _, connection in
      connection.respond("200 OK", "local")
    } _: { server in
      let request = HTTPClientRequest(url: "http://runner/v1/models", unixSocketPath: path)
      let policy = EgressPolicy(publicPorts: .none, permitsPlainHTTP: false, unixSockets: [path])
      let response = try await client.send(request, policy: policy)
      #expect(response.body == Array("local".utf8) && response.remoteAddress == "unix:\(path)")
      #expect(server.requests.first?.header("Host") == "runner")
      let refused = await failure { try await client.send(request, policy: .loopback) }
      #expect(refused == HTTPClientError(.unixSocketRefused(path), mayHaveBeenSent: false))
    }
  }

  @Test func sixtyFourRequestsRunTogether() async throws {
    let gate = Gate(64)
    try await withServer { request, connection in
      // No answer before all have arrived: one after another would never finish.
      connection.respond(gate.block() ? "200 OK" : "500 Alone", request.target)
    } _: { server in
      let bodies = try await withThrowingTaskGroup(of: String.self) { group in
        for number in 0..<64 {
          group.addTask { [client] in
            let request = HTTPClientRequest(url: "\(server.url)/\(number)")
            let response = try await client.send(request, policy: .loopback)
            return "\(response.status) \(String(decoding: response.body, as: UTF8.self))"
          }
        }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(bodies == Set((0..<64).map { "200 /\($0)" }))
    }
  }

  @Test func connectionsAreReusedWithinAPolicyAndNotAcrossPolicies() async throws {
    try await withServer { _, connection in
      connection.respond()
    } _: { server in
      let request = HTTPClientRequest(url: server.url)
      for _ in 0..<3 { _ = try await client.send(request, policy: .loopback) }
      #expect(server.connectionCount == 1)
      _ = try await client.send(request, policy: .only([("127.0.0.1", server.port)]))
      #expect(server.connectionCount == 2)
    }
  }

  /// libcurl sends again when a reused connection dies without an answer. For a payment that would be a second payment.
  @Test func aRequestWithEffectIsNeverSentTwice() async throws {
    try await withServer { request, connection in
      if request.method == "GET" { connection.respond() } else { connection.close() }
    } _: { server in
      _ = try await client.send(HTTPClientRequest(url: server.url), policy: .loopback)
      let error = await failure {
        try await client.send(HTTPClientRequest(method: "POST", url: server.url, body: [1]), policy: .loopback)
      }
      #expect(error?.mayHaveBeenSent == true)
      guard case .connectionLost = error?.kind else {
        Issue.record("unexpected \(String(describing: error))")
        return
      }
      #expect(server.requests.filter { $0.method == "POST" }.count == 1)
    }
  }

  @Test func manyPoliciesDoNotKeepManyThreads() async throws {
    try await withServer { _, connection in
      connection.respond()
    } _: { server in
      let count = HTTPClient.maxPools + 3
      for number in 0..<count {
        let policy = EgressPolicy.only([("127.0.0.1", server.port), ("other", UInt16(1 + number))])
        _ = try await client.send(HTTPClientRequest(url: server.url), policy: policy)
      }
      #expect(server.connectionCount == count)
      // The connections of the policies that had to make room are closed.
      #expect(await server.waitForClosed(3))
    }
  }

  @Test func aClientThatIsShutDownClosesItsConnections() async throws {
    try await withServer { _, connection in
      connection.respond()
    } _: { server in
      _ = try await client.send(HTTPClientRequest(url: server.url), policy: .loopback)
      client.shutDown()
      #expect(await server.waitForClosed(1))
      let error = await failure { try await client.send(HTTPClientRequest(url: server.url), policy: .loopback) }
      #expect(error == HTTPClientError(.clientStopped, mayHaveBeenSent: false))
    }
  }

  @Test func aClientThatIsForgottenClosesItsConnections() async throws {
    try await withServer { _, connection in
      connection.respond()
    } _: { server in
      _ = try await HTTPClient().send(HTTPClientRequest(url: server.url), policy: .loopback)
      #expect(await server.waitForClosed(1))
    }
  }
}
