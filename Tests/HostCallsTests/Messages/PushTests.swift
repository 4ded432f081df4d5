import CanonicalJSON
import Cryptography
import TestSupport
import Testing

@testable import HostCalls

/// `Push.send` by Web Push, read by another implementation, and by Firebase's HTTP v1 shape.
@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct WebPushTests {
  private static let vapid = P256.PrivateKey.generate()
  private static let browser = P256.PrivateKey.generate()
  private static let auth = SecureRandom.bytes(16)

  private static func hex(_ key: P256.PrivateKey) -> String { key.rawScalar.withUnsafeBytes { Hex.encode($0) } }

  private func subscription(_ service: Service) -> JSON {
    [
      "endpoint": .string("\(service.url)/push/abc?x=1"), "expirationTime": nil,
      "keys": [
        "p256dh": .string(Base64.encodeURL(Self.browser.publicKey.x963)), "auth": .string(Base64.encodeURL(Self.auth)),
      ],
    ]
  }

  private func box(
    _ service: Service, hosts: [String]? = nil, isNamed: Bool = true
  ) throws -> (MessageBox, CommunitySettings) {
    let box = try MessageBox()
    try box.secret(
      "vapid", Self.vapid.rawScalar.withUnsafeBytes { Base64.encodeURL($0) },
      for: hosts ?? ["http://127.0.0.1:\(service.port)"], kind: .key)
    let settings = try MessageBox.settings(
      ["push": ["webpush": ["subject": "mailto:ops@acme.example", "secret": "vapid", "ttl": 60]]],
      port: isNamed ? service.port : nil)
    return (box, settings)
  }

  private func arguments(_ service: Service, _ extra: JSONObject = [:]) -> JSON {
    var arguments: JSONObject = [
      "service": "webpush", "to": subscription(service), "title": "Gr\u{FC}\u{DF}e", "body": "two\nlines",
    ]
    for (name, value) in extra { arguments[name] = value }
    return .object(arguments)
  }

  @Test func aBrowserCanReadIt() async throws {
    let service = try Service(["status": 201, "headers": ["Location": "https://push.example/receipt/1"]])
    let (box, settings) = try box(service)
    let arguments = arguments(service, ["data": ["url": "/x"], "badge": 3, "sound": "ding"])
    let (type, params, facts) = try box.proposal("Push.send", arguments, settings)
    #expect(type == "push.send")
    #expect(facts == [["services": "webpush", "recipients": "\(service.url)/push/abc?x=1"]])
    // The browser's keys are not for the log.
    #expect(try box.executor(type).privateParams == ["keys", "body", "data"] && params["keys"] != nil)
    let ending = try await box.send("Push.send", arguments, settings)
    #expect(ending.kind == .executed && JSON.object(ending.result) == ["status": 201, "secrets": ["vapid@1"]])

    let request = try await service.request()
    #expect(request.path == "/push/abc?x=1" && request.headers["ttl"] == "60")
    #expect(request.headers["content-encoding"] == "aes128gcm")
    let authorization = try #require(request.headers["authorization"])
    let asked: JSON = [
      "private": .string(Self.hex(Self.browser)), "auth": .string(Base64.encodeURL(Self.auth)),
      "body": .string(Base64.encode(request.bytes)), "authorization": authorization,
    ]
    let read = try Subprocess.run(
      PythonPeer.interpreter, ["-B", Vectors.packageRoot + "/Tests/Peers/webpush_open.py"],
      input: asked.canonicalBytes())
    try #require(read.status == 0, "\(read.errors)")
    let opened = try JSON(parsing: read.output, limits: .document(maxBytes: 1 << 20))
    #expect(
      opened["message"] == [
        "title": "Gr\u{FC}\u{DF}e", "body": "two\nlines", "data": ["url": "/x"], "badge": 3, "sound": "ding",
      ])
    #expect(
      opened["claims"] == [
        "aud": .string(service.url), "exp": .integer(MessageBox.now / 1000 + 3600), "sub": "mailto:ops@acme.example",
      ])
    #expect(opened["key"] == .string(Base64.encodeURL(Self.vapid.publicKey.x963)))
  }

  @Test(
    arguments: [
      (410, Ending.Kind.failed, "gone"), (404, .failed, "gone"), (400, .failed, nil), (413, .failed, nil),
      (500, .unknown, nil), (502, .unknown, nil), (503, .unknown, nil), (204, .unknown, nil), (301, .failed, nil),
    ] as [(Int64, Ending.Kind, String?)])
  func otherAnswersAreTold(_ status: Int64, _ kind: Ending.Kind, _ code: String?) async throws {
    let service = try Service(["status": .integer(status), "headers": ["Location": "http://127.0.0.1:1/"]])
    let (box, settings) = try box(service)
    let ending = try await box.send("Push.send", arguments(service), settings)
    #expect(ending.kind == kind && ending.result["code"] == code.map { .string($0) }, "\(ending.text)")
  }

  @Test func aLimitSaysWhenToComeBack() async throws {
    for status: Int64 in [429, 503] {
      let service = try Service(["status": .integer(status), "headers": ["Retry-After": "30"]])
      let (box, settings) = try box(service)
      let ending = try await box.send("Push.send", arguments(service), settings)
      #expect(ending.kind == .failed && ending.result["retryAfter"] == 30)
    }
  }

  @Test func theKeySignsOnlyForItsServices() async throws {
    let service = try Service(["status": 201])
    let (box, settings) = try box(service, hosts: ["*.push.example.com"])
    let ending = try await box.send("Push.send", arguments(service), settings)
    #expect(ending.kind == .failed && ending.text.contains("not bound") && service.peer.pending == 0)
  }

  @Test func loopbackMustBeNamedByTheSettings() async throws {
    let service = try Service(["status": 201])
    let (box, settings) = try box(service, isNamed: false)
    let ending = try await box.send("Push.send", arguments(service), settings)
    #expect(ending.kind == .failed && ending.text.contains("loopback") && service.peer.pending == 0)
  }

  @Test func argumentsAreChecked() throws {
    let service = try Service(["status": 201])
    let (box, settings) = try box(service)
    func code(_ extra: JSONObject) -> String? {
      do {
        _ = try box.plan("Push.send", arguments(service, extra), settings)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code([:]) == nil)
    #expect(code(["service": "fcm"]) == "bad_argument")
    #expect(code(["service": "fcm", "to": "token"]) == "no_route")
    #expect(code(["service": "apns"]) == "bad_argument")
    #expect(code(["to": "https://push.example/x"]) == "bad_argument")
    #expect(code(["title": "a\r\nb"]) == "bad_argument")
    #expect(code(["body": .string(String(repeating: "x", count: 2049))]) == "bad_argument")
    #expect(code(["data": ["a": 1]]) == "bad_argument")
    #expect(
      code([
        "body": .string(String(repeating: "\u{20AC}", count: 682)),
        "data": ["a": .string(String(repeating: "x", count: 2000))],
      ]) == "bad_argument", "larger than what a push service must take")
    for endpoint in ["http://push.example/x", "https://a@push.example/", "ftp://push.example", "x", "https://a b"] {
      var changed = subscription(service).object ?? [:]
      changed["endpoint"] = .string(endpoint)
      #expect(code(["to": .object(changed)]) == "bad_argument", "\(endpoint)")
    }
    let offCurve = [4] + [UInt8](repeating: 1, count: 64)
    for (name, text) in [
      ("p256dh", Base64.encodeURL(offCurve)), ("p256dh", ""), ("auth", Base64.encodeURL([1, 2, 3])), ("auth", "!!"),
    ] {
      var changed = subscription(service).object ?? [:]
      var keys = changed["keys"]?.object ?? [:]
      keys[name] = .string(text)
      changed["keys"] = .object(keys)
      #expect(code(["to": .object(changed)]) == "bad_argument", "\(name) \(text)")
    }
  }
}

