import CanonicalJSON
import Foundation
import TestSupport
import Testing

@testable import HTTPClient

/// Mail to a real server, and to one that breaks in the middle.
@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct MailTests {
  private static let password = "correct horse battery staple"
  private static let login: JSON = ["user": "box", "password": .string(password)]

  private struct Server {
    let peer: PythonPeer
    let client: HTTPClient
    let server: MailServer

    init(_ security: MailServer.Security, _ configuration: JSONObject = [:], trusted: Bool = true) throws {
      var configuration = configuration
      configuration["security"] = configuration["security"] ?? .string(security.rawValue.lowercased())
      peer = try PythonPeer("mail_peer", .object(configuration))
      let port = try #require(peer.ready["port"]?.integer)
      var settings = HTTPClient.Configuration()
      settings.resolver = ScriptedResolver(["127.0.0.1"])
      if trusted { settings.trustedCertificates = try #require(peer.ready["certificate"]?.string) }
      client = HTTPClient(settings)
      server = try MailServer(url: "\(security == .tls ? "smtps" : "smtp")://mail.test:\(port)", security: security)
    }

    func mail(
      to recipients: [String] = ["ann@example.org"], login: MailSubmission.Login? = nil, _ text: String = "Hello\r\n"
    ) -> MailSubmission {
      MailSubmission(
        server: server, login: login, clientName: "box.example", sender: "box@box.example", recipients: recipients,
        message: Array("Subject: x\r\n\r\n\(text)".utf8), deadline: .seconds(120))
    }

    func failure(_ mail: MailSubmission, policy: EgressPolicy = .loopback) async -> MailError? {
      do {
        _ = try await client.submit(mail, policy: policy)
        return nil
      } catch {
        return error
      }
    }
  }

  @Test(arguments: [
    (MailServer.Security.startTLS, ["PLAIN"]), (.startTLS, ["LOGIN"]), (.tls, ["PLAIN", "LOGIN"]),
  ])
  func messagesArriveAsTheyAre(_ security: MailServer.Security, _ mechanisms: [String]) async throws {
    let server = try Server(
      security, ["login": Self.login, "mechanisms": .array(mechanisms.map { .string($0) })])
    let everybody = (0..<40).map { "reader\($0)@example.org" }
    // Dots at line starts, as text, as the whole line, and across the blocks in which libcurl reads.
    let text =
      ".\r\n..\r\n.hidden\r\n" + String(repeating: "." + String(repeating: "x", count: 60) + "\r\n", count: 4000)
      + ".\r\n"
    let mail = server.mail(to: everybody, login: .init(user: "box", password: Self.password), text)
    let reply = try await server.client.submit(mail, policy: .loopback)
    #expect(reply == MailReply(code: 250, enhancedCode: "2.0.0", text: "2.0.0 OK: queued as 4F2A"))
    let received = try await server.peer.next()
    #expect(received["sender"] == "box@box.example")
    #expect(received["recipients"] == .array(everybody.map { .string($0) }))
    #expect(received["hello"] == "box.example")
    #expect(received["tls"] == true)
    #expect(received["user"]?.string?.hasPrefix("box by \(mechanisms[0])") == true)
    #expect(try body(received) == mail.message)
    #expect(server.peer.pending == 0)
  }

  @Test func mailWithoutTLSNeedsToBeAskedForAndPermitted() async throws {
    let server = try Server(.none)
    _ = try await server.client.submit(server.mail(), policy: .loopback)
    #expect(try await server.peer.next()["tls"] == false)
    var policy = EgressPolicy.loopback
    policy.permitsPlainHTTP = false
    let error = await server.failure(server.mail(), policy: policy)
    #expect(error?.kind == .transport(.plainHTTPRefused(server.server.authority)) && error?.mayHaveBeenSent == false)
    let login = await server.failure(server.mail(login: .init(user: "box", password: Self.password)))
    #expect(login?.kind == .submission(.loginWithoutTLS))
    #expect(server.peer.pending == 0)
  }

  @Test func aServerWithoutStartTLSGetsNothing() async throws {
    let server = try Server(.startTLS, ["security": "none", "login": Self.login])
    let error = await server.failure(server.mail(login: .init(user: "box", password: Self.password)))
    guard case .transport(.tls) = error?.kind else {
      Issue.record("unexpected \(String(describing: error))")
      return
    }
    #expect(error?.mayHaveBeenSent == false && server.peer.pending == 0)
  }

  @Test(arguments: [MailServer.Security.startTLS, .tls]) func strangersAreNotTrusted(
    _ security: MailServer.Security
  ) async throws {
    let server = try Server(security, trusted: false)
    let error = await server.failure(server.mail())
    guard case .transport(.tls(host: "mail.test", _)) = error?.kind else {
      Issue.record("unexpected \(String(describing: error))")
      return
    }
    #expect(error?.mayHaveBeenSent == false && server.peer.pending == 0)
  }

  @Test func oneRefusedRecipientStopsTheMail() async throws {
    let server = try Server(.none, ["refuse": ["bob@example.org"]])
    let error = await server.failure(server.mail(to: ["ann@example.org", "bob@example.org", "cid@example.org"]))
    guard case .refused(.recipient(1), let reply) = error?.kind else {
      Issue.record("unexpected \(String(describing: error))")
      return
    }
    #expect(reply.code == 550 && reply.enhancedCode == "5.1.1" && error?.mayHaveBeenSent == false)
    #expect(error?.description == "the mail server refused recipient 2: 550 5.1.1")
    #expect(server.peer.pending == 0)
  }

  @Test func aWrongPasswordIsRefusedAndNotRepeated() async throws {
    let server = try Server(.startTLS, ["login": Self.login])
    let error = await server.failure(server.mail(login: .init(user: "box", password: "wrong-canary-4711")))
    guard case .refused(.login, let reply) = error?.kind else {
      Issue.record("unexpected \(String(describing: error))")
      return
    }
    #expect(reply.code == 535 && error?.mayHaveBeenSent == false)
    // The server repeats the password; the sentence does not.
    #expect(error?.description.contains("canary") == false)
    #expect(server.peer.pending == 0)
  }

  @Test func aLoginThatIsNotOfferedStopsTheMail() async throws {
    let server = try Server(.startTLS, ["mechanisms": []])
    let error = await server.failure(server.mail(login: .init(user: "box", password: Self.password)))
    #expect(error?.kind == .loginNotOffered && error?.mayHaveBeenSent == false && server.peer.pending == 0)
  }

  @Test(arguments: ["554 5.7.1 spam", "451 later", "421 closing"])
  func aRefusedMessageWasNotSent(_ answer: String) async throws {
    let server = try Server(.none, ["answer": .string(answer)])
    let error = await server.failure(server.mail())
    guard case .refused(.message, let reply) = error?.kind else {
      Issue.record("unexpected \(String(describing: error))")
      return
    }
    #expect(answer.hasPrefix("\(reply.code)") && error?.mayHaveBeenSent == false)
  }

  @Test(arguments: [("recipient", false), ("message", true)])
  func aLostConnectionIsUnknownOnlyAfterTheMessage(_ place: String, _ mayHaveBeenSent: Bool) async throws {
    let server = try Server(.none, ["lose": .string(place)])
    let error = await server.failure(server.mail())
    #expect(error != nil && error?.mayHaveBeenSent == mayHaveBeenSent)
  }

  @Test func privateServersMustBeNamed() async throws {
    let server = try Server(.none)
    for policy in [EgressPolicy.publicInternet, EgressPolicy(publicPorts: .none, permitsPlainHTTP: true)] {
      let error = await server.failure(server.mail(), policy: policy)
      guard case .transport(.addressRefused(let refusal)) = error?.kind else {
        Issue.record("unexpected \(String(describing: error))")
        continue
      }
      #expect(refusal.address.description == "127.0.0.1" && error?.mayHaveBeenSent == false)
    }
    // The gate at the socket holds by itself.
    let engine = try #require(TransferEngine(configuration: HTTPClient.Configuration()))
    let job = MailJob(
      mail: server.mail(), addresses: [IPAddress(v4: 0x7f00_0001)], policy: .publicInternet,
      configuration: HTTPClient.Configuration(), deadline: .now.advanced(by: .seconds(60)))
    let result: Result<MailReply, MailError> = await withCheckedContinuation { continuation in
      let order = TransferOrder(job) { continuation.resume(returning: $0) }
      #expect(engine.start(order, ticket: TransferEngine.Ticket()))
      engine.retire()
    }
    guard case .failure(let error) = result, case .transport(.addressRefused) = error.kind else {
      Issue.record("the socket was opened")
      return
    }
    for url in ["smtp://127.0.0.1:\(server.server.port)", "smtp://2130706433:\(server.server.port)"] {
      var mail = server.mail()
      mail.server = try MailServer(url: url, security: .none)
      guard case .transport(.addressRefused) = await server.failure(mail, policy: .publicInternet)?.kind else {
        Issue.record("\(url) was not refused")
        continue
      }
    }
    #expect(server.peer.pending == 0)
  }

  @Test func nothingSlipsInBesideTheMail() async throws {
    let server = try Server(.none)
    let good = server.mail()
    func fault(_ change: (inout MailSubmission) -> Void) async -> MailFault? {
      var mail = good
      change(&mail)
      guard case .submission(let fault) = await server.failure(mail)?.kind else { return nil }
      return fault
    }
    for bad in [
      "a@b>\r\nRCPT TO:<evil@example.org", "a@b\n", "a@b\0", "<a@b>", "a b@c", "", "@", "a@", "a@b@c", "a\u{E9}@b",
    ] {
      #expect(await fault { $0.sender = bad } == .sender, "\(bad)")
      #expect(await fault { $0.recipients = ["ann@example.org", bad] } == .recipient(1), "\(bad)")
    }
    #expect(await fault { $0.recipients = [] } == .recipientCount(0))
    #expect(await fault { $0.recipients = Array(repeating: "a@b.c", count: 1001) } == .recipientCount(1001))
    for bad in ["box\r\nMAIL FROM:<x@y>", "box/x", "", "127.0.0.1", "box x"] {
      #expect(await fault { $0.clientName = bad } == .clientName, "\(bad)")
    }
    for bad in ["x", "x\n", "x\r", "x\n.\nMAIL\r\n", "x\r.\r\n", "x\0\r\n"] {
      #expect(await fault { $0.message = Array(bad.utf8) } == .lineEnd, "\(bad)")
    }
    #expect(await fault { $0.message = Array(repeating: 0x78, count: 999) + [13, 10] } == .lineTooLong)
    #expect(server.peer.pending == 0)
  }

  @Test(arguments: [
    "smtp://", "http://mail.test", "mail.test", "smtp://a@mail.test", "smtp://mail.test/x", "smtp://mail.test?x",
    "smtp://mail.test#x", "smtp://mail.test:0", "smtp://mail test", "smtps://mail.test", "smtp://mail.test:65536",
  ])
  func oddServersAreRefused(_ url: String) {
    #expect(throws: URLFault.self) { _ = try MailServer(url: url, security: .startTLS) }
  }

  @Test func portsHaveDefaults() throws {
    #expect(try MailServer(url: "smtp://mail.test", security: .startTLS).port == 587)
    #expect(try MailServer(url: "smtp://mail.test:80", security: .startTLS).port == 80)
    #expect(try MailServer(url: "smtps://[2001:db8::1]", security: .tls).authority == "[2001:db8::1]")
    #expect(try MailServer(url: "smtps://[2001:db8::1]:25", security: .tls).authority == "[2001:db8::1]:25")
  }

  @Test func cancellingEndsIt() async throws {
    // A server that never greets.
    let listener = try LoopbackServer { _, _ in }
    let server = try MailServer(url: "smtp://127.0.0.1:\(listener.port)", security: .none)
    let task = Task {
      let mail = MailSubmission(
        server: server, clientName: "box.example", sender: "a@b.c", recipients: ["d@e.f"], message: [13, 10])
      return try await HTTPClient().submit(mail, policy: .loopback)
    }
    while listener.connectionCount == 0 { await Task.yield() }
    task.cancel()
    let result = await task.result
    #expect(throws: MailError.self) { _ = try result.get() }
    listener.stop()
  }

  private func body(_ received: JSON) throws -> [UInt8] {
    let text = try #require(received["raw"]?.string)
    return [UInt8](try #require(Data(base64Encoded: text)))
  }
}
