import CanonicalJSON
import Cryptography
import Governance
import Testing

@testable import KeyRelease

/// What a box and a broker say to each other: read strictly, and each mistake named by its field.
@Suite struct BrokerMessagesTests {
  private static func hex(_ byte: UInt8, _ count: Int = 32) -> JSON {
    .string(Hex.encode([UInt8](repeating: byte, count: count)))
  }

  /// `good` is read, and written as it was; with one member exchanged it is refused, and the member named.
  private static func expect(
    _ good: JSON, _ mistakes: [(String, JSON?)], _ location: SourceLocation = #_sourceLocation,
    _ read: (JSON) throws -> JSON
  ) throws {
    #expect(try read(good) == good, sourceLocation: location)
    for (name, value) in mistakes {
      var members = try #require(good.object)
      members[name] = value
      #expect("\(name) \(value?.summary ?? "left out")", sourceLocation: location) {
        _ = try read(.object(members))
      } throws: { ($0 as? FieldError)?.field == name }
    }
  }

  private static func long(_ count: Int) -> JSON { .string(String(repeating: "a", count: count)) }

  @Test func aRequestIsExact() throws {
    let good: JSON = [
      "key": "disk", "box": "a.example", "wrapping": Self.hex(1), "nonce": Self.hex(2), "evidence": ["any": "thing"],
    ]
    try Self.expect(
      good,
      [
        ("key", nil), ("key", ""), ("key", "A Key"), ("key", Self.long(65)), ("box", nil), ("box", ""), ("box", "a+b"),
        ("box", "a b"), ("box", Self.long(256)), ("wrapping", nil), ("wrapping", Self.hex(1, 31)),
        ("wrapping", Self.hex(1, 33)), ("nonce", nil), ("nonce", Self.hex(2, 31)), ("nonce", Self.hex(2, 33)),
        ("evidence", nil), ("further", 1),
      ]
    ) { try ReleaseRequest(json: $0).json }
  }

  @Test func aPollBringsEvidenceWithItsNonceOrNothing() throws {
    try Self.expect(
      ["nonce": Self.hex(2), "evidence": ["any": "thing"]],
      [("nonce", nil), ("nonce", Self.hex(2, 31)), ("nonce", Self.hex(2, 33)), ("further", 1)]
    ) { try ReleasePoll(json: $0).json }
    // Without evidence it is a member that nobody asked for.
    #expect(throws: FieldError.self) { try ReleasePoll(json: ["nonce": Self.hex(2)]) }
    #expect(try ReleasePoll(json: [:]).renewal == nil)
  }

  @Test func anAnswerIsExact() throws {
    let statement = try Statement(
      json: [
        "action": ["type": "key.release", "params": ["key": "disk"]], "box": "broker.example", "epoch": 1,
        "expires": 1_900_000_000, "nonce": Self.hex(3), "policy": Self.hex(4),
      ])
    let released = ReleaseAnswer.released(statement, sealed: [UInt8](repeating: 1, count: 1024)).json
    try Self.expect(
      released,
      [
        ("state", nil), ("state", "open"), ("statement", nil), ("sealed", nil), ("sealed", "?"),
        ("sealed", .string(Base64.encode([UInt8](repeating: 1, count: 1025)))), ("status", "open"),
      ]
    ) { try ReleaseAnswer(json: $0).json }
    try Self.expect(
      ReleaseAnswer.pending(statement, status: String(repeating: "a", count: 64), wantsEvidence: true).json,
      [("status", nil), ("status", Self.long(65)), ("wantsEvidence", nil), ("wantsEvidence", 1), ("sealed", "AA==")]
    ) { try ReleaseAnswer(json: $0).json }
  }

  /// A broker that is busy, or stopping, has said nothing about a release that is under way: whoever took that for an answer
  /// would ask the owners a second time.
  @Test func onlyARefusalIsARefusal() throws {
    func name(_ status: Int, _ answer: JSON) -> String {
      switch KeyReleaseClient.refusal(status, answer) {
      case .refused: "refused"
      case .unreachable: "unreachable"
      case .malformed: "malformed"
      case .evidence, .undecided, .doesNotOpen: "else"
      }
    }
    let problem: JSON = ["code": "busy", "detail": "too many nonces are open"]
    for status in [429, 500, 502, 503] {
      #expect(name(status, problem) == "unreachable" && name(status, [:]) == "unreachable", "\(status)")
    }
    for status in [400, 401, 404, 409, 422] { #expect(name(status, problem) == "malformed", "\(status)") }
    #expect(name(403, problem) == "refused" && name(403, [:]) == "malformed")
    let entry = SHA256.hash([1])
    guard
      case .refused(let found, let reason, let detail, let registers) = KeyReleaseClient.refusal(
        403, ["code": "policy.release", "detail": "d", "entry": .string(entry.hex), "registers": ["sha256.pcr4", 1]])
    else {
      Issue.record("it is no refusal")
      return
    }
    #expect(found == entry && reason == "policy.release" && detail == "d" && registers == ["sha256.pcr4"])
  }

  @Test func aBrokerIsAskedOverTLSAndByNames() throws {
    let identity = try ChannelIdentity(key: .generate(), name: "box", at: 1_900_000_000_000)
    for (url, box, field) in [
      ("http://broker.example:8472", "a.example", "broker"), ("broker.example", "a.example", "broker"),
      ("https://broker.example:8472", "a+b", "box"), ("https://broker.example:8472", "", "box"),
    ] {
      let error = #expect(throws: FieldError.self) {
        try KeyReleaseClient(broker: .init(url: url, key: SHA256.hash([1])), box: box, identity: identity)
      }
      #expect(error?.field == field)
    }
  }
}