/// RFC 8291 appendix A.
@Suite struct WebPushVectorTests {
  @Test func theExampleOfTheRFC() throws {
    func bytes(_ text: String) throws -> [UInt8] { try #require(Base64.decodeURL(text)) }
    let keys = try WebPushSubscription.Keys(
      [
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
      ], path: "keys")
    let sender = try P256.PrivateKey(rawScalar: bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
    let message = try WebPushEncryption.encrypt(
      Array("When I grow up, I want to be a watermelon".utf8), for: keys, sender: sender,
      salt: bytes("DGv6ra1nlYgDCS1FRnbzlw"))
    #expect(
      Base64.encodeURL(message)
        == "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A"
        + "_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
    #expect(throws: CryptographyError.self) {
      _ = try WebPushEncryption.encrypt([UInt8](repeating: 0, count: 3994), for: keys, sender: sender, salt: [1])
    }
    let longest = try WebPushEncryption.encrypt(
      [UInt8](repeating: 0, count: 3993), for: keys, sender: sender, salt: [UInt8](repeating: 1, count: 16))
    #expect(longest.count == 4096)
  }
}

@Suite(
  .enabled(if: PythonPeer.isReady && Subprocess.find("openssl") != nil, "needs openssl and scripts/setup test"),
  .timeLimit(.minutes(5)))
struct FCMTests {
  private static let token = "fL2k:APA91b-device_token"
  private static let access = "ya29.\(MessageBox.canary)"
  private static let granted: JSON = [
    "status": 200, "headers": ["Content-Type": "application/json; charset=UTF-8"],
    "body": .string("{\"access_token\":\"\(access)\",\"expires_in\":3599,\"token_type\":\"Bearer\"}"),
  ]
  private static let accepted: JSON = [
    "status": 200, "headers": ["Content-Type": "application/json; charset=UTF-8"],
    "body": "{\"name\":\"projects/acme-1/messages/0:1500415314455276%31bd1c9631bd1c96\"}",
  ]
  private static let arguments: JSON = [
    "service": "fcm", "to": .string(token), "title": "Invoice", "body": "is due", "data": ["id": "7"], "badge": 2,
    "sound": "ding",
  ]
  private static let pem: String = {
    let openssl = Subprocess.find("openssl") ?? ""
    let result = try? Subprocess.run(openssl, ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
    return String(decoding: result?.output ?? [], as: UTF8.self)
  }()

  private func box(_ service: Service) throws -> (MessageBox, CommunitySettings) {
    let box = try MessageBox()
    try box.secret("firebase", Self.pem, for: ["http://127.0.0.1:\(service.port)"], kind: .key)
    let settings = try MessageBox.settings(
      [
        "push": [
          "fcm": [
            "url": .string(service.url), "tokenURL": .string(service.url + "/token"), "project": "acme-1",
            "email": "push@acme-1.iam.gserviceaccount.com", "secret": "firebase",
          ]
        ]
      ], port: service.port)
    return (box, settings)
  }

  @Test func aSignedAssertionBuysATokenThatSends() async throws {
    let service = try Service(Self.granted, Self.accepted)
    let (box, settings) = try box(service)
    let (_, params, facts) = try box.proposal("Push.send", Self.arguments, settings)
    #expect(facts == [["services": "fcm", "recipients": Self.token]] && params["to"] == .string(Self.token))
    let ending = try await box.send("Push.send", Self.arguments, settings)
    #expect(ending.kind == .executed && !ending.holdsTheCanary, "\(ending.text)")
    #expect(
      JSON.object(ending.result) == [
        "id": "projects/acme-1/messages/0:1500415314455276%31bd1c9631bd1c96", "status": 200,
        "secrets": ["firebase@1"],
      ])

    let exchange = try await service.request()
    #expect(exchange.path == "/token")
    let prefix = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
    try #require(exchange.body.hasPrefix(prefix))
    let parts = String(exchange.body.dropFirst(prefix.count)).components(".")
    try #require(parts.count == 3)
    let key = try RSA.PrivateKey(pkcs8PEM: Self.pem).publicKey
    let signature = try #require(Base64.decodeURL(parts[2]))
    #expect(key.isValidPKCS1(signature, for: Array("\(parts[0]).\(parts[1])".utf8), hash: .sha256))
    let claims = try JSON(
      parsing: try #require(Base64.decodeURL(parts[1])), limits: .document(maxBytes: 4096))
    let now = MessageBox.now / 1000
    #expect(
      claims == [
        "iss": "push@acme-1.iam.gserviceaccount.com", "aud": .string(service.url + "/token"), "iat": .integer(now),
        "exp": .integer(now + 3600), "scope": "https://www.googleapis.com/auth/firebase.messaging",
      ])

    let message = try await service.request()
    #expect(message.path == "/v1/projects/acme-1/messages:send")
    #expect(message.headers["authorization"] == .string("Bearer \(Self.access)"))
    #expect(
      try JSON(parsing: message.bytes, limits: .document(maxBytes: 8192)) == [
        "message": [
          "token": .string(Self.token), "notification": ["title": "Invoice", "body": "is due"], "data": ["id": "7"],
          "android": ["notification": ["sound": "ding"]], "apns": ["payload": ["aps": ["badge": 2, "sound": "ding"]]],
        ]
      ])
    #expect(service.peer.pending == 0)
  }

