import Attestation
import CanonicalJSON
import Cryptography
import Glibc
import Governance
import HTTPClient
import Synchronization
import TestSupport
import Testing

@testable import BoxService
@testable import KeyRelease

/// The broker: what it releases, what it refuses, and that both stand in its log.
@Suite(.timeLimit(.minutes(5)))
struct BrokerTests {
  private static func good(_ binding: [UInt8]) -> Evidence { StandIn.evidence(binding) }

  private static func expect(
    _ reason: String, registers: [String]? = nil, _ location: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
  ) async throws {
    do {
      try await body()
      Issue.record("nothing was refused", sourceLocation: location)
    } catch KeyReleaseFailure.refused(let entry, let actual, _, let found) {
      #expect(actual == reason && entry != nil, sourceLocation: location)
      if let registers { #expect(found == registers, sourceLocation: location) }
    }
  }

  @Test func aKeyIsReleasedTheSameEachTimeAndOnlyToTheAttestedKey() async throws {
    try await TestBroker.with { broker in
      try await broker.key()
      try await broker.key("other")
      let client = try broker.client()
      let first = try await client.release(
        "disk", wrapping: .generate(), patience: .seconds(60), attester: { Self.good($0) }
      ).key
      let second = try await broker.client().release(
        "disk", wrapping: .generate(), patience: .seconds(60), attester: { Self.good($0) }
      ).key
      #expect(first.count == 32 && first.isEqual(to: second))
      let other = try await broker.client("a.example").release(
        "other", wrapping: .generate(), patience: .seconds(60), attester: { Self.good($0) }
      ).key
      #expect(!other.isEqual(to: first))
      #expect(try broker.releases() == 3)
      #expect(try broker.refusals().isEmpty)
      // Every release has a receipt.
      let released = try broker.entries(.executionFinished).filter { $0["result"]?["sealed"] != nil }
      for entry in released {
        let id = try #require(entry["proposal"]?.string)
        #expect(try await broker.box.get("/v1/receipts/\(id)").status == 200)
      }
    }
  }

  /// Nothing of a key in the log, in a receipt, in an answer that was kept, in a report: searched for, raw and encoded.
  @Test func noSecretLeaves() async throws {
    try await TestBroker.with { broker in
      try await broker.key()
      let key = try await broker.client().release(
        "disk", wrapping: .generate(), patience: .seconds(60), attester: { Self.good($0) }
      ).key
      try await Self.expect("policy.release") {
        _ = try await broker.client().release(
          "disk", wrapping: .generate(), patience: .seconds(60),
          attester: { StandIn.evidence($0, register: "bad") })
      }
      let bytes = key.withUnsafeBytes { Array($0) }
      let kek = try broker.kek.read("kek")
      var texts = broker.home.reports.lines
      for index in 0..<(try broker.box.box.reader.size()) {
        texts.append(String(decoding: try #require(try broker.box.box.reader.entry(index)).bytes, as: UTF8.self))
      }
      for entry in try broker.entries(.proposalOpened) {
        texts.append(try await broker.box.get("/v1/receipts/\(entry["proposal"]?.string ?? "")").text)
      }
      for secret in [bytes, try #require(Hex.decode(String(decoding: kek, as: UTF8.self)))] {
        for text in texts {
          #expect(!text.contains(Hex.encode(secret)) && !text.contains(Base64.encode(secret).prefix(40)))
        }
      }
      #expect(texts.count > 12)
    }
  }

  @Test func everyRefusalIsAnEntryThatSaysWhichRegisterDiffered() async throws {
    try await TestBroker.with { broker in
      try await broker.key()
      try await Self.expect("policy.release", registers: ["sha256.pcr4"]) {
        _ = try await broker.client().release(
          "disk", wrapping: .generate(), patience: .seconds(60),
          attester: { StandIn.evidence($0, register: "bad") })
      }
      try await Self.expect("broker.grant") {
        _ = try await broker.client("b.example").release(
          "disk", wrapping: .generate(), patience: .seconds(60), attester: { Self.good($0) })
      }
      try await Self.expect("broker.key") {
        _ = try await broker.client().release(
          "none", wrapping: .generate(), patience: .seconds(60), attester: { Self.good($0) })
      }
      let refusals = try broker.refusals()
      #expect(refusals.map { $0["reason"]?.string } == ["policy.release", "broker.grant", "broker.key"])
      #expect(refusals[0]["registers"] == ["sha256.pcr4"])
      #expect(refusals[0]["checks"]?.array?.first?["actual"]?.string == "sha256.pcr4 bad")
      #expect(try broker.releases() == 0)
      for entry in try broker.entries(.executionFinished) {
        let receipt = try await broker.box.get("/v1/receipts/\(entry["proposal"]?.string ?? "")")
        #expect(receipt.status == 200, "\(entry) \(receipt.text)")
      }
    }
  }

  /// Evidence that was good once, for one nonce, one wrapping key, one TLS key, one box.
  @Test func replayedOrBorrowedEvidenceIsRefused() async throws {
    try await TestBroker.with { broker in
      try await broker.key()
      try await broker.carryOut("key.grant", ["key": "disk", "box": "b.example"])
      let seen = Mutex<Evidence?>(nil)
      let identity = try TestBroker.identity()
      let wrapping = X25519.PrivateKey.generate()
      _ = try await broker.client(identity: identity).release("disk", wrapping: wrapping, patience: .seconds(60)) {
        binding in
        let evidence = Self.good(binding)
        seen.withLock { $0 = evidence }
        return evidence
      }
      let old = try #require(seen.withLock { $0 })
      // The same evidence for a new nonce; for another wrapping key; over another connection's key; for another box.
      for (client, key) in [
        (try broker.client(identity: identity), wrapping), (try broker.client(identity: identity), .generate()),
        (try broker.client(), wrapping), (try broker.client("b.example", identity: identity), wrapping),
      ] {
        try await Self.expect("tpm.nonce") {
          _ = try await client.release("disk", wrapping: key, patience: .seconds(60), attester: { _ in old })
        }
      }
      #expect(try broker.releases() == 1)
    }
  }

  /// The nonce itself: used twice, of another peer, of an earlier process.
  @Test func aNonceCountsOnceForOnePeerInOneProcess() async throws {
    let kek = try TemporaryDirectory()
    var broker = try await TestBroker(try await TestBroker.home(kek: kek), kek: kek)
    do {
      try await broker.key()
      let identity = try TestBroker.identity()
      let wrapping = X25519.PrivateKey.generate()
      func request(_ nonce: String, _ identity: ChannelIdentity) throws -> JSON {
        let binding = ReleaseBinding(
          nonce: try #require(Hex.decode(nonce)), wrapping: wrapping.publicKey, tls: identity.digest, box: "a.example")
        return ReleaseRequest(
          key: "disk", box: "a.example", wrapping: wrapping.publicKey, nonce: binding.nonce,
          evidence: Self.good(binding.bytes).json
        ).json
      }
      let client = try broker.client(identity: identity)
      let nonce = try #require(try await client.ask("/v1/nonce", [:])["nonce"]?.string)
      #expect(try await client.ask("/v1/releases", try request(nonce, identity))["state"] == "released")
      try await Self.expect("broker.nonce") { _ = try await client.ask("/v1/releases", try request(nonce, identity)) }

      let other = try TestBroker.identity()
      let stolen = try #require(try await client.ask("/v1/nonce", [:])["nonce"]?.string)
      try await Self.expect("broker.nonce") {
        _ = try await broker.client(identity: other).ask("/v1/releases", try request(stolen, other))
      }
      let kept = try #require(try await client.ask("/v1/nonce", [:])["nonce"]?.string)
      broker = try await broker.restarted()
      try await Self.expect("broker.nonce") {
        _ = try await broker.client(identity: identity).ask("/v1/releases", try request(kept, identity))
      }
      #expect(try broker.releases() == 1)
      #expect(try broker.refusals().count == 3)
      await broker.box.stop()
    } catch {
      await broker.box.stop()
      throw error
    }
  }

  @Test func whatWasTakenAwayIsNotReleased() async throws {
    try await TestBroker.with { broker in
      try await broker.key()
      func refused(_ reason: String) async throws {
        try await Self.expect(reason) {
          _ = try await broker.client().release(
            "disk", wrapping: .generate(), patience: .seconds(60), attester: { Self.good($0) })
        }
      }
      try await broker.carryOut("key.revoke", ["key": "disk", "box": "a.example"])
      try await refused("broker.grant")
      try await broker.carryOut("key.grant", ["key": "disk", "box": "a.example"])
      try await broker.carryOut("key.retire", ["key": "disk"])
      try await refused("broker.key")
    }
  }

  /// A release that waits for people: polled by its name, decided by signatures, and void after a change of policy.
  @Test func peopleDecideAndAnOlderEpochDoesNot() async throws {
    try await TestBroker.with(release: TestBroker.two) { broker in
      try await broker.key()
      let identity = try TestBroker.identity()
      let wrapping = X25519.PrivateKey.generate()
      let client = try broker.client(identity: identity)
      func ask(_ wrapping: X25519.PrivateKey) async throws -> SHA256Digest {
        do {
          _ = try await client.release("disk", wrapping: wrapping, patience: .zero, attester: { Self.good($0) })
        } catch KeyReleaseFailure.undecided(let release, let status) {
          #expect(status == "open")
          return release
        }
        throw KeyReleaseFailure.malformed("it was released without anybody")
      }
      let release = try await ask(wrapping)
      let opened = try Opened(try await broker.box.get("/v1/proposals/\(release.hex)").json)
      try await broker.box.approve(opened, by: "ana")
      await #expect(throws: KeyReleaseFailure.self) {
        try await client.resume(
          release, key: "disk", wrapping: wrapping, patience: .zero, attester: { Self.good($0) })
      }
      // Another peer does not even learn that it is there: nor does anybody learn of what is no release.
      let created = try await broker.box.core().sequencer.inspect { state, _ in state.brokeredKeys[0].proposal }
      let other = try broker.client()
      for (peer, id) in [(other, release), (other, SHA256.hash(utf8: "made up")), (client, created)] {
        await #expect {
          _ = try await peer.ask("/v1/releases/\(id.hex)", [:])
        } throws: { error in
          guard case .malformed(let why) = error as? KeyReleaseFailure else { return false }
          return why == "there is no release \(id) for this peer"
        }
      }
      // Newer evidence, too, comes with a nonce that counts.
      let invented = [UInt8](repeating: 7, count: 32)
      try await Self.expect("broker.nonce") {
        let poll = ReleasePoll(renewal: (nonce: invented, evidence: Self.good(invented).json))
        _ = try await client.ask("/v1/releases/\(release.hex)", poll.json)
      }
      try await broker.box.approve(opened, by: "ben")
      let key = try await client.resume(
        release, key: "disk", wrapping: wrapping, patience: .seconds(60), attester: { Self.good($0) }
      ).key
      #expect(key.count == 32)

      // Approved once, in an epoch whose policy is gone: it never counts.
      let stale = try await ask(.generate())
      let waiting = try Opened(try await broker.box.get("/v1/proposals/\(stale.hex)").json)
      try await broker.box.approve(waiting, by: "ana")
      let stricter: JSON = [
        "covers": ["key.release"], "rule": ["rule": "quorum", "committee": "everybody", "threshold": 2],
        "maxExpiry": 3600,
      ]
      let change = try await broker.box.open(
        "governance.policy.set", ["name": "releases", "policy": stricter])
      try await broker.box.approve(change, by: "ana", "ben")
      try await broker.box.wait(change, for: "executed")
      #expect(try await broker.box.vote(.approve, waiting, by: "ben").status == 409)
      try await Self.expect("release.stale") {
        _ = try await client.resume(
          stale, key: "disk", wrapping: wrapping, patience: .zero, attester: { Self.good($0) })
      }
      #expect(try broker.releases() == 1)
    }
  }

  /// Evidence that has become too old while people decided is asked for again, and appraised again.
  @Test func oldEvidenceIsAskedForAgain() async throws {
    try await TestBroker.with(release: TestBroker.two) { broker in
      try await broker.key()
      let client = try broker.client()
      for (register, isReleased) in [("good", true), ("bad", false)] {
        let wrapping = X25519.PrivateKey.generate()
        var release: SHA256Digest?
        do {
          _ = try await client.release("disk", wrapping: wrapping, patience: .zero, attester: { Self.good($0) })
        } catch KeyReleaseFailure.undecided(let id, _) { release = id }
        let id = try #require(release)
        broker.home.clock.advance(seconds: 301)
        let opened = try Opened(try await broker.box.get("/v1/proposals/\(id.hex)").json)
        try await broker.box.approve(opened, by: "ana", "ben")
        try await broker.box.wait(opened, for: "executing")
        let made = Mutex(0)
        do {
          let key = try await client.resume(id, key: "disk", wrapping: wrapping, patience: .seconds(60)) { binding in
            made.withLock { $0 += 1 }
            return StandIn.evidence(binding, register: register)
          }
          #expect(isReleased && key.key.count == 32)
        } catch KeyReleaseFailure.refused(_, let reason, _, let registers) {
          #expect(!isReleased && reason == "policy.release" && registers == ["sha256.pcr4"])
        }
        #expect(made.withLock { $0 } == 1)
      }
      #expect(try broker.releases() == 1)
    }
  }

  @Test func onlyTheBrokerProposesReleases() async throws {
    try await TestBroker.with { broker in
      try await broker.key()
      let params: JSONObject = [
        "key": "disk", "box": "a.example", "wrapping": .string(String(repeating: "01", count: 32)),
        "tls": .string(String(repeating: "02", count: 32)), "nonce": .string(String(repeating: "03", count: 32)),
        "evidence": .string(String(repeating: "04", count: 32)), "appraisal": .string(broker.appraisal),
        "kind": "tpm", "assurance": "software", "release": "any", "appraised": 1,
      ]
      #expect(try await broker.box.propose("key.release", .object(params)).status == 422)
      let enrolment: JSON = [
        "box": "a.example", "ak": .string(String(repeating: "01", count: 34)),
        "ek": .string(String(repeating: "02", count: 32)), "assurance": "hardware", "proof": "activation",
      ]
      #expect(try await broker.box.propose("key.enrol", enrolment).status == 422)
      #expect(
        try await broker.box.propose(
          "key.create", ["key": "x", "appraisal": .string(String(repeating: "0", count: 64))]
        ).status == 422)
    }
  }

  /// No policy, one that waits for people, and one whose check would refuse the second refusal.
  @Test(
    arguments: [
      nil, TestBroker.two, ["rule": "automatic", "checks": [["check": "count", "limit": 1, "period": 60]]],
    ] as [JSON?])
  func whereRefusalsCannotBeRecordedNothingIsServed(_ rule: JSON?) async throws {
    try await TestBroker.with(refuse: rule) { broker in
      try await broker.key()
      await #expect {
        _ = try await broker.client().release(
          "disk", wrapping: .generate(), patience: .seconds(60), attester: { Self.good($0) })
      } throws: { error in
        if case .unreachable = error as? KeyReleaseFailure { true } else { false }
      }
      #expect(try broker.releases() == 0)
    }
  }

