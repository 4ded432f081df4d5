import Attestation
import CanonicalJSON
import Cryptography
import Glibc
import Governance
import HTTPServer
import KeyRelease
import OpenClaims
import Synchronization
import TestSupport
import Testing

@testable import BoxService

/// A broker in this process, and boxes that ask it. The evidence is a stand-in: what the verifiers say of real evidence is
/// theirs, and told elsewhere.
final class TestBroker: Sendable {
  static let automatic: JSON = ["rule": "automatic", "checks": []]
  static let two: JSON = ["rule": "quorum", "committee": "everybody", "threshold": 2]

  let home: TestBox.Home
  let box: TestBox
  let kek: TemporaryDirectory
  let appraisal: String

  /// What stands in the place of evidence: `{"binding", "register", "ak"}`.
  static let appraiser = EvidenceAppraiser { question in
    var failures: [KeyRefusalRecord.FailedCheck] = []
    let binding = question.evidence["binding"]?.string ?? ""
    if binding != Hex.encode(question.binding) {
      failures.append(.init(reading: "tpm.nonce", expected: Hex.encode(question.binding), actual: binding))
    }
    let register = question.evidence["register"]?.string ?? ""
    if register != "good" {
      failures.append(.init(reading: "policy.release", expected: "sha256.pcr4 good", actual: "sha256.pcr4 \(register)"))
    }
    let ak = question.evidence["ak"]?.string.flatMap { Hex.decode($0) }
    if let enrolled = question.enrolment?.ak, enrolled != ak {
      failures.append(.init(reading: "broker.enrolment", expected: "the enrolled key", actual: "another"))
    }
    return EvidenceVerdict(
      evidence: SHA256Digest.of(question.evidence), kind: "tpm", assurance: .software, release: "image 1",
      attestationKey: ak, failures: failures, registers: register == "good" ? [] : ["sha256.pcr4"])
  }

  static let policy: JSON = [
    "format": "safebox-appraisal/v1", "name": "any TPM", "assurance": "any", "anchors": [], "enrolled": [],
    "releases": "any",
    "platforms": [
      "tpm": [
        "bank": "sha256", "registers": "any", "clockSafe": "any", "since": "any", "eventLog": "any",
        "runtime": ["code": "any", "locked": "any"],
      ]
    ],
  ]

  static func home(
    release: JSON? = automatic, refuse: JSON? = automatic, kek: TemporaryDirectory, freshness: Int64 = 300,
    port: UInt16 = 0
  )
    async throws -> TestBox.Home
  {
    var policies: JSONObject = [
      "keys": [
        "covers": [
          "key.create", "key.grant", "key.revoke", "key.retire", "key.appraise", "key.enrol", "key.rotate", "key.erase",
          "release.approve", "release.revoke",
        ], "rule": automatic,
      ]
    ]
    policies["releases"] = release.map { ["covers": ["key.release"], "rule": $0] }
    policies["refusals"] = refuse.map { ["covers": ["key.refuse"], "rule": $0] }
    let path = try kek.write(Array(Hex.encode(SecureRandom.bytes(32)).utf8), to: "kek")
    #expect(chmodPrivate(path))
    return try await TestBox.Home(
      extra: policies,
      configuration: BoxConfiguration(
        listen: .tcp(address: "127.0.0.1", port: 0), admin: .tcp(address: "127.0.0.1", port: 0),
        broker: BrokerConfiguration(
          listen: .tcp(address: "127.0.0.1", port: Int(port)), freshness: freshness, keyEncryption: .file(path: path))))
  }