  @Test(
    arguments: [
      (
        [
          "status": 404,
          "body":
            "{\"error\":{\"code\":404,\"message\":\"{authorization}\",\"status\":\"NOT_FOUND\",\"details\":[{\"@type\":\"type.googleapis.com/google.firebase.fcm.v1.FcmError\",\"errorCode\":\"UNREGISTERED\"}]}}",
        ], Ending.Kind.failed, "UNREGISTERED"
      ),
      (
        ["status": 400, "body": "{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\"}}"], .failed,
        "INVALID_ARGUMENT"
      ),
      (["status": 401, "body": "{\"error\":{\"code\":401,\"status\":\"{authorization}\"}}"], .failed, nil),
      (["status": 503, "body": "{\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}"], .failed, "UNAVAILABLE"),
      (["status": 500, "body": "{\"error\":{\"code\":500,\"status\":\"INTERNAL\"}}"], .unknown, "INTERNAL"),
      (["status": 200, "body": "{\"name\":\"{authorization}\"}"], .unknown, nil),
      (["status": 200, "headers": ["Content-Type": "text/plain"], "body": "ok"], .unknown, nil),
      (["status": 200, "body": "{\"name\":\"projects/acme-1/messages/1\"}", "cut": 9], .unknown, nil),
    ] as [(JSON, Ending.Kind, String?)])
  func otherAnswersAreTold(_ answer: JSON, _ kind: Ending.Kind, _ code: String?) async throws {
    let service = try Service(Self.granted, answer)
    let (box, settings) = try box(service)
    let ending = try await box.send("Push.send", Self.arguments, settings)
    #expect(ending.kind == kind && ending.result["code"] == code.map { .string($0) }, "\(ending.text)")
    #expect(!ending.holdsTheCanary)
  }

