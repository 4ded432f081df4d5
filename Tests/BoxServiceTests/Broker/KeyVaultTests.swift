import Attestation
import AttestationMint
import CanonicalJSON
import Cryptography
import Foundation
import Governance
import HTTPClient
import HTTPServer
import HostCalls
import Synchronization
import TestSupport
import Testing

@testable import BoxService
@testable import KeyRelease

/// What is looked at again when a release is carried out, whatever was true when it was asked for.
@Suite(.timeLimit(.minutes(5)))
struct KeyVaultTests {
  /// Unwraps after something has happened.
  private struct Meddler: KeyEncryptionKey {
    let file: FileKey
    let happens: @Sendable () async throws -> Void
    var provider: String { file.provider }
    var identifier: String { file.identifier }
    func wrap(_ key: SecretBytes, context: WrappingContext) async throws(KeyEncryptionFault) -> [UInt8] {
      try await file.wrap(key, context: context)
    }
    func unwrap(_ wrapped: [UInt8], context: WrappingContext) async throws(KeyEncryptionFault) -> SecretBytes {
      do { try await happens() } catch { throw .unavailable("\(error)") }
      return try await file.unwrap(wrapped, context: context)
    }
  }

  /// The broker's vault with another key-encryption key in its place.
  private static func vault(
    _ broker: TestBroker, happens: @escaping @Sendable () async throws -> Void = {}
  ) async throws -> KeyVault {
    let own = try #require(broker.box.box.broker?.vault)
    let clock = broker.home.clock
    return KeyVault(
      origin: own.origin, kek: Meddler(file: try FileKey(path: broker.kek.file("kek")), happens: happens),
      store: own.store, appraisals: own.appraisals, appraiser: own.appraiser,
      sequencer: try broker.box.core().sequencer, blocking: BlockingWork(), freshness: 300_000,
      renewals: EvidenceRenewals(patience: .zero), clock: { clock.now })
  }

  /// A release that waits for people.
  private static func waiting(
    _ broker: TestBroker, _ key: String
  ) async throws -> (id: SHA256Digest, record: KeyReleaseRecord) {
    do {
      _ = try await broker.client().release(
        key, wrapping: .generate(), patience: .zero, attester: { StandIn.evidence($0) })
    } catch KeyReleaseFailure.undecided(let id, _) {
      let opened = try Opened(try await broker.box.get("/v1/proposals/\(id.hex)").json)
      return (id, try KeyReleaseRecord(params: opened.statement.action.params))
    }
    throw TestFailure("it was released without anybody")
  }

  private static func reason(_ outcome: ExecutionOutcome) -> String? {
    if case .failed(let result, _) = outcome { result["reason"]?.string } else { nil }
  }

