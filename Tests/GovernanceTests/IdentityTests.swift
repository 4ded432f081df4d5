import Attestation
import CanonicalJSON
import Cryptography
import OpenClaims
import Testing

@testable import Governance

/// What a box says of itself, and what it measured: how far the fold holds it to that.
@Suite struct IdentityTests {
  private static func identity(_ box: TestBox, counter: Int64? = 1) throws -> BoxIdentity {
    BoxIdentity(
      BoxIdentity.Bound(
        box: TestBox.name, keys: try TestKeys.box(), channel: Array(repeating: 1, count: 32),
        wrapping: Array(repeating: 2, count: 32), nonce: Array(repeating: 3, count: 32), size: box.state.size,
        root: SHA256.hash(utf8: "root"), counter: counter), evidence: SHA256.hash(utf8: "evidence"))
  }

  private static func claim(
    _ identity: BoxIdentity, at now: Int64, issuer: String = TestBox.name, subject: String = TestBox.name,
    key: String = "the box", exp: Int64? = 3600, nonce: String? = "n", signs: Bool = true
  ) throws -> IdentityClaimed {
    let claim = try Claim(
      iss: issuer, sub: subject, stm: identity.stm, exp: exp.map { now / 1000 + $0 }, nce: nonce,
      keys: [try TestKeys.claimKey(key)])
    guard signs else { return try IdentityClaimed(claim: claim) }
    return try IdentityClaimed(claim: try claim.signed(by: ClaimSigner(try TestKeys.privateKey(key))))
  }

  @Test func anIdentityIsKeptWithItsTime() throws {
    var box = try TestBox()
    #expect(box.state.identity == nil)
    let identity = try Self.identity(box)
    try box.apply(try Self.claim(identity, at: box.now))
    let kept = try #require(box.state.identity)
    #expect(kept.identity == identity && kept.index == 1)
    #expect(kept.at == box.now && kept.expires == box.now + 3_600_000)
    // The binding covers everything but the evidence, which is made for it.
    var other = identity
    other.evidence = SHA256.hash(utf8: "other")
    #expect(other.binding == identity.binding)
    for change: (inout BoxIdentity) -> Void in [
      { $0.channel[0] ^= 1 }, { $0.wrapping[0] ^= 1 }, { $0.nonce[0] ^= 1 }, { $0.size += 1 }, { $0.counter = 2 },
      { $0.root = SHA256.hash(utf8: "r") }, { $0.box = "another.example/box" },
    ] {
      var changed = identity
      change(&changed)
      #expect(changed.binding != identity.binding)
    }
  }

  /// Each check taken away lets one of these in.
  @Test func whoeverElseSpeaksForTheBoxIsRefused() throws {
    var box = try TestBox()
    let identity = try Self.identity(box)
    let now = box.now
    func refusal(_ body: IdentityClaimed) -> String? { code { try box.apply(body) } }
    #expect(refusal(try Self.claim(identity, at: now, issuer: "another")) == "claim.issuer")
    #expect(refusal(try Self.claim(identity, at: now, subject: "another")) == "claim.subject")
    #expect(refusal(try Self.claim(identity, at: now, key: "ana")) == "identity.key")
    #expect(refusal(try Self.claim(identity, at: now, signs: false)) == "claim.signature")
    #expect(refusal(try Self.claim(identity, at: now, exp: nil)) == "claim.expiry-missing")
    #expect(refusal(try Self.claim(identity, at: now, exp: 31 * 86_400)) == "claim.expiry-too-far")
    #expect(refusal(try Self.claim(identity, at: now, exp: -1)) == "claim.signature")
    #expect(refusal(try Self.claim(identity, at: now, nonce: nil)) == "claim.nonce")
    for (change, expected): ((inout BoxIdentity) throws -> Void, String) in [
      ({ $0.box = "another.example/box" }, "claim.box"), ({ $0.size = 99 }, "identity.future"),
      ({ $0.keys.es256 = try TestKeys.claimKey("ana").text }, "identity.key"),
      ({ $0.keys.ed25519 += "x" }, "identity.key"),
    ] {
      var changed = identity
      try change(&changed)
      #expect(refusal(try Self.claim(changed, at: now)) == expected)
    }
    // Another's keys in the identity, signed by them.
    var foreign = identity
    foreign.keys.es256 = try TestKeys.claimKey("ana").text
    #expect(refusal(try Self.claim(foreign, at: now, key: "ana")) == "identity.key")
    // A second signer beside the box.
    let two = try Claim(
      iss: TestBox.name, sub: TestBox.name, stm: identity.stm, exp: now / 1000 + 60, nce: "n",
      keys: [try TestKeys.claimKey("the box"), try TestKeys.claimKey("ana")]
    ).signed(by: ClaimSigner(try TestKeys.privateKey("the box")))
    #expect(refusal(try IdentityClaimed(claim: two)) == "claim.keys")
    #expect(box.state.identity == nil)
  }

