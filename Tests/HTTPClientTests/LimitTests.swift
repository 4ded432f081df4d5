import Foundation
import Synchronization
import TestSupport
import Testing

@testable import HTTPClient

/// Peers that send too much, too little, too slowly or nonsense.
@Suite(.timeLimit(.minutes(5))) struct LimitTests {
  let client = HTTPClient()
  /// To be missed by peers that do nothing, and long enough for a busy machine to come to the point where they do it.
  private static let missed = Duration.seconds(5)

  private func errorOf(
    deadline: Duration = .seconds(120), limit: Int = 1000, _ handler: @escaping LoopbackServer.Handler
  ) async throws -> HTTPClientError? {
    try await withServer(handler) { server in
      await failure {
        try await client.send(
          HTTPClientRequest(url: server.url, deadline: deadline, maxResponseBytes: limit), policy: .loopback)
      }
    }
  }

  @Test func anAnnouncedBodyOverTheLimitIsNotRead() async throws {
    let error = try await errorOf { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")
      connection.waitForClose()
    }
    #expect(error?.kind == .responseTooLarge(limit: 1000))
  }

  @Test(arguments: ["Transfer-Encoding: chunked", "Connection: close"])
  func anEndlessBodyIsCutOff(_ header: String) async throws {
    let error = try await errorOf(limit: 100_000) { _, connection in
      connection.write("HTTP/1.1 200 OK\r\n\(header)\r\n\r\n")
      let chunk = "3e8\r\n" + String(repeating: "a", count: 1000) + "\r\n"
      for _ in 0..<1000 { connection.write(chunk) }
      connection.close()
    }
    #expect(error?.kind == .responseTooLarge(limit: 100_000))
  }

  @Test func aBodyOfExactlyTheLimitIsAccepted() async throws {
    try await withServer { _, connection in
      connection.respond("200 OK", String(repeating: "a", count: 1000))
    } _: { server in
      let request = HTTPClientRequest(url: server.url, maxResponseBytes: 1000)
      let response = try await client.send(request, policy: .loopback)
      #expect(response.body.count == 1000)
    }
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
  ])
  func aTruncatedBodyIsNotAResponse(_ text: String) async throws {
    let error = try await errorOf { _, connection in
      connection.write(text)
      connection.close()
    }
    #expect(error == HTTPClientError(.truncated, mayHaveBeenSent: true))
  }

  @Test func headersAreLimited() async throws {
    let error = try await errorOf { _, connection in
      connection.write("HTTP/1.1 200 OK\r\n")
      for number in 0..<2000 { connection.write("X-\(number): \(String(repeating: "a", count: 50))\r\n") }
      connection.waitForClose()
    }
    #expect(error?.kind == .responseHeadersTooLarge(limit: 65_536))
  }

  @Test(arguments: [
    "garbage\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
  ])
  func whatIsNotHTTPIsNotAResponse(_ text: String) async throws {
    let error = try await errorOf { _, connection in
      connection.write(text)
      connection.close()
    }
    guard case .malformedResponse = error?.kind else {
      Issue.record("unexpected \(String(describing: error))")
      return
    }
  }

  @Test func aClosedConnectionIsSaidToBeOne() async throws {
    let error = try await errorOf { _, connection in connection.close() }
    guard case .connectionLost = error?.kind else {
      Issue.record("unexpected \(String(describing: error))")
      return
    }
    #expect(error?.mayHaveBeenSent == true)
  }

  @Test func aPortWhereNobodyListensSentNothing() async throws {
    // Taken for the time of the test, so that no other server comes to listen there.
    let reserved = try ReservedPort()
    let url = "http://127.0.0.1:\(reserved.number)"
    let error = await failure { try await client.send(HTTPClientRequest(url: url), policy: .loopback) }
    withExtendedLifetime(reserved) {}
    guard case .connectFailed = error?.kind else {
      Issue.record("unexpected \(String(describing: error))")
      return
    }
    #expect(error?.mayHaveBeenSent == false)
  }

  @Test func aServerThatDoesNotAnswerMissesTheDeadline() async throws {
    let error = try await errorOf(deadline: Self.missed) { _, connection in connection.waitForClose() }
    #expect(error == HTTPClientError(.deadlineExceeded(.waiting), mayHaveBeenSent: true))
  }

  /// A byte now and then must not keep a request alive beyond its deadline.
  @Test func aServerThatDripsMissesTheDeadline() async throws {
    let error = try await errorOf(deadline: Self.missed) { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\na")
      connection.waitForClose()
    }
    #expect(error?.kind == .deadlineExceeded(.waiting))
  }

  /// TCP is accepted, TLS never begins.
  @Test func aSilentTLSServerSentNothing() async throws {
    try await withServer { _, _ in
    } _: { server in
      let url = "https://127.0.0.1:\(server.port)/"
      let error = await failure {
        try await client.send(HTTPClientRequest(url: url, deadline: Self.missed), policy: .loopback)
      }
      #expect(error == HTTPClientError(.deadlineExceeded(.connecting), mayHaveBeenSent: false))
    }
  }

  @Test func redirectsShareOneDeadline() async throws {
    let error = try await withServer { request, connection in
      if request.target == "/" {
        connection.respond("302 Found", headers: ["Location: /slow"])
      } else {
        connection.waitForClose()
      }
    } _: { server in
      await failure {
        try await client.send(
          HTTPClientRequest(url: server.url, deadline: Self.missed, followRedirects: 3), policy: .loopback)
      }
    }
    guard case .deadlineExceeded = error?.kind else {
      Issue.record("unexpected \(String(describing: error))")
      return
    }
    #expect(error?.mayHaveBeenSent == true)
  }

  @Test func aTransferBelowTheLowSpeedIsEnded() async throws {
    var configuration = HTTPClient.Configuration()
    configuration.lowSpeed = .init(bytesPerSecond: 1000, seconds: 1)
    let client = HTTPClient(configuration)
    try await withServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\na")
      connection.waitForClose()
    } _: { server in
      let error = await failure { try await client.send(HTTPClientRequest(url: server.url), policy: .loopback) }
      #expect(error?.kind == .tooSlow)
    }
  }

  @Test func aLookupThatDoesNotEndMissesTheDeadline() async {
    var configuration = HTTPClient.Configuration()
    configuration.resolver = SilentResolver()
    let client = HTTPClient(configuration)
    let request = HTTPClientRequest(url: "http://slow.test/", deadline: .milliseconds(100))
    let error = await failure { try await client.send(request, policy: .publicInternet) }
    #expect(error == HTTPClientError(.deadlineExceeded(.nameLookup), mayHaveBeenSent: false))
  }
}