  /// Somebody with the disk changes what is wrapped, or exchanges two of them.
  @Test func aTamperedOrExchangedWrappedKeyIsNotReleased() async throws {
    try await TestBroker.with { broker in
      try await broker.key()
      try await broker.key("other")
      let vault = try #require(broker.box.box.broker?.vault)
      let keys = try await broker.box.core().sequencer.inspect { state, _ in state.brokeredKeys }
      let disk = try #require(try await vault.store.document(.wrapped, keys[0].proposal.hex))
      var wrapped = try WrappedKey(parsing: disk).ciphertext
      wrapped[wrapped.count - 1] ^= 1
      let tampered = WrappedKey(
        provider: "file", identifier: try WrappedKey(parsing: disk).identifier, ciphertext: wrapped)
      for bytes in [
        tampered.bytes, try #require(try await vault.store.document(.wrapped, keys[1].proposal.hex)),
      ] {
        try await vault.store.keep(.wrapped, keys[0].proposal.hex, bytes)
        try await Self.expect("release.failed") {
          _ = try await broker.client().release(
            "disk", wrapping: .generate(), patience: .seconds(60), attester: { Self.good($0) })
        }
      }
      #expect(try broker.releases() == 0)
    }
  }

  /// The broker dies between the start of a release and its end: it is carried out once, to the key of then.
  @Test func aReleaseThatWasCutOffIsSealedAgainToTheSameKey() async throws {
    let kek = try TemporaryDirectory()
    let home = try await TestBroker.home(kek: kek)
    let gate = Mutex(true)
    // The second appraisal, within the execution, never comes back while the first process lives.
    let count = Mutex(0)
    let stuck = EvidenceAppraiser { question in
      let number = count.withLock { count in
        count += 1
        return count
      }
      while number > 1, gate.withLock({ $0 }) { usleep(1000) }
      return TestBroker.appraiser.appraise(question)
    }
    let first = try await TestBroker(home, kek: kek, appraiser: stuck)
    try await first.key()
    let identity = try TestBroker.identity()
    let wrapping = X25519.PrivateKey.generate()
    let client = try first.client(identity: identity)
    async let asked: ReleasedKey = client.release(
      "disk", wrapping: wrapping, patience: .zero, attester: { Self.good($0) })
    while try first.entries(.executionStarted).count < 3 { await Task.yield() }
    let text = try #require(try first.entries(.executionStarted).last?["proposal"]?.string)
    let id = try #require(SHA256Digest(hex: text))
    #expect(try first.releases() == 0)
    // The log is closed under it, as a crash would: no end is recorded.
    try await first.box.core().sequencer.close()
    gate.withLock { $0 = false }
    _ = try? await asked
    await first.box.stop()

    let second = try await TestBroker(home, kek: kek)
    do {
      let opened = try Opened(try await second.box.get("/v1/proposals/\(id.hex)").json)
      try await second.box.wait(opened, for: "executed")
      let key = try await second.client(identity: identity).resume(
        id, key: "disk", wrapping: wrapping, patience: .seconds(60), attester: { Self.good($0) }
      ).key
      #expect(key.count == 32)
      #expect(try second.releases() == 1)
      // Another key in the place of the attested one opens nothing.
      await #expect(throws: KeyReleaseFailure.self) {
        try await second.client(identity: identity).resume(
          id, key: "disk", wrapping: .generate(), patience: .zero, attester: { Self.good($0) })
      }
      await second.box.stop()
    } catch {
      await second.box.stop()
      throw error
    }
  }

  @Test func aPeerWithoutAKeyOrABrokerWithAnotherIsTurnedAway() async throws {
    try await TestBroker.with { broker in
      let (places, key) = try #require(broker.box.box.brokerAddress)
      let wrong = try KeyReleaseClient(
        broker: .init(url: "https://\(try #require(places.first))", key: SHA256.hash(utf8: "another")),
        box: "a.example", identity: try TestBroker.identity())
      await #expect {
        _ = try await wrong.ask("/v1/nonce", [:])
      } throws: { error in
        if case .unreachable = error as? KeyReleaseFailure { true } else { false }
      }
      guard case .tcp(let host, let port)? = places.first else { return }
      var configuration = HTTPClient.Configuration()
      configuration.trustsPinnedKeyAlone = true
      configuration.pinnedPublicKey = "sha256//\(Base64.encode(key.bytes))"
      let anonymous = HTTPClient(configuration)
      await #expect(throws: HTTPClientError.self) {
        try await anonymous.send(
          HTTPClientRequest(method: "POST", url: "https://\(host):\(port)/v1/nonce", body: Array("{}".utf8)),
          policy: .only([(host: host, port: port)]))
      }
      anonymous.shutDown()
      // No pin, and nothing else to trust: refused before anything is sent.
      var unpinned = HTTPClient.Configuration()
      unpinned.trustsPinnedKeyAlone = true
      let careless = HTTPClient(unpinned)
      await #expect(throws: HTTPClientError.self) {
        try await careless.send(
          HTTPClientRequest(url: "https://\(host):\(port)/"), policy: .only([(host: host, port: port)]))
      }
      careless.shutDown()
    }
  }

  /// `key.rotate` and `key.erase` are actions of every box.
  @Test func keysOfCommunitiesAreRotatedAndErasedByActions() async throws {
    try await TestBroker.with { broker in
      let keychain = try broker.box.core().keychain
      try keychain.put(
        community: "acme", name: "token", value: SecretBytes(copying: "a secret value".utf8), hosts: ["a.example.com"],
        kind: .text, at: 1)
      let rotated = try await broker.carryOut("key.rotate", ["community": "acme"])
      #expect(rotated["execution"]?["result"]?["generation"] == 2)
      #expect(try keychain.list(community: "acme").count == 1)
      let erased = try await broker.carryOut("key.erase", ["community": "acme"])
      #expect(erased["execution"]?["result"]?["generations"] == 1)
      #expect(try keychain.list(community: "acme").isEmpty)
    }
  }
}
