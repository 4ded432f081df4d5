import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import HostCalls

/// `SMS.send` against answers as Twilio's Messages resource gives them.
@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct SMSTests {
  private static let account = "AC" + String(repeating: "0123456789abcdef", count: 2)
  private static let sid = "SM" + String(repeating: "fedcba9876543210", count: 2)
  private static let queued = """
    {"account_sid":"\(account)","api_version":"2010-04-01","body":"Hello","date_created":"Sat, 21 Nov 2026 10:33:46 +0000",
    "direction":"outbound-api","error_code":null,"error_message":null,"from":"+15550001111","messaging_service_sid":null,
    "num_media":"0","num_segments":"1","price":null,"price_unit":"USD","sid":"\(sid)","status":"queued","to":"+15552223333",
    "uri":"/2010-04-01/Accounts/\(account)/Messages/\(sid).json"}
    """
  private static let arguments: JSON = ["to": "+15552223333", "body": "Hello & welcome = 5 \u{20AC}\n+1"]

  private func box(_ service: Service, isNamed: Bool = true) throws -> (MessageBox, CommunitySettings) {
    let box = try MessageBox()
    try box.secret("twilio", MessageBox.canary, for: ["http://127.0.0.1:\(service.port)"])
    let settings = try MessageBox.settings(
      [
        "sms": [
          "url": .string(service.url), "account": .string(Self.account), "secret": "twilio", "from": "+15550001111",
          "senders": ["Acme", .string("MG" + String(repeating: "0", count: 32))],
        ]
      ], port: isNamed ? service.port : nil)
    return (box, settings)
  }

  @Test func aMessageIsQueuedOnce() async throws {
    let service = try Service(["status": 201, "body": .string(Self.queued)])
    let (box, settings) = try box(service)
    let (type, params, facts) = try box.proposal("SMS.send", Self.arguments, settings)
    #expect(type == "sms.send" && facts == [["recipients": "+15552223333"]])
    #expect(try box.executor(type).privateParams == ["body"] && params["from"] == "+15550001111")
    let ending = try await box.send("SMS.send", Self.arguments, settings)
    #expect(ending.kind == .executed && !ending.holdsTheCanary)
    #expect(
      JSON.object(ending.result) == [
        "id": .string(Self.sid), "state": "queued", "status": 201, "secrets": ["twilio@1"],
      ])
    let request = try await service.request()
    #expect(request.path == "/2010-04-01/Accounts/\(Self.account)/Messages.json")
    #expect(
      request.headers["authorization"]
        == .string(
          "Basic " + Base64.encode("\(Self.account):\(MessageBox.canary)".utf8)))
    #expect(request.headers["content-type"] == "application/x-www-form-urlencoded")
    #expect(
      request.body == "To=%2B15552223333&From=%2B15550001111&Body=Hello+%26+welcome+%3D+5+%E2%82%AC%0A%2B1")
    #expect(service.peer.pending == 0)
  }

  @Test func aServiceIsNamedByItsSID() async throws {
    let service = try Service(["status": 201, "body": .string(Self.queued)])
    let (box, settings) = try box(service)
    let sender = "MG" + String(repeating: "0", count: 32)
    _ = try await box.send("SMS.send", ["to": "+15552223333", "body": "x", "from": .string(sender)], settings)
    #expect(try await service.request().body.contains("&MessagingServiceSid=\(sender)&"))
  }

  @Test(
    arguments: [
      (
        [
          "status": 400,
          "body":
            "{\"code\":21211,\"message\":\"Invalid 'To' {authorization}\",\"more_info\":\"https://x\",\"status\":400}",
        ], Ending.Kind.failed, 21211
      ),
      (
        ["status": 401, "body": "{\"code\":20003,\"message\":\"Authenticate {authorization}\",\"status\":401}"],
        .failed, 20003
      ),
      (["status": 404, "headers": ["Content-Type": "text/html"], "body": "<p>{authorization}</p>"], .failed, nil),
      (["status": 302, "headers": ["Location": "http://127.0.0.1:1/"], "body": ""], .failed, nil),
      (["status": 503, "body": "{\"code\":20503,\"status\":503}"], .failed, 20503),
      (["status": 503, "headers": ["Content-Type": "text/html"], "body": "gateway"], .unknown, nil),
      (["status": 500, "body": "{\"code\":20500,\"status\":500}"], .unknown, 20500),
      (["status": 502, "body": "{}"], .unknown, nil),
      (["status": 201, "body": "{\"sid\":\"{authorization}\",\"status\":\"queued\"}"], .unknown, nil),
      (["status": 200, "headers": ["Content-Type": "text/html"], "body": "Welcome to the hotel"], .unknown, nil),
      (["status": 201, "body": "{\"sid\":"], .unknown, nil), (["status": 201, "body": "[]"], .unknown, nil),
      (["status": 201, "body": "{\"sid\":\"SM00\"}", "cut": 5], .unknown, nil),
    ] as [(JSON, Ending.Kind, Int64?)])
  func otherAnswersAreTold(_ answer: JSON, _ kind: Ending.Kind, _ code: Int64?) async throws {
    let service = try Service(answer)
    let (box, settings) = try box(service)
    let ending = try await box.send("SMS.send", Self.arguments, settings)
    #expect(ending.kind == kind, "\(ending.text)")
    #expect(ending.result["code"] == code.map { .integer($0) } && !ending.holdsTheCanary)
    _ = try await service.request()
    #expect(service.peer.pending == 0)
  }

  @Test func aLimitSaysWhenToComeBack() async throws {
    let service = try Service([
      "status": 429, "headers": ["Retry-After": "7"],
      "body": "{\"code\":20429,\"message\":\"Too many\",\"status\":429}",
    ])
    let (box, settings) = try box(service)
    let ending = try await box.send("SMS.send", Self.arguments, settings)
    #expect(ending.kind == .failed && ending.result["retryAfter"] == 7 && ending.result["code"] == 20429)
  }

  @Test func loopbackMustBeNamedByTheSettings() async throws {
    let service = try Service(["status": 201, "body": .string(Self.queued)])
    let (box, settings) = try box(service, isNamed: false)
    let ending = try await box.send("SMS.send", Self.arguments, settings)
    #expect(ending.kind == .failed && ending.text.contains("loopback") && service.peer.pending == 0)
  }

  @Test func numbersTextsAndSendersAreChecked() throws {
    let box = try MessageBox()
    let settings = try MessageBox.settings(
      ["sms": ["account": .string(Self.account), "secret": "twilio", "from": "Acme"]], port: nil)
    func code(_ arguments: JSON) -> String? {
      do {
        _ = try box.plan("SMS.send", arguments, settings)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code(["to": "+15552223333", "body": "x"]) == nil)
    for number in [
      "15552223333", "+05552223333", "+1", "+1555222", "+1234567890123456", "+1555222333\r\n3", "+1 5552223333", "",
      "+1555222333\u{0663}", "whatsapp:+15552223333",
    ] where number != "+1555222" {
      #expect(code(["to": .string(number), "body": "x"]) == "bad_argument", "\(number)")
    }
    #expect(code(["to": ["+15552223333", "+15552223334"], "body": "x"]) == "bad_argument")
    #expect(code(["to": "+15552223333", "body": ""]) == "bad_argument")
    #expect(code(["to": "+15552223333", "body": .string(String(repeating: "x", count: 1600))]) == nil)
    #expect(code(["to": "+15552223333", "body": .string(String(repeating: "x", count: 1601))]) == "bad_argument")
    #expect(code(["to": "+15552223333", "body": "a\u{7}"]) == "bad_argument")
    #expect(code(["to": "+15552223333", "body": "x", "from": "+15550009999"]) == "not_granted")
    #expect(code(["to": "+15552223333", "body": "x", "from": "a\r\nb"]) == "bad_argument")
    #expect(code(["to": "+15552223333", "body": "x", "media": "http://x"]) == "bad_argument")
  }
}