  /// Before the release is carried out, and while the token is being waited for.
  @Test func whatTheOwnersTakeAwayMeanwhileEndsIt() async throws {
    try await TestBroker.with(release: TestBroker.two) { broker in
      var stricter = try #require(TestBroker.policy.object)
      stricter["name"] = "another"
      let policy = try #require(
        try await broker.box.call("POST", "/v1/appraisals", .object(stricter)).json["appraisal"]?.string)
      let changes: [(String, String, (String) -> JSON)] = [
        ("key.revoke", "not granted", { ["key": .string($0), "box": "a.example"] }),
        ("key.appraise", "another appraisal policy", { ["key": .string($0), "appraisal": .string(policy)] }),
        ("key.retire", "retired", { ["key": .string($0)] }),
      ]
      for (type, why, params) in changes {
        for isBefore in [true, false] {
          let key = "\(type).\(isBefore)"
          try await broker.key(key)
          let (id, record) = try await Self.waiting(broker, key)
          let change = params(key)
          let vault = try await Self.vault(broker) {
            if !isBefore { try await broker.carryOut(type, change) }
          }
          if isBefore { try await broker.carryOut(type, change) }
          let reason = Self.reason(await vault.release(record, proposal: id))
          #expect(reason?.contains(why) == true, "\(key): \(reason ?? "released")")
          #expect(try await vault.store.document(.sealed, id.hex) == nil)
        }
      }
      // Software that is revoked, which the evidence was accepted for a moment ago.
      let release: JSON = [
        "name": "image", "version": "1",
        "references": ["tpm": ["sha256.pcr4": [.string(String(repeating: "04", count: 32))]]],
      ]
      try await broker.carryOut("release.approve", ["release": release])
      try await broker.key("disk")
      let (id, record) = try await Self.waiting(broker, "disk")
      let quiet = try await Self.vault(broker)
      if let reason = Self.reason(await quiet.release(record, proposal: id)) { Issue.record("\(reason)") }
      let vault = try await Self.vault(broker) {
        try await broker.carryOut("release.revoke", ["name": "image", "version": "1", "reason": "broken"])
      }
      #expect(Self.reason(await vault.release(record, proposal: id))?.contains("has changed meanwhile") == true)
    }
  }

  /// A release is of the evidence that was taken for it, at that time, over that connection.
  @Test func aReleaseThatSaysSomethingElseThanItsEvidenceIsNotCarriedOut() async throws {
    try await TestBroker.with(release: TestBroker.two) { broker in
      try await broker.key()
      let (id, good) = try await Self.waiting(broker, "disk")
      let vault = try await Self.vault(broker)
      func reason(_ name: String, _ value: JSON) async throws -> String? {
        var params = good.params
        params[name] = value
        return Self.reason(await vault.release(try KeyReleaseRecord(params: params), proposal: id))
      }
      let other = JSON.string(SHA256.hash(utf8: "other").hex)
      let changes: [(String, JSON)] = [
        ("appraised", .integer(good.appraised + 1)), ("tls", other), ("evidence", other),
      ]
      for (name, value) in changes {
        #expect(
          try await reason(name, value)?.contains("not the one that the evidence was taken for") == true, "\(name)")
      }
      #expect(try await reason("nonce", other)?.contains("no evidence for that nonce") == true)
      #expect(try await reason("wrapping", other)?.contains("not acceptable any more") == true)
      // Evidence counts for its time, and not a moment longer.
      broker.home.clock.advance(seconds: 300)
      #expect(Self.reason(await vault.release(good, proposal: id)) == nil)
      broker.home.clock.advance(seconds: 1)
      #expect(Self.reason(await vault.release(good, proposal: id))?.contains("301 seconds old") == true)
    }
  }

  /// A crash after the key was stored, and before the log says so.
  @Test func aKeyIsMadeOnce() async throws {
    try await TestBroker.with { broker in
      let vault = try await Self.vault(broker)
      func made() async -> JSONObject? {
        if case .executed(let result, _) = await vault.create("disk", proposal: SHA256.hash([1])) {
          result
        } else {
          nil
        }
      }
      let first = try #require(await made())
      #expect(await made() == first)
    }
  }

  /// What was sealed is what the log says was sealed.
  @Test func anotherSealedKeyInTheStoreIsNotHandedOut() async throws {
    try await TestBroker.with { broker in
      try await broker.key()
      let identity = try TestBroker.identity()
      let client = try broker.client(identity: identity)
      let wrapping = X25519.PrivateKey.generate()
      let released = try await client.release(
        "disk", wrapping: wrapping, patience: .seconds(60), attester: { StandIn.evidence($0) })
      let vault = try #require(broker.box.box.broker?.vault)
      try await vault.store.keep(.sealed, released.release.hex, [1, 2, 3])
      await #expect {
        _ = try await client.ask("/v1/releases/\(released.release.hex)", [:])
      } throws: { if case .unreachable? = $0 as? KeyReleaseFailure { true } else { false } }
    }
  }

  /// Evidence can fail in more ways than an entry holds: the first stand in it.
  @Test func aRefusalFitsIntoItsEntry() async throws {
    let count = Mutex(0)
    let appraiser = EvidenceAppraiser { question in
      var verdict = TestBroker.appraiser.appraise(question)
      let number = count.withLock { count in
        count += 1
        return count
      }
      // The first is accepted when it is asked for, and not any more when it is carried out.
      if number > 1 {
        verdict.failures = (0..<200).map { .init(reading: "check.\($0)", expected: "this", actual: "that") }
        verdict.registers = (0..<200).map { "sha256.pcr\($0)" }
      }
      return verdict
    }
    try await TestBroker.with(appraiser: appraiser) { broker in
      try await broker.key()
      for reason in ["release.failed", "check.0"] {
        do {
          _ = try await broker.client().release(
            "disk", wrapping: .generate(), patience: .seconds(60), attester: { StandIn.evidence($0) })
          Issue.record("it is released")
        } catch KeyReleaseFailure.refused(let entry, let actual, _, let registers) {
          #expect(actual == reason && entry != nil && registers.count == KeyRefusalRecord.Limits.registers)
        }
      }
      let ended = try #require(try broker.entries(.executionFinished).first { $0["result"]?["checks"] != nil })
      #expect(ended["result"]?["checks"]?.array?.count == KeyRefusalRecord.Limits.checks)
      #expect(try broker.refusals().first?["checks"]?.array?.count == KeyRefusalRecord.Limits.checks)
    }
  }

  /// A release that the fold does not take is refused in so many words, and recorded.
  @Test func withoutAPolicyForReleasesEachIsRefused() async throws {
    try await TestBroker.with(release: nil) { broker in
      try await broker.key()
      await #expect {
        _ = try await broker.client().release(
          "disk", wrapping: .generate(), patience: .zero, attester: { StandIn.evidence($0) })
      } throws: { if case .refused? = $0 as? KeyReleaseFailure { true } else { false } }
      #expect(try broker.refusals().count == 1)
    }
  }

  /// Whoever can reach the broker must not fill its log, neither with refusals nor with enrolments.
  @Test func whatIsRecordedOfOneBoxHasALimit() async throws {
    try await TestBroker.with { broker in
      let authority = try CertificateMint.root("Authority", key: MintKeys.p256)
      let mint = TPMMint.p256()
      let at = CertificateMint.notBefore + 1000
      let anchor = TrustAnchor(
        name: "authority", purpose: .tpm, certificate: authority.certificate, assurance: .software(name: "authority"))
      func asked() async throws -> KeyBroker {
        KeyBroker(
          core: try broker.box.core(), vault: try #require(broker.box.box.broker?.vault), nonces: NonceBook(),
          enrolments: EnrolmentBook(authorities: EnrolmentAuthorities(anchors: [anchor])), clock: { at })
      }
      let peer = SHA256.hash(utf8: "peer")
      let area = try TPMTPublic(mint.area())
      let enrolment = EnrolmentRequest(
        box: "a.example", attestationKey: area, attestationCertificates: [try mint.certificate(by: authority).der],
        endorsementKey: area, endorsementCertificates: [])
      let request = ReleaseRequest(
        key: "disk", box: "a.example", wrapping: [UInt8](repeating: 1, count: 32),
        nonce: [UInt8](repeating: 2, count: 32), evidence: [:])
      let (quiet, busy) = (try await asked(), try await asked())
      for _ in 0..<RefusalPace.Limits.perBox { #expect(busy.pace.admits("a.example", at: at)) }
      func status(_ body: () async throws -> Void) async throws -> Int {
        do { try await body() } catch let problem as Problem { return problem.status }
        return 200
      }
      #expect(try await status { _ = try await quiet.release(request, peer: peer) } == 403)
      #expect(try await status { _ = try await quiet.challenge(enrolment, peer: peer) } == 200)
      let size = try broker.box.box.reader.size()
      #expect(try await status { _ = try await busy.release(request, peer: peer) } == 429)
      #expect(try await status { _ = try await busy.challenge(enrolment, peer: peer) } == 429)
      #expect(try broker.box.box.reader.size() == size)
    }
  }

  /// What only the store could have lost: a policy that nobody can read decides over no key.
  @Test func anUnreadablePolicyDecidesOverNoKey() async throws {
    try await TestBroker.with { broker in
      let digest = try await #require(broker.box.box.broker?.vault).appraisals.keep(Array("{}".utf8))
      let answer = try await broker.box.propose("key.create", ["key": "x", "appraisal": .string(digest.hex)])
      #expect(answer.status == 422)
      #expect(try await broker.box.call("POST", "/v1/appraisals", [:]).status == 422)
    }
    let box = try await TestBox.make(extra: ["keys": ["covers": ["key.*"], "rule": TestBroker.automatic]])
    let answer = try await box.propose("key.retire", ["key": "disk"])
    #expect(answer.status == 422 && answer.json["field"]?.string == "action.type")
    await box.stop()
  }
}

