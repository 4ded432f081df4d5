import CanonicalJSON
import Cryptography
import Governance
import TestSupport
import Testing

@testable import HostCalls

/// `Telegram.*` against answers as the Bot API gives them. The token stands in the URL: nothing may show it.
@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct TelegramTests {
  private static let token = "123456789:\(MessageBox.canary)"
  private static let hello: JSON = [
    "app": "support", "method": "sendMessage", "params": ["chat_id": -1_001_234, "text": "Hello {{keychain:bot}}"],
  ]
  private static let sent: JSON = [
    "status": 200,
    "body":
      "{\"ok\":true,\"result\":{\"message_id\":42,\"date\":1795257226,\"chat\":{\"id\":-1001234,\"type\":\"group\"},\"text\":\"{path}\"}}",
  ]

  private func box(
    _ service: Service?, token: String = token, isNamed: Bool = true
  ) throws -> (MessageBox, CommunitySettings) {
    let box = try MessageBox()
    let port = service?.port ?? 1
    try box.secret("bot", token, for: ["http://127.0.0.1:\(port)"])
    let settings = try MessageBox.settings(
      ["telegram": [["app": "support", "url": .string("http://127.0.0.1:\(port)"), "secret": "bot"]]],
      port: isNamed ? port : nil)
    return (box, settings)
  }

  private func look(
    _ arguments: JSON, _ box: MessageBox, _ settings: CommunitySettings
  ) async throws -> HostCallOutcome {
    let plan = try box.plan("Telegram.get", arguments, settings)
    guard case .observe(let run) = plan.step else { throw HostCallError("failed", "no look") }
    return await run()
  }

  private func text(_ outcome: HostCallOutcome) -> String {
    switch outcome.result {
    case .success(let json): String(decoding: json.canonicalBytes(), as: UTF8.self)
    case .failure(let error): String(decoding: error.json.canonicalBytes(), as: UTF8.self)
    }
  }

  @Test func aMessageIsSent() async throws {
    let service = try Service(Self.sent)
    let (box, settings) = try box(service)
    let (type, params, facts) = try box.proposal("Telegram.send", Self.hello, settings)
    #expect(type == "telegram.send" && facts == [["apps": "support", "methods": "sendMessage"]])
    #expect(params["chat"] == -1_001_234 && params["community"] == "acme")
    #expect(try box.executor(type).privateParams == ["params"])
    let ending = try await box.send("Telegram.send", Self.hello, settings)
    #expect(ending.kind == .executed && ending.result["id"] == 42 && ending.result["status"] == 200)
    // The peer repeats the path with the token; what is kept of it has none.
    #expect(!ending.holdsTheCanary && ending.opening?.value["text"]?.string?.contains("[redacted]") == true)
    #expect(ending.result["body"] == ending.opening?.commitment.json)
    let request = try await service.request()
    #expect(request.path == "/bot\(Self.token)/sendMessage")
    // A placeholder in a message is text.
    #expect(request.body == "{\"chat_id\":-1001234,\"text\":\"Hello {{keychain:bot}}\"}")
    #expect(service.peer.pending == 0)
  }

  @Test func looksAnswerAtOnce() async throws {
    let service = try Service(
      ["status": 200, "body": "{\"ok\":true,\"result\":[{\"update_id\":1,\"message\":{\"text\":\"{path}\"}}]}"])
    let (box, settings) = try box(service)
    let outcome = try await look(
      ["app": "support", "method": "getUpdates", "params": ["timeout": 0]], box, settings)
    #expect(try outcome.result.get().array?.first?["update_id"] == 1)
    #expect(!text(outcome).contains(MessageBox.canary) && outcome.secrets == ["bot@1"])
    #expect(try await service.request().path == "/bot\(Self.token)/getUpdates")
  }

  @Test(
    arguments: [
      (
        ["status": 400, "body": "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: {path}\"}"], "upstream"
      ),
      (
        [
          "status": 429,
          "body":
            "{\"ok\":false,\"error_code\":429,\"description\":\"Too Many Requests: retry after 5\",\"parameters\":{\"retry_after\":5}}",
        ], "rate_limited"
      ), (["status": 404, "headers": ["Content-Type": "text/html"], "body": "{path}"], "upstream"),
      (["status": 200, "body": "{\"ok\":true"], "upstream"),
      (["status": 200, "body": "{\"ok\":true,\"result\":1}", "cut": 4], "upstream"),
      (["status": 302, "headers": ["Location": "http://127.0.0.1:1/"], "body": "{}"], "upstream"),
    ] as [(JSON, String)])
  func errorsOfLooksShowNoToken(_ answer: JSON, _ code: String) async throws {
    let service = try Service(answer)
    let (box, settings) = try box(service)
    let outcome = try await look(["app": "support", "method": "getMe"], box, settings)
    guard case .failure(let error) = outcome.result else {
      Issue.record("no error")
      return
    }
    #expect(error.code == code && !text(outcome).contains(MessageBox.canary), "\(error)")
    #expect(error.details["retryAfter"] == (code == "rate_limited" ? 5 : nil))
  }

  @Test(
    arguments: [
      (
        ["status": 403, "body": "{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden {path}\"}"],
        Ending.Kind.failed, 403
      ),
      (["status": 429, "body": "{\"ok\":false,\"error_code\":429,\"parameters\":{\"retry_after\":9}}"], .failed, 429),
      (["status": 502, "headers": ["Content-Type": "text/html"], "body": "{path}"], .unknown, nil),
      (["status": 200, "headers": ["Content-Type": "text/plain"], "body": "{path}"], .unknown, nil),
      (["status": 200, "body": "{\"ok\":true,\"result\":{}}", "cut": 7], .unknown, nil),
      (["status": 200, "body": "{\"ok\":false}"], .unknown, nil),
    ] as [(JSON, Ending.Kind, Int64?)])
  func errorsOfChangesShowNoToken(_ answer: JSON, _ kind: Ending.Kind, _ code: Int64?) async throws {
    let service = try Service(answer)
    let (box, settings) = try box(service)
    let ending = try await box.send("Telegram.send", Self.hello, settings)
    #expect(ending.kind == kind && ending.result["code"] == code.map { .integer($0) }, "\(ending.text)")
    #expect(!ending.holdsTheCanary)
    if code == 429 { #expect(ending.result["retryAfter"] == 9) }
  }

  @Test func aPeerThatIsNotThereShowsNoToken() async throws {
    // Port 1 of this machine: nobody listens.
    let (box, settings) = try box(nil)
    let outcome = try await look(["app": "support", "method": "getMe"], box, settings)
    #expect(!text(outcome).contains(MessageBox.canary) && text(outcome).contains("unreachable"))
    let ending = try await box.send("Telegram.send", Self.hello, settings)
    #expect(ending.kind == .failed && !ending.holdsTheCanary)
  }

  @Test(arguments: [
    "canary-7fKq92xLw0/../x", "1:canary-7fKq92xLw0?a=b", "1:canary-7fKq92xLw0\r\nX: y", "canary-7fKq92xLw0",
  ])
  func aSecretThatIsNoTokenIsNotSent(_ token: String) async throws {
    let service = try Service(Self.sent)
    let (box, settings) = try box(service, token: token)
    let ending = try await box.send("Telegram.send", Self.hello, settings)
    #expect(ending.kind == .failed && !ending.holdsTheCanary && service.peer.pending == 0)
    #expect(!text(try await look(["app": "support", "method": "getMe"], box, settings)).contains(MessageBox.canary))
  }

  @Test func loopbackMustBeNamedByTheSettings() async throws {
    let service = try Service(Self.sent)
    let (box, settings) = try box(service, isNamed: false)
    let ending = try await box.send("Telegram.send", Self.hello, settings)
    #expect(ending.kind == .failed && ending.text.contains("loopback") && !ending.holdsTheCanary)
    let outcome = try await look(["app": "support", "method": "getMe"], box, settings)
    #expect(text(outcome).contains("loopback") && service.peer.pending == 0)
  }

  @Test func looksAndChangesDoNotMix() throws {
    let (box, settings) = try box(nil)
    func code(_ method: String, _ name: String) -> String? {
      do {
        _ = try box.plan(method, ["app": "support", "method": .string(name)], settings)
        return nil
      } catch {
        return error.code
      }
    }
    for name in ["getMe", "getChat", "getUpdates"] {
      #expect(code("Telegram.get", name) == nil && code("Telegram.send", name) == "bad_argument")
    }
    for name in ["sendMessage", "deleteMessage", "setWebhook", "logOut", "close"] {
      #expect(code("Telegram.send", name) == nil && code("Telegram.get", name) == "bad_argument")
    }
    // Other spellings of the same method, which the API would take, and what is no method at all.
    for name in [
      "GetMe", "getme", "GETME", "SendMessage", "get", "getMe/../sendMessage", "sendMessage?chat_id=1", "send Message",
      "sendMessage\r\n", "", "%73endMessage", "getMe#", "s\u{E9}nd",
    ] {
      #expect(code("Telegram.get", name) == "bad_argument" && code("Telegram.send", name) == "bad_argument", "\(name)")
    }
    var other = Self.hello.object ?? [:]
    other["app"] = "sales"
    let error = #expect(throws: HostCallError.self) { _ = try box.plan("Telegram.send", .object(other), settings) }
    #expect(error?.code == "no_route")
    other["app"] = "../support"
    #expect(throws: HostCallError.self) { _ = try box.plan("Telegram.send", .object(other), settings) }
    other["app"] = "support"
    other["params"] = ["text": .string(String(repeating: "x", count: 64 << 10))]
    #expect(throws: HostCallError.self) { _ = try box.plan("Telegram.send", .object(other), settings) }
  }

  @Test func theChatThatApproversReadIsTheChat() async throws {
    let service = try Service(Self.sent)
    let (box, settings) = try box(service)
    let good = try box.proposal("Telegram.send", Self.hello, settings).params
    for chat: JSON? in [-1, "@other", nil] {
      var params = good
      params["chat"] = chat
      let executor = try box.executor("telegram.send")
      let ending = Ending(await executor.execute(try box.order("telegram.send", params, settings)))
      #expect(ending.kind == .failed && ending.text.contains("chat"))
    }
    #expect(service.peer.pending == 0)
  }
}