/// Never answers; ends when cancelled.
struct SilentResolver: NameResolver {
  func addresses(of host: String) async throws(NameResolutionFailure) -> [IPAddress] {
    try? await Task.sleep(for: .seconds(3600))
    throw NameResolutionFailure(reason: "cancelled")
  }
}

@Suite(.timeLimit(.minutes(5))) struct CancellationTests {
  let client = HTTPClient()

  @Test func aCancelledRequestClosesItsConnection() async throws {
    try await withServer { _, connection in
      connection.waitForClose()
    } _: { server in
      let task = Task { [client] in
        await failure { try await client.send(HTTPClientRequest(url: server.url), policy: .loopback) }
      }
      #expect(await server.waitForRequests(1))
      task.cancel()
      #expect(await task.value == HTTPClientError(.cancelled, mayHaveBeenSent: true))
      #expect(await server.waitForClosed(1))
    }
  }

  @Test func aTaskCancelledBeforehandSendsNothing() async throws {
    try await withServer { _, connection in
      connection.respond()
    } _: { server in
      let start = Gate(2)
      let task = Task { [client] in
        #expect(await start.pass())
        return await failure { try await client.send(HTTPClientRequest(url: server.url), policy: .loopback) }
      }
      task.cancel()
      #expect(await start.pass())
      #expect(await task.value == HTTPClientError(.cancelled, mayHaveBeenSent: false))
      #expect(server.requests.isEmpty)
    }
  }

  @Test func aLookupCanBeCancelled() async throws {
    var configuration = HTTPClient.Configuration()
    configuration.resolver = SilentResolver()
    let client = HTTPClient(configuration)
    let task = Task {
      await failure { try await client.send(HTTPClientRequest(url: "http://slow.test/"), policy: .publicInternet) }
    }
    task.cancel()
    #expect(await task.value == HTTPClientError(.cancelled, mayHaveBeenSent: false))
  }

  @Test func oneCancelledRequestLeavesTheOthersAlone() async throws {
    try await withServer { request, connection in
      if request.target == "/hang" { connection.waitForClose() } else { connection.respond() }
    } _: { server in
      let task = Task { [client] in
        await failure { try await client.send(HTTPClientRequest(url: "\(server.url)/hang"), policy: .loopback) }
      }
      #expect(await server.waitForRequests(1))
      async let other = client.send(HTTPClientRequest(url: "\(server.url)/fine"), policy: .loopback)
      task.cancel()
      let status = try await other.status
      #expect(status == 200)
      #expect(await task.value?.kind == .cancelled)
    }
  }
}

@Suite(.timeLimit(.minutes(5))) struct SinkTests {
  struct Stop: Error {}
  let client = HTTPClient()

  @Test func aSinkThatThrowsEndsTheTransfer() async throws {
    try await withServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\na")
      connection.waitForClose()
    } _: { server in
      let request = HTTPClientRequest(url: server.url, maxResponseBytes: 100_000_000)
      let atBody = await failure {
        try await client.stream(request, policy: .loopback, into: HTTPClientSink { _ in throw Stop() })
      }
      #expect(atBody?.kind == .sink("Stop()"))
      let atHead = await failure {
        try await client.stream(
          request, policy: .loopback, into: HTTPClientSink(head: { _, _ in throw Stop() }, bytes: { _ in }))
      }
      #expect(atHead?.kind == .sink("Stop()"))
      #expect(await server.waitForClosed(2))
    }
  }

  @Test func aSinkReceivesNoMoreThanTheLimit() async throws {
    try await withServer { _, connection in
      connection.write("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "a", count: 5000))
      connection.close()
    } _: { server in
      let received = Mutex(0)
      let error = await failure {
        try await client.stream(
          HTTPClientRequest(url: server.url, maxResponseBytes: 1000), policy: .loopback,
          into: HTTPClientSink { bytes in received.withLock { $0 += bytes.count } })
      }
      #expect(error?.kind == .responseTooLarge(limit: 1000))
      #expect(received.withLock { $0 } <= 1000)
    }
  }
}
