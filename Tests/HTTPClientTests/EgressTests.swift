import Foundation
import Synchronization
import Testing

@testable import HTTPClient

/// Answers from a script: each lookup takes the next answer, the last one stays.
final class ScriptedResolver: NameResolver {
  private let answers: Mutex<[[String]]>
  private let count = Mutex(0)

  init(_ answers: [String]...) { self.answers = Mutex(answers) }

  var lookups: Int { count.withLock { $0 } }

  func addresses(of host: String) async throws(NameResolutionFailure) -> [IPAddress] {
    count.withLock { $0 += 1 }
    return answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }.compactMap { IPAddress($0) }
  }
}

/// What an attacker who controls URLs, DNS answers or redirects tries.
@Suite(.timeLimit(.minutes(5))) struct EgressTests {
  private func client(_ resolver: any NameResolver = SystemResolver()) -> HTTPClient {
    var configuration = HTTPClient.Configuration()
    configuration.resolver = resolver
    return HTTPClient(configuration)
  }

  private func refusedAddress(_ error: HTTPClientError?) -> String? {
    guard case .addressRefused(let refusal) = error?.kind else { return nil }
    return refusal.address.description
  }

  @Test(arguments: [
    "http://127.0.0.1:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/", "http://0x7f.1:{port}/",
    "http://0177.0.0.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://localhost:{port}/", "http://0:{port}/",
    "http://[::1]:{port}/", "http://[::]:{port}/", "http://[64:ff9b::7f00:1]:{port}/",
  ])
  func noSpellingOfLoopbackPassesThePublicPolicy(_ pattern: String) async throws {
    try await withServer { _, connection in
      connection.respond()
    } _: { server in
      let url = pattern.replacingOccurrences(of: "{port}", with: "\(server.port)")
      let error = await failure { try await client().send(HTTPClientRequest(url: url), policy: .publicInternet) }
      #expect(refusedAddress(error) != nil)
      #expect(error?.mayHaveBeenSent == false)
      #expect(server.connectionCount == 0)
    }
  }

  @Test(arguments: [
    "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/latest/", "http://168.63.129.16/",
    "http://100.100.100.200/", "http://2852039166/", "http://[::ffff:a9fe:a9fe]/", "http://[2002:a9fe:a9fe::]/",
    "http://[64:ff9b::a9fe:a9fe]/",
  ])
  func metadataServicesAreRefused(_ url: String) async {
    let error = await failure {
      try await client().send(HTTPClientRequest(url: url, deadline: .seconds(60)), policy: .publicInternet)
    }
    #expect(refusedAddress(error) != nil)
  }

  @Test func plainHTTPNeedsThePolicysPermission() async throws {
    var policy = EgressPolicy.loopback
    policy.permitsPlainHTTP = false
    let error = await failure { try await client().send(HTTPClientRequest(url: "http://127.0.0.1:9/"), policy: policy) }
    #expect(error?.kind == .plainHTTPRefused("127.0.0.1:9"))
  }

  @Test func theConnectionGoesToTheCheckedAddressOfANameThatDoesNotExist() async throws {
    let resolver = ScriptedResolver(["127.0.0.1"])
    try await withServer { _, connection in
      connection.respond()
    } _: { server in
      let request = HTTPClientRequest(url: "http://bank.invalid:\(server.port)/")
      let response = try await client(resolver).send(request, policy: .only([("bank.invalid", server.port)]))
      #expect(response.remoteAddress == "127.0.0.1:\(server.port)")
      #expect(server.requests.first?.header("Host") == "bank.invalid:\(server.port)")
      #expect(resolver.lookups == 1)
    }
  }

  /// The name answers well once and with an inside address the next time.
  @Test func aReboundNameIsRefusedAtEveryRequest() async throws {
    let resolver = ScriptedResolver(["127.0.0.2"], ["127.0.0.1"])
    try await withServer { _, connection in
      connection.respond()
    } _: { server in
      let policy = EgressPolicy(
        publicPorts: .none, permitsPlainHTTP: true,
        allowances: [.network(try #require(IPNetwork("127.0.0.2")), ports: .any)])
      let client = client(resolver)
      let request = HTTPClientRequest(url: "http://rebind.test:\(server.port)/")
      // Nothing listens on 127.0.0.2, so a refusal by the peer proves where the first went.
      let first = await failure { try await client.send(request, policy: policy) }
      guard case .connectFailed = first?.kind else {
        Issue.record("unexpected \(String(describing: first))")
        return
      }
      let second = await failure { try await client.send(request, policy: policy) }
      #expect(refusedAddress(second) == "127.0.0.1")
      #expect(server.connectionCount == 0)
    }
  }

  @Test func oneBadAnswerAmongGoodOnesRefusesTheRequest() async throws {
    for answers in [["93.184.216.34", "10.0.0.1"], ["10.0.0.1", "93.184.216.34"]] {
      let error = await failure {
        try await client(ScriptedResolver(answers)).send(
          HTTPClientRequest(url: "http://mixed.test/", deadline: .seconds(60)), policy: .publicInternet)
      }
      #expect(refusedAddress(error) == "10.0.0.1")
    }
  }

  @Test func aNameWithoutAddressIsNamedInTheError() async {
    let error = await failure {
      try await client(ScriptedResolver([])).send(HTTPClientRequest(url: "http://gone.test/"), policy: .publicInternet)
    }
    #expect(error?.kind == .nameNotResolved(host: "gone.test", reason: "no address"))
  }

  /// The system's resolver, through /etc/hosts.
  @Test func theSystemsResolverKnowsLocalhost() async throws {
    let addresses = try await SystemResolver().addresses(of: "localhost")
    #expect(!addresses.isEmpty && addresses.allSatisfy { AddressClass($0) == .loopback })
    await #expect(throws: NameResolutionFailure.self) { try await SystemResolver().addresses(of: "-.invalid") }
  }

  /// The first gate alone: nothing is begun that the socket's gate would have to stop.
  @Test func theGuardRefusesBeforeAnythingIsBegun() async throws {
    func addresses(_ url: String, unixSocketPath: String? = nil) async throws -> [IPAddress] {
      try await EgressGuard.addresses(
        for: HTTPURL(url), request: HTTPClientRequest(url: url, unixSocketPath: unixSocketPath),
        policy: .publicInternet, resolver: ScriptedResolver(["93.184.216.34", "2606:4700::1111"]),
        deadline: .now.advanced(by: .seconds(60)))
    }
    await #expect(throws: HTTPClientErrorKind.self) { try await addresses("http://127.0.0.1/") }
    await #expect(throws: HTTPClientErrorKind.self) { try await addresses("http://[::1]/") }
    await #expect(throws: HTTPClientErrorKind.self) { try await addresses("http://a/", unixSocketPath: "/run/x") }
    let answers = try await addresses("http://example.com/")
    #expect(answers.map(\.description) == ["93.184.216.34", "2606:4700::1111"])
    let literal = try await addresses("http://8.8.8.8/")
    #expect(literal.isEmpty)
  }

  /// The second gate alone: even if the first were passed, libcurl may not open the socket.
  @Test(arguments: ["http://127.0.0.1", "http://pinned.test"])
  func theSocketIsRefusedWhereverTheURLWasAccepted(_ base: String) async throws {
    try await withServer { _, connection in
      connection.respond()
    } _: { server in
      let engine = try #require(TransferEngine(configuration: HTTPClient.Configuration()))
      defer { engine.retire() }
      let url = try HTTPURL("\(base):\(server.port)/")
      let job = TransferJob(
        url: url, request: HTTPClientRequest(url: url.description),
        addresses: url.literal == nil ? [IPAddress(v4: 0x7f00_0001)] : [], policy: .publicInternet,
        configuration: HTTPClient.Configuration(), deadline: .now.advanced(by: .seconds(60)), isRedirectFinal: true)
      let result: Result<HTTPClientResponse, HTTPClientError> = await withCheckedContinuation { continuation in
        let order = TransferOrder(job) { continuation.resume(returning: $0) }
        #expect(engine.start(order, ticket: TransferEngine.Ticket()))
      }
      guard case .failure(let error) = result else {
        Issue.record("the socket was opened")
        return
      }
      #expect(refusedAddress(error) == "127.0.0.1")
      #expect(server.connectionCount == 0)
    }
  }
}

@Suite(.timeLimit(.minutes(5))) struct RedirectTests {
  let client = HTTPClient()

  @Test func redirectsAreFollowedWhenAskedAndCounted() async throws {
    try await withServer { request, connection in
      guard let number = Int(request.target.dropFirst()), number > 0 else { return connection.respond("200 OK", "end") }
      connection.respond("302 Found", headers: ["Location: \(number - 1)"], "moved")
    } _: { server in
      func request(_ steps: Int, following: Int) -> HTTPClientRequest {
        HTTPClientRequest(url: "\(server.url)/\(steps)", followRedirects: following)
      }
      let unfollowed = try await client.send(request(1, following: 0), policy: .loopback)
      #expect(unfollowed.status == 302 && unfollowed.body == Array("moved".utf8))
      let followed = try await client.send(request(3, following: 3), policy: .loopback)
      #expect(followed.status == 200 && followed.finalURL == "\(server.url)/0")
      let error = await failure { try await client.send(request(4, following: 3), policy: .loopback) }
      #expect(error == HTTPClientError(.tooManyRedirects(limit: 3), mayHaveBeenSent: true))
    }
  }

  @Test(arguments: [
    "http://169.254.169.254/latest/meta-data/", "http://[::ffff:10.0.0.1]/", "//10.0.0.1/", "http://2852039166/",
  ])
  func aRedirectIntoThePrivateWorldIsRefused(_ location: String) async throws {
    try await withServer { _, connection in
      connection.respond("302 Found", headers: ["Location: \(location)"])
    } _: { server in
      let request = HTTPClientRequest(url: server.url, deadline: .seconds(60), followRedirects: 5)
      let error = await failure { try await client.send(request, policy: .only([("127.0.0.1", server.port)])) }
      guard case .addressRefused = error?.kind else {
        Issue.record("unexpected \(String(describing: error))")
        return
      }
      #expect(error?.mayHaveBeenSent == true)
    }
  }

  @Test(arguments: ["file:///etc/passwd", "gopher://127.0.0.1/", "http://a@b/", "http://a b/"])
  func aRedirectElsewhereIsRefused(_ location: String) async throws {
    try await withServer { _, connection in
      connection.respond("302 Found", headers: ["Location: \(location)"])
    } _: { server in
      let request = HTTPClientRequest(url: server.url, followRedirects: 5)
      let error = await failure { try await client.send(request, policy: .loopback) }
      guard case .redirectRefused(location, .url) = error?.kind else {
        Issue.record("unexpected \(String(describing: error))")
        return
      }
      #expect(server.requests.count == 1)
    }
  }

  @Test func credentialsDoNotFollowToAnotherServer() async throws {
    try await withServer { _, connection in
      connection.respond()
    } _: { other in
      try await withServer { request, connection in
        connection.respond("302 Found", headers: ["Location: \(other.url)/there"])
      } _: { server in
        let headers = [
          HTTPClientHeader("Authorization", "Bearer secret"), HTTPClientHeader("X-API-Key", "secret"),
          HTTPClientHeader("Accept", "text/plain"),
        ]
        let request = HTTPClientRequest(url: server.url, headers: headers, followRedirects: 1)
        _ = try await client.send(request, policy: .loopback)
        #expect(server.requests.first?.header("Authorization") == "Bearer secret")
        let arrived = try #require(other.requests.first)
        #expect(arrived.headers.map(\.name).sorted() == ["Accept", "Host", "User-Agent"])
      }
    }
  }

  @Test func aRedirectsBodyDoesNotReachTheSink() async throws {
    try await withServer { request, connection in
      if request.target == "/" {
        connection.respond("302 Found", headers: ["Location: /end"], "moved")
      } else {
        connection.respond("200 OK", "end")
      }
    } _: { server in
      let seen = Mutex<[String]>([])
      let sink = HTTPClientSink { status, _ in
        seen.withLock { $0.append("\(status)") }
      } bytes: { bytes in
        seen.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
      }
      let response = try await client.stream(
        HTTPClientRequest(url: server.url, followRedirects: 1), policy: .loopback, into: sink)
      #expect(response.status == 200 && response.body.isEmpty)
      #expect(seen.withLock { $0 } == ["200", "end"])
    }
  }
}