  init(_ home: TestBox.Home, kek: TemporaryDirectory, appraiser: EvidenceAppraiser = TestBroker.appraiser) async throws
  {
    self.home = home
    self.kek = kek
    box = try await TestBox(home, appraiser: appraiser)
    appraisal = try #require(
      try await box.call("POST", "/v1/appraisals", Self.policy).json["appraisal"]?.string)
  }

  static func with<Result>(
    release: JSON? = automatic, refuse: JSON? = automatic, freshness: Int64 = 300,
    appraiser: EvidenceAppraiser = TestBroker.appraiser, _ body: (TestBroker) async throws -> Result
  ) async throws -> Result {
    let kek = try TemporaryDirectory()
    let broker = try await TestBroker(
      try await home(release: release, refuse: refuse, kek: kek, freshness: freshness), kek: kek, appraiser: appraiser)
    do {
      let result = try await body(broker)
      await broker.box.stop()
      return result
    } catch {
      await broker.box.stop()
      throw error
    }
  }

  func restarted(appraiser: EvidenceAppraiser = TestBroker.appraiser) async throws -> TestBroker {
    await box.stop()
    return try await TestBroker(home, kek: kek, appraiser: appraiser)
  }

  @discardableResult
  func carryOut(_ type: String, _ params: JSON) async throws -> JSON {
    let opened = try await box.open(type, params)
    return try await box.wait(opened, for: "executed")
  }

  /// A key, granted to the box.
  func key(_ name: String = "disk", for box: String? = "a.example") async throws {
    try await carryOut("key.create", ["key": .string(name), "appraisal": .string(appraisal)])
    if let box { try await carryOut("key.grant", ["key": .string(name), "box": .string(box)]) }
  }

  func client(_ box: String = "a.example", identity: ChannelIdentity? = nil) throws -> KeyReleaseClient {
    let (places, key) = try #require(self.box.box.brokerAddress)
    return try KeyReleaseClient(
      broker: .init(url: "https://\(try #require(places.first))", key: key), box: box,
      identity: try identity ?? Self.identity())
  }

  static func identity() throws -> ChannelIdentity {
    try ChannelIdentity(key: .generate(), name: "box", at: 1_900_000_000_000)
  }

  /// The bodies of the entries of this kind, oldest first.
  func entries(_ kind: EntryKind) throws -> [JSON] {
    var bodies: [JSON] = []
    for index in 0..<(try box.box.reader.size()) {
      let entry = try Entry(parsing: try #require(try box.box.reader.entry(index)).bytes)
      if entry.kind == kind { bodies.append(entry.body) }
    }
    return bodies
  }

  /// What was refused, as the entries say.
  func refusals() throws -> [JSON] {
    try entries(.proposalOpened).compactMap { $0["statement"]?["action"] }
      .filter { $0["type"]?.string == "key.refuse" }.compactMap { $0["params"] }
  }

  /// How often a key was released, as the entries say.
  func releases() throws -> Int { try entries(.executionFinished).count { $0["result"]?["sealed"] != nil } }
}

private func chmodPrivate(_ path: String) -> Bool { chmod(path, 0o600) == 0 }

/// Evidence that nobody verifies.
struct StandIn: EvidenceFormat {
  static let kind = EvidenceKind.tpm
  var fields: JSONObject

  struct Claims: EvidenceClaims {
    var assurance: Assurance { .software(name: "none") }
    var registers: [String: [UInt8]] { [:] }
    var json: JSON { [:] }
  }

  struct Policy: PlatformPolicy {
    init(members: inout ObjectReader) throws(FieldError) {}
    var members: JSONObject { [:] }
    var rules: [any AppraisalRule<Claims>] {}
  }

  init(_ fields: JSONObject) { self.fields = fields }
  init(members: inout ObjectReader) throws(FieldError) { fields = [:] }
  var members: JSONObject { fields }
  static func recognise(_ file: RawEvidence) throws(FieldError) -> StandIn? { nil }
  func verify(in context: VerificationContext, into checks: inout CheckList) -> Claims? { nil }
  var explanation: [EvidenceLine] { [] }
  var unverifiedRegisters: [String: [UInt8]] { [:] }

  static func evidence(_ binding: [UInt8], register: String = "good", ak: String? = nil) -> Evidence {
    var fields: JSONObject = ["binding": .string(Hex.encode(binding)), "register": .string(register)]
    fields["ak"] = ak.map { .string($0) }
    return Evidence(StandIn(fields))
  }
}