  @Test func aLimitSaysWhenToComeBack() async throws {
    let service = try Service(
      Self.granted,
      [
        "status": 429, "headers": ["Retry-After": "60"],
        "body": "{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}",
      ])
    let (box, settings) = try box(service)
    let ending = try await box.send("Push.send", Self.arguments, settings)
    #expect(ending.kind == .failed && ending.result["retryAfter"] == 60)
  }

  @Test(
    arguments: [
      ["status": 400, "body": "{\"error\":\"invalid_grant\",\"error_description\":\"x\"}"],
      ["status": 200, "body": "{\"access_token\":\"a\\r\\nX-Evil: 1\"}"], ["status": 200, "body": "{}"],
      ["status": 200, "headers": ["Content-Type": "text/html"], "body": "{\"access_token\":\"a\"}"],
      ["status": 200, "body": "{\"access_token\":\"a\"}", "cut": 3], ["status": 500, "body": "{}"],
    ] as [JSON])
  func withoutATokenNothingIsSent(_ answer: JSON) async throws {
    let service = try Service(answer, Self.accepted)
    let (box, settings) = try box(service)
    let ending = try await box.send("Push.send", Self.arguments, settings)
    #expect(ending.kind == .failed && ending.text.contains("token"), "\(ending.text)")
    _ = try await service.request()
    #expect(service.peer.pending == 0)
  }

  @Test func aSecretThatIsNoKeyIsNotTold() async throws {
    let service = try Service(Self.granted, Self.accepted)
    let (box, settings) = try box(service)
    try box.secret("firebase", MessageBox.canary, for: ["http://127.0.0.1:\(service.port)"], kind: .key)
    let ending = try await box.send("Push.send", Self.arguments, settings)
    #expect(ending.kind == .failed && !ending.holdsTheCanary && service.peer.pending == 0)
  }
}