  @Test func identitiesAndAnswersHaveTheirForm() throws {
    let box = try TestBox()
    let identity = try Self.identity(box)
    guard case .object(let whole) = identity.stm, case .object(let log)? = whole["log"] else { return }
    func with(_ object: JSONObject, _ name: String, _ value: JSON?) -> JSON {
      var copy = object
      copy[name] = value
      return .object(copy)
    }
    #expect(try BoxIdentity(stm: .object(whole)) == identity)
    let malformed: [(String, JSON?)] = [
      ("format", "safebox-identity/v2"), ("further", 1), ("box", "not a box"), ("nonce", "00"), ("channel", "AA=="),
      ("wrapping", nil), ("counter", -1), ("counter", "1"), ("evidence", "00"), ("log", with(log, "further", 1)),
      ("log", with(log, "size", -1)), ("log", with(log, "size", .integer(JSON.maxSafeInteger + 1))),
      ("log", with(log, "root", "00")),
    ]
    for (name, value) in malformed {
      #expect(throws: FieldError.self, "\(name)") { try BoxIdentity(stm: with(whole, name, value)) }
    }
    let claimed = try Self.claim(identity, at: box.now)
    guard case .object(let body) = claimed.body else { return }
    #expect(try IdentityClaimed(body: claimed.body).identity == identity)
    #expect(throws: FieldError.self) { try IdentityClaimed(body: with(body, "further", 1)) }
    let evidence = Evidence(NitroEvidence(document: [1, 2, 3]))
    let answer = AttestationAnswer(nonce: [UInt8](repeating: 5, count: 16), identity: identity, evidence: evidence)
    guard case .object(let members) = answer.json else { return }
    #expect(try AttestationAnswer(json: answer.json).evidence.digest == evidence.digest)
    for (name, value) in [
      ("format", "safebox-attestation/v2"), ("further", 1), ("nonce", .string(String(repeating: "0", count: 30))),
      ("nonce", .string(String(repeating: "0", count: 130))), ("identity", nil), ("evidence", nil),
    ] as [(String, JSON?)] {
      #expect(throws: FieldError.self, "\(name)") { try AttestationAnswer(json: with(members, name, value)) }
    }
  }

  @Test func theCounterNeverGoesBack() throws {
    var box = try TestBox()
    try box.apply(try Self.claim(try Self.identity(box, counter: 5), at: box.now))
    // Between two counts an identity may be claimed again.
    try box.apply(try Self.claim(try Self.identity(box, counter: 5), at: box.now))
    try box.apply(try Self.claim(try Self.identity(box, counter: 6), at: box.now))
    #expect(
      code { try box.apply(try Self.claim(try Self.identity(box, counter: 5), at: box.now)) } == "identity.counter")
    #expect(
      code { try box.apply(try Self.claim(try Self.identity(box, counter: nil), at: box.now)) } == "identity.counter")
  }
}

/// Measured code: before use, in order, and closed when the owners say so.
@Suite struct MeasuredCodeTests {
  private static func box() throws -> TestBox {
    try TestBox.withTools([
      "machine": try Policy("measurement.*", "release.*", "model.*", "runner.*", rule: .single(committee: "everybody"))
    ])
  }

  private static func event(_ kind: RuntimeEvent.Kind, _ digest: SHA256Digest) throws -> RuntimeEvent {
    try RuntimeEvent(kind: kind, name: kind.name, digest: digest)
  }

  private static func measure(
    _ box: inout TestBox, _ kind: RuntimeEvent.Kind, _ digest: SHA256Digest, boot: Int64 = 1, index: Int64? = nil
  ) throws {
    try box.apply(
      CodeMeasured(
        boot: boot, index: index ?? Int64(boot == box.state.measured.boot ? box.state.measured.events.count : 0),
        event: try event(kind, digest)))
  }

