import CanonicalJSON
import Testing

@testable import BoxService

/// `broker` in box.json: every mistake is named.
@Suite struct BrokerConfigurationTests {
  private static func text(_ count: Int, _ prefix: String = "") -> JSON {
    .string(prefix + String(repeating: "a", count: count - prefix.utf8.count))
  }

  private static let authority: JSONObject = [
    "name": text(128), "certificate": "/authority.pem", "assurance": "hardware",
  ]
  private static let token: JSONObject = [
    "type": "pkcs11", "module": "/usr/lib/module.so", "token": text(32), "label": text(255), "pin": "/pin",
  ]
  private static let service: JSONObject = [
    "type": "aws-kms", "endpoint": text(2048, "https://"), "region": text(64), "key": text(1024),
    "credentials": text(4096, "/"),
  ]
  private static let file: JSONObject = ["type": "file", "path": "/kek"]
  private static let good: JSONObject = [
    "listen": "127.0.0.1:8472", "freshness": 86_400, "kek": .object(file),
    "authorities": .array([JSON](repeating: .object(authority), count: BrokerConfiguration.maxAuthorities)),
  ]

  private static func parse(_ broker: JSONObject) throws -> BrokerConfiguration? {
    let json: JSON = [
      "format": "safebox-config/v1", "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "broker": .object(broker),
    ]
    return try BoxConfiguration(parsing: json.canonicalBytes()).broker
  }

  @Test func whatIsWrittenIsRead() throws {
    for kek in [Self.file, Self.token, Self.service] {
      var broker = Self.good
      broker["kek"] = .object(kek)
      #expect(try Self.parse(broker)?.json == .object(broker))
    }
    var short = Self.good
    (short["freshness"], short["authorities"]) = (nil, nil)
    #expect(try Self.parse(short)?.freshness == BrokerConfiguration.defaultFreshness)
  }

  private static func mistaken(
    _ kind: JSONObject, _ mistakes: [(String, JSON?)], in path: String,
    _ place: (JSONObject) -> JSONObject
  ) {
    for (name, value) in mistakes {
      var members = kind
      members[name] = value
      #expect("\(path)\(name) \(value?.summary ?? "left out")") {
        _ = try parse(place(members))
      } throws: { ($0 as? FieldError)?.field == "broker.\(path)\(name)" }
    }
  }

  @Test func aMistakeNamesItsField() {
    Self.mistaken(
      Self.good,
      [
        ("listen", nil), ("listen", "unix:/run/broker"), ("listen", "broker"), ("freshness", 0),
        ("freshness", 86_401), ("freshness", "5"), ("kek", nil),
        ("authorities", .array([JSON](repeating: .object(Self.authority), count: 33))), ("further", 1),
      ], in: ""
    ) { $0 }
  }

  @Test func aMistakeInAKeyNamesItsField() {
    func place(_ kek: JSONObject) -> JSONObject {
      var broker = Self.good
      broker["kek"] = .object(kek)
      return broker
    }
    Self.mistaken(
      Self.file, [("type", "hsm"), ("type", nil), ("path", "kek"), ("path", "/k\0"), ("path", nil), ("further", 1)],
      in: "kek.", place)
    Self.mistaken(
      Self.token,
      [
        ("module", "module.so"), ("token", Self.text(33)), ("token", nil), ("label", Self.text(256)), ("label", nil),
        ("pin", "1234"), ("pin", nil), ("path", "/kek"),
      ], in: "kek.", place)
    Self.mistaken(
      Self.service,
      [
        ("endpoint", Self.text(2049)), ("endpoint", nil), ("region", Self.text(65)), ("region", nil),
        ("key", Self.text(1025)), ("key", nil), ("credentials", "secret"), ("credentials", Self.text(4097, "/")),
      ], in: "kek.", place)
  }

  @Test func aMistakeInAnAuthorityNamesItsField() {
    Self.mistaken(
      Self.authority,
      [
        ("name", Self.text(129)), ("name", nil), ("certificate", "authority.pem"), ("certificate", nil),
        ("assurance", "any"), ("assurance", nil), ("further", 1),
      ], in: "authorities[0]."
    ) { authority in
      var broker = Self.good
      broker["authorities"] = [.object(authority)]
      return broker
    }
  }
}
