import CanonicalJSON
import Testing

@testable import HostCalls

/// The settings of a community are decided once and used often: what is odd in them is refused.
@Suite struct MessageRouteTests {
  private static let account = "AC" + String(repeating: "0", count: 32)
  private static let good: [(String, JSON)] = [
    ("mail", ["url": "smtp://mail.example", "from": "a@acme.example"]),
    ("mail", ["url": "smtp://mail.example:25", "security": "none", "from": "a@acme.example"]),
    (
      "mail",
      [
        "url": "smtps://mail.example", "security": "tls", "user": "u", "secret": "mail", "from": "a@acme.example",
        "name": "A", "senders": ["@acme.example", "b@c.example"],
      ]
    ), ("sms", ["account": .string(account), "secret": "twilio", "from": "+15551234567"]),
    ("push", ["webpush": ["subject": "https://acme.example/", "secret": "vapid"]]),
    ("push", ["fcm": ["project": "p", "email": "a@b.example", "secret": "s"]]),
    ("telegram", [["app": "support", "secret": "bot"]]),
  ]

  @Test func whatIsGoodIsTaken() throws {
    for (name, value) in Self.good {
      #expect(throws: Never.self, "\(name)") { _ = try CommunitySettings(json: .object([name: value])) }
    }
    let settings = try CommunitySettings(json: .object([Self.good[0].0: Self.good[0].1]))
    #expect(settings.mail?.server.security == .startTLS && settings.mail?.server.port == 587)
    let telegram = try CommunitySettings(json: ["telegram": [["app": "support", "secret": "bot"]]])
    #expect(telegram.telegram.first?.url.description == "https://api.telegram.org/")
  }

  @Test func unknownMembersAreRefused() throws {
    for (name, value) in Self.good {
      var changed = value.array?.first?.object ?? value.object ?? [:]
      changed["extra"] = 1
      let json: JSON = value.array == nil ? .object(changed) : [.object(changed)]
      #expect(throws: FieldError.self, "\(name)") { _ = try CommunitySettings(json: .object([name: json])) }
    }
  }

  @Test(
    arguments: [
      ("mail", ["url": "smtp://mail.example"]), ("mail", ["url": "https://mail.example", "from": "a@b.example"]),
      ("mail", ["url": "smtp://mail.example", "security": "tls", "from": "a@b.example"]),
      ("mail", ["url": "smtps://mail.example", "security": "none", "from": "a@b.example"]),
      ("mail", ["url": "smtp://mail.example", "security": "maybe", "from": "a@b.example"]),
      ("mail", ["url": "smtp://mail.example", "security": "none", "user": "u", "secret": "s", "from": "a@b.example"]),
      ("mail", ["url": "smtp://mail.example", "user": "u", "from": "a@b.example"]),
      ("mail", ["url": "smtp://mail.example", "secret": "s", "from": "a@b.example"]),
      ("mail", ["url": "smtp://mail.example", "user": "u\r\n", "secret": "s", "from": "a@b.example"]),
      ("mail", ["url": "smtp://mail.example", "from": "a@b.example", "senders": ["*"]]),
      ("mail", ["url": "smtp://mail.example", "from": "a@b.example", "senders": ["@"]]),
      ("mail", ["url": "smtp://u:p@mail.example", "from": "a@b.example"]),
      ("sms", ["account": "AC1", "secret": "s", "from": "+15551234567"]),
      ("sms", ["account": "AC../../../../../../../../../../x", "secret": "s", "from": "+15551234567"]),
      ("sms", ["account": "AC00000000000000000000000000000000", "secret": "s", "from": "a\nb"]),
      ("sms", ["account": "AC00000000000000000000000000000000", "secret": "S S", "from": "Acme"]),
      (
        "sms",
        ["url": "http://sms.example", "account": "AC00000000000000000000000000000000", "secret": "s", "from": "A"]
      ),
      ("push", [:]), ("push", ["fcm": ["project": "../x", "email": "a@b.example", "secret": "s"]]),
      ("push", ["fcm": ["project": "p", "email": "a", "secret": "s"]]),
      ("push", ["webpush": ["subject": "ops@acme.example", "secret": "s"]]),
      ("push", ["webpush": ["subject": "http://acme.example", "secret": "s"]]),
      ("push", ["webpush": ["subject": "mailto:a@b.example", "secret": "s", "ttl": -1]]),
      ("telegram", [["app": "a/b", "secret": "s"]]), ("telegram", [["app": "a"]]),
      ("telegram", [["app": "a", "secret": "s", "url": "https://api.telegram.org/?x=1"]]),
      ("telegram", [["app": "a", "secret": "s", "url": "http://api.telegram.org"]]),
    ] as [(String, JSON)])
  func whatIsOddIsRefused(_ name: String, _ value: JSON) {
    let error = #expect(throws: FieldError.self) { _ = try CommunitySettings(json: .object([name: value])) }
    #expect(error?.field.hasPrefix("settings.\(name)") == true)
  }
}