  private static func rules(_ box: TestBox) throws -> SHA256Digest { try #require(box.state.constitutionDigest) }

  @Test func aBoxThatMeasuresUsesNothingUnmeasured() throws {
    var box = try Self.box()
    let tool = try box.register(TestBox.manifest())
    try box.start(1, tool)
    // From the first measurement on, everything has to be.
    try Self.measure(&box, .policy, try Self.rules(box))
    #expect(code { try box.start(2, tool) } == "measurement.unmeasured")
    try Self.measure(&box, .tool, tool)
    try box.start(2, tool)
    // After a start of the machine the register is empty, and so is the set.
    try Self.measure(&box, .policy, try Self.rules(box), boot: 2)
    #expect(code { try box.start(3, tool) } == "measurement.unmeasured")
    #expect(box.state.measured.boot == 2 && box.state.measured.events.count == 1)
  }

  @Test func rulesThatWereNotMeasuredDecideNothing() throws {
    var box = try Self.box()
    try Self.measure(&box, .tool, SHA256.hash(utf8: "a tool"))
    let mail = try box.open("mail.send")
    try box.approve(mail, by: "ana")
    #expect(code { try box.begin(mail) } == "measurement.unmeasured")
    try Self.measure(&box, .policy, try Self.rules(box))
    try box.begin(mail)
  }

  @Test func aRunnerNeedsItsModelAndItsRootMeasured() throws {
    var box = try Self.box()
    let record = ModelRecord(
      manifest: SHA256.hash(utf8: "m"), name: "m", version: "1", bytes: 1, files: 1, licence: "MIT",
      runner: SHA256.hash(utf8: "root"))
    let install = try box.open("model.install", record.params)
    try box.approve(install, by: "ana")
    try box.execute(install)
    try Self.measure(&box, .policy, try Self.rules(box))
    let start = try box.open("runner.start", RunnerRecord(name: "r", model: record.manifest, isolation: .runc).params)
    try box.approve(start, by: "ana")
    #expect(code { try box.begin(start) } == "measurement.unmeasured")
    var rootOnly = box
    try Self.measure(&rootOnly, .runner, record.runner)
    #expect(code { try rootOnly.begin(start) } == "measurement.unmeasured", "the root alone")
    try Self.measure(&box, .model, record.manifest)
    #expect(code { try box.begin(start) } == "measurement.unmeasured", "the model alone")
    try Self.measure(&box, .runner, record.runner)
    try box.begin(start)
  }

  @Test func measurementsCountAndDoNotRepeat() throws {
    var box = try Self.box()
    #expect(code { try Self.measure(&box, .policy, SHA256.hash([]), boot: 2) } == "measurement.boot")
    #expect(code { try Self.measure(&box, .policy, SHA256.hash([]), boot: 0, index: 0) } == "entry.body")
    #expect(code { try Self.measure(&box, .policy, SHA256.hash([]), boot: 1, index: 1) } == "measurement.index")
    try Self.measure(&box, .policy, SHA256.hash([]))
    #expect(code { try Self.measure(&box, .tool, SHA256.hash([])) } == "measurement.repeated")
    #expect(code { try Self.measure(&box, .tool, SHA256.hash([1]), index: 0) } == "measurement.index")
    #expect(code { try Self.measure(&box, .tool, SHA256.hash([1]), index: 2) } == "measurement.index")
    #expect(code { try Self.measure(&box, .tool, SHA256.hash([1]), boot: 3, index: 0) } == "measurement.boot")
    try Self.measure(&box, .tool, SHA256.hash([1]))
    let event = try Self.event(.tool, SHA256.hash([2]))
    box.state.measured.events = [RuntimeEvent](repeating: event, count: MeasuredCode.maxEvents)
    #expect(code { try Self.measure(&box, .tool, SHA256.hash([2])) } == "measurement.too-many")
  }

  @Test func entriesCountFromTheFirstStart() throws {
    let body = CodeMeasured(boot: 1, index: 0, event: try Self.event(.tool, SHA256.hash([1]))).body
    #expect(throws: Never.self) { try CodeMeasured(body: body) }
    for (name, value) in [
      ("boot", 0), ("boot", -1), ("index", -1), ("index", .integer(Int64(MeasuredCode.maxEvents) + 1)), ("further", 1),
    ] as [(String, JSON)] {
      guard case .object(var members) = body else { return }
      members[name] = value
      #expect(throws: FieldError.self, "\(name)") { try CodeMeasured(body: .object(members)) }
    }
  }

  @Test func theOwnersCloseTheSetUntilTheNextStart() throws {
    var box = try Self.box()
    try Self.measure(&box, .policy, try Self.rules(box))
    let lock = try box.open("measurement.lock", ["reason": "enough"])
    try box.approve(lock, by: "ana")
    try box.execute(lock)
    #expect(box.state.measured.lockDue == lock && box.state.measured.isClosed && !box.state.measured.isLocked)
    // From the decision on nothing but its own marker.
    #expect(code { try Self.measure(&box, .tool, SHA256.hash([1])) } == "measurement.locked")
    #expect(code { try Self.measure(&box, .lock, SHA256.hash([1])) } == "measurement.locked")
    #expect(code { try Self.measure(&box, .tool, lock) } == "measurement.locked", "its digest is not the marker")
    try Self.measure(&box, .lock, lock)
    #expect(box.state.measured.isLocked)
    #expect(code { try Self.measure(&box, .tool, SHA256.hash([1])) } == "measurement.locked")
    #expect(code { try box.open("measurement.lock", ["reason": "again"]) } == "measurement.locked")
    // Rules that could not be measured would decide nothing any more, so they do not come into force.
    let change = try box.open("governance.policy.set", ["name": "mail", "policy": nil])
    try box.approve(change, by: "ana", "ben", "carl")
    #expect(code { try box.begin(change) } == "measurement.locked")
    // A start of the machine opens the set again.
    try Self.measure(&box, .policy, try Self.rules(box), boot: 2)
    #expect(!box.state.measured.isClosed)
    try Self.measure(&box, .tool, SHA256.hash([1]), boot: 2)
  }

  @Test func aBoxThatMeasuresNothingIsNotHeldToIt() throws {
    var box = try Self.box()
    let tool = try box.register(TestBox.manifest())
    try box.start(1, tool)
    // Decided, it would close nothing and read as if it had.
    #expect(code { try box.open("measurement.lock", ["reason": "r"]) } == "measurement.off")
    #expect(!box.state.measured.isOn && !box.state.measured.isClosed)
  }
}

/// Releases: what their owners accept, and by which decision.
@Suite struct ReleaseTests {
  private static func release(_ version: String, _ byte: UInt8 = 1) -> JSON {
    [
      "name": "image", "version": .string(version),
      "references": ["tpm": ["sha256.pcr4": [.string(String(repeating: Hex.encode([byte]), count: 32))]]],
    ]
  }