/// The files of a broker: nobody else reads them, and each holds one thing.
@Suite struct BrokerFileTests {
  private static func write(_ text: String, _ directory: TemporaryDirectory, mode: Int = 0o600) throws -> String {
    let path = try directory.write(Array(text.utf8), to: "file")
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    return path
  }

  @Test func anAuthorityIsOneCertificate() throws {
    let directory = try TemporaryDirectory()
    let pem = PEM.encode(
      try CertificateMint.root("Authority", key: MintKeys.p256).certificate.der, label: "CERTIFICATE")
    func anchor(_ text: String, isHardware: Bool = true) throws -> TrustAnchor {
      try BoxBroker.anchor(
        .init(name: "a", certificate: try Self.write(text, directory), isHardware: isHardware))
    }
    #expect(try anchor(pem).assurance == .hardware(vendor: "a"))
    #expect(try anchor(pem, isHardware: false).assurance == .software(name: "a"))
    for text in ["", "nothing", pem + pem] { #expect(throws: (any Error).self) { try anchor(text) } }
    #expect(throws: DataDirectory.Failure.self) {
      try BoxBroker.anchor(.init(name: "a", certificate: "/nowhere", isHardware: true))
    }
  }

  @Test func credentialsAreOneLineThatNobodyElseReads() throws {
    let directory = try TemporaryDirectory()
    let client = HTTPClient()
    defer { client.shutDown() }
    func kek(_ text: String, mode: Int = 0o600) throws {
      let path = try Self.write(text, directory, mode: mode)
      _ = try BoxBroker.kek(
        .awsKMS(endpoint: "https://kms.example", region: "r", key: "k", credentials: path), client: client,
        clock: { 0 })
    }
    try kek("ACCESS:secret")
    try kek("ACCESS:secret\n")
    for (text, mode) in [("ACCESS", 0o600), ("", 0o600), ("ACCESS:secret", 0o644), ("ACCESS:secret", 0o640)] {
      #expect(throws: (any Error).self, "\(text) \(mode)") { try kek(text, mode: mode) }
    }
  }

  @Test func theKeyThatBoxesPinStaysAndIsReadByNobodyElse() async throws {
    let kek = try TemporaryDirectory()
    let home = try await TestBroker.home(kek: kek)
    let first = try await TestBroker(home, kek: kek)
    let key = try #require(first.box.box.brokerAddress).key
    let second = try await first.restarted()
    #expect(second.box.box.brokerAddress?.key == key)
    await second.box.stop()
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: home.directory.brokerKeyPath)
    await #expect(throws: (any Error).self) { _ = try await TestBroker(home, kek: kek) }
  }
}