/// What evidence is bound to, and what a released key is sealed to.
@Suite struct ReleaseBindingTests {
  private static let good = ReleaseBinding(
    nonce: [UInt8](repeating: 1, count: 32), wrapping: [UInt8](repeating: 2, count: 32),
    tls: SHA256.hash(utf8: "tls"), box: "a.example")

  /// Computed with sha256sum over the bytes that the documentation of `bytes` spells out.
  @Test func theBytesAreFixed() {
    #expect(Hex.encode(Self.good.bytes) == "296ad7e935bda50f6d818f157df78dd088e45ab3fcf15c99cab43fb205c4ac25")
  }

  /// Each part counts, and none of it can move into the next.
  @Test func everyPartCountsInItsPlace() {
    let good = Self.good
    let others = [
      ReleaseBinding(nonce: [UInt8](repeating: 9, count: 32), wrapping: good.wrapping, tls: good.tls, box: good.box),
      ReleaseBinding(nonce: good.nonce, wrapping: [UInt8](repeating: 9, count: 32), tls: good.tls, box: good.box),
      ReleaseBinding(nonce: good.nonce, wrapping: good.wrapping, tls: SHA256.hash([9]), box: good.box),
      ReleaseBinding(nonce: good.nonce, wrapping: good.wrapping, tls: good.tls, box: "b.example"),
      ReleaseBinding(
        nonce: good.nonce + good.wrapping.prefix(1), wrapping: Array(good.wrapping.dropFirst()), tls: good.tls,
        box: good.box),
    ]
    #expect(Set(others.map(\.bytes) + [good.bytes]).count == others.count + 1)
  }

  @Test func whatIsSealedForOneReleaseOpensForNoOther() throws {
    let (own, other) = (X25519.PrivateKey.generate(), X25519.PrivateKey.generate())
    let (release, another) = (SHA256.hash(utf8: "release"), SHA256.hash(utf8: "another"))
    let key = SecretBytes.random(count: 32)
    let sealed = try ReleaseSeal.seal(key, to: own.publicKey, for: release)
    #expect(try ReleaseSeal.open(sealed, with: own, for: release).isEqual(to: key))
    #expect(throws: CryptographyError.self) { try ReleaseSeal.open(sealed, with: own, for: another) }
    #expect(throws: CryptographyError.self) { try ReleaseSeal.open(sealed, with: other, for: release) }
  }
}