  @Test func aReleaseIsOneSetOfValuesForEver() throws {
    var box = try TestBox(
      TestBox.constitution(with: ["releases": try Policy("release.*", rule: .quorum(Quorum(2, of: "everybody")))]))
    let id = try box.open("release.approve", ["release": Self.release("1")])
    try box.approve(id, by: "ana")
    #expect(code { try box.begin(id) } == "execution.not-approved")
    try box.approve(id, by: "ben")
    try box.execute(id)
    #expect(box.state.releases.map(\.proposal) == [id])
    #expect(box.state.releases.first?.release.json == Self.release("1"))
    #expect(code { try box.open("release.approve", ["release": Self.release("1", 2)]) } == "effect.release-exists")
    let revocation: JSONObject = ["name": "image", "version": "1", "reason": "broken"]
    let revoke = try box.open("release.revoke", revocation)
    try box.approve(revoke, by: "ana", "ben")
    try box.execute(revoke)
    #expect(box.state.releases.first?.revokedBy == revoke)
    #expect(code { try box.open("release.revoke", revocation) } == "effect.no-release")
    #expect(code { try box.open("release.approve", ["release": Self.release("1")]) } == "effect.release-exists")
  }

  @Test func releasesAreNamedByNameAndVersionAndAreLimited() throws {
    func release(_ name: String, _ version: String) throws -> Release {
      try Release(
        json: [
          "name": .string(name), "version": .string(version),
          "references": ["tpm": ["sha256.pcr4": [.string(String(repeating: "01", count: 32))]]],
        ], path: "release")
    }
    func refusal(_ body: () throws -> Void) -> EffectFault? {
      do {
        try body()
        return nil
      } catch { return error as? EffectFault }
    }
    var registry = ReleaseRegistry()
    let id = SHA256.hash(utf8: "proposal")
    registry.approve(try release("image", "1"), by: id, index: 1)
    registry.approve(try release("image", "2"), by: id, index: 2)
    for (name, version) in [("image", "3"), ("other", "1")] {
      let other = try release(name, version)
      #expect(refusal { try registry.checkApprove(other) } == nil)
      #expect(
        refusal { try registry.checkRevoke(name: name, version: version) } == .noRelease(name: name, version: version))
    }
    registry.revoke(name: "image", version: "2", by: id)
    #expect(registry.all.map(\.isRevoked) == [false, true])
    for number in 3...ReleaseRegistry.limit { registry.approve(try release("image", "\(number)"), by: id, index: 3) }
    let last = try release("other", "1")
    #expect(refusal { try registry.checkApprove(last) } == .releasesFull(limit: ReleaseRegistry.limit))
  }

  private static let malformed: [(name: String, references: JSON)] = [
    ("a kind that does not exist", ["toaster": ["a": []]]), ("no registers", ["tpm": JSON.object([:])]),
    ("no values", ["tpm": ["sha256.pcr4": []]]), ("short values", ["tpm": ["sha256.pcr4": ["00"]]]),
    ("no kinds", JSON.object([:])),
  ]

  @Test(arguments: malformed.indices) func releasesAreRead(strictly index: Int) throws {
    var box = try TestBox(
      TestBox.constitution(with: ["releases": try Policy("release.*", rule: .single(committee: "everybody"))]))
    let (name, references) = Self.malformed[index]
    let json: JSON = ["name": "i", "version": "1", "references": references]
    #expect(code { try box.open("release.approve", ["release": json]) } == "statement.parameters", "\(name)")
  }
}
