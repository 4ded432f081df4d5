import Cryptography
import Storage
import Synchronization
import Testing
import TransparencyLog

@testable import Witness

/// Three witnesses in this process and a policy of two of them.
struct Committee {
  let log: TestLog
  let disks = (0..<3).map { _ in FaultyRecords.Disk() }
  let keys = (0..<3).map { _ in Ed25519.PrivateKey.generate() }
  let witnesses: [String: CheckpointWitness]
  let policy: WitnessPolicy

  init(log: TestLog? = nil, quorum: Int = 2) throws {
    let log = try log ?? TestLog()
    self.log = log
    var witnesses: [String: CheckpointWitness] = [:]
    var text = "log \(log.signer.verifierKey)\n"
    for index in 0..<3 {
      let witness = try makeWitness(
        [log.keys], records: FaultyRecords(disks[index]), key: keys[index], name: "w\(index).example")
      witnesses["w\(index)"] = witness
      text += "witness w\(index) \(witness.verifierKey) http://w\(index)\(index == 2 ? "/" : "")\n"
    }
    self.witnesses = witnesses
    policy = try WitnessPolicy(parsing: Array("\(text)group g \(quorum) w0 w1 w2\nquorum g\n".utf8))
  }

  var transport: WitnessTransport { directTransport(witnesses) }
  var client: WitnessClient { WitnessClient(policy: policy, transport: transport) }
}

@Suite struct WitnessClientTests {
  @Test func collectsAQuorum() async throws {
    let committee = try Committee()
    let log = committee.log
    for size: UInt64 in [0, 1, 40, 40, 64] {
      let result = await committee.client.cosign(try log.signed(size), proofs: log.proofs)
      #expect(result.outcomes.map(\.outcome) == [WitnessOutcome](repeating: .cosigned(at: testTime), count: 3))
      let verified = try result.verdict.get()
      #expect(verified.checkpoint.size == size && verified.cosignatures.count == 3)
      #expect(
        try committee.policy.verify(SignedCheckpoint(parsing: result.checkpoint.note.bytes)).checkpoint.size == size)
    }
  }

  @Test func asksFromTheSizeThatIsKnown() async throws {
    let committee = try Committee()
    let log = committee.log
    let requests = Mutex(0)
    let inner = committee.transport
    let counting = WitnessTransport { request in
      requests.withLock { $0 += 1 }
      return try await inner.send(request)
    }
    let client = WitnessClient(policy: committee.policy, transport: counting)
    #expect(await client.cosign(try log.signed(40), proofs: log.proofs).isQuorumMet)
    #expect(requests.withLock { $0 } == 3)
    let known: [String: UInt64] = ["w0": 40, "w1": 7]
    #expect(await client.cosign(try log.signed(64), remembered: known, proofs: log.proofs).isQuorumMet)
    // w0 at once; w1 and w2 after the 409 that names their size.
    #expect(requests.withLock { $0 } == 8)
  }

  /// The answer is lost after the witness has made it: the log asks again and gets its cosignature.
  @Test func lostAnswersAreAskedForAgain() async throws {
    let committee = try Committee()
    let log = committee.log
    let isLossy = Mutex(true)
    let inner = committee.transport
    let lossy = WitnessTransport { request in
      struct Lost: Error {}
      let answer = try await inner.send(request)
      if isLossy.withLock({ $0 }) { throw Lost() }
      return answer
    }
    let client = WitnessClient(policy: committee.policy, transport: lossy)
    let first = await client.cosign(try log.signed(40), proofs: log.proofs)
    #expect(!first.isQuorumMet && first.alarms.isEmpty)
    #expect(first.outcomes.allSatisfy { if case .unreachable = $0.outcome { true } else { false } })
    isLossy.withLock { $0 = false }
    #expect(await client.cosign(try log.signed(40), proofs: log.proofs).isQuorumMet)
    #expect(await client.cosign(try log.signed(64), proofs: log.proofs).isQuorumMet)
  }

  @Test func oneWitnessDownIsNoMatterTwoAre() async throws {
    let committee = try Committee()
    let log = committee.log
    committee.disks[0].fault.withLock { $0 = .beforeWriting }
    let first = await committee.client.cosign(try log.signed(40), proofs: log.proofs)
    #expect(first.isQuorumMet)
    #expect(first.outcomes[0].outcome == .refused(status: 500, reason: "the witness has stopped\n"))
    committee.disks[1].fault.withLock { $0 = .beforeWriting }
    let second = await committee.client.cosign(try log.signed(64), proofs: log.proofs)
    #expect(!second.isQuorumMet)
    #expect(throws: WitnessPolicy.Rejection.quorumNotMet(cosigned: ["w2"])) { try second.verdict.get() }
  }

  @Test func aRolledBackLogIsTold() async throws {
    let committee = try Committee()
    let log = committee.log
    _ = await committee.client.cosign(try log.signed(64), proofs: log.proofs)
    let result = await committee.client.cosign(try log.signed(40), proofs: log.proofs)
    #expect(!result.isQuorumMet)
    #expect(result.alarms.map(\.outcome) == [WitnessOutcome](repeating: .remembersMore(size: 64), count: 3))
  }

  @Test func aForkedLogIsTold() async throws {
    let key = Ed25519.PrivateKey.generate()
    let committee = try Committee(log: TestLog(key: key))
    let fork = try TestLog(key: key, salt: 1)
    _ = await committee.client.cosign(try committee.log.signed(40), proofs: committee.log.proofs)
    for size: UInt64 in [40, 64] {
      let result = await committee.client.cosign(try fork.signed(size), proofs: fork.proofs)
      #expect(!result.isQuorumMet && result.alarms.count == 3)
    }
  }

  /// What a witness may send that is no cosignature of this checkpoint by this witness.
  @Test func liarsAreNotCounted() async throws {
    let committee = try Committee(quorum: 1)
    let log = committee.log
    let signed = try log.signed(40)
    let wrongText = try Cosigner(name: "w0.example", key: committee.keys[0])
      .cosign(checkpointText: log.signed(39).note.textBytes, at: testTime)
    let wrongKey = try Cosigner(name: "w0.example", key: .generate())
      .cosign(checkpointText: signed.note.textBytes, at: testTime)
    let otherWitness = try Cosigner(name: "w1.example", key: committee.keys[1])
      .cosign(checkpointText: signed.note.textBytes, at: testTime)
    let logItself = try log.signer.sign(textBytes: signed.note.textBytes)
    for line in [wrongText, wrongKey, otherWitness, logItself] {
      let transport = WitnessTransport { _ in
        WitnessTransport.Answer(status: 200, contentType: nil, body: Array("\(line)\n".utf8))
      }
      let client = WitnessClient(policy: committee.policy, transport: transport)
      let result = await client.cosign(signed, proofs: log.proofs)
      guard case .badCosignature = result.outcomes[0].outcome else {
        Issue.record("\(result.outcomes[0].outcome)")
        continue
      }
      // The second witness's line is its own when it comes from the second witness.
      #expect(result.isQuorumMet == (line == otherWitness))
    }
  }

  @Test func confusingAnswersEnd() async throws {
    let committee = try Committee()
    let log = committee.log
    let sizes = Mutex<UInt64>(1)
    let answers: [(WitnessTransport.Answer, (WitnessOutcome) -> Bool)] = [
      (.init(status: 409, contentType: "text/x.tlog.size", body: Array("0\n".utf8)), { $0.isRefusal }),
      (.init(status: 409, contentType: "text/plain", body: Array("7\n".utf8)), { $0.isUnreadable }),
      (.init(status: 200, contentType: nil, body: []), { $0.isUnreadable }),
      (.init(status: 200, contentType: nil, body: [0xFF, 0x0A]), { $0.isUnreadable }),
      (.init(status: 404, contentType: nil, body: []), { $0 == .unknownLog(reason: "") }),
      (.init(status: 503, contentType: nil, body: []), { $0 == .refused(status: 503, reason: "") }),
    ]
    for (answer, isExpected) in answers {
      let client = WitnessClient(policy: committee.policy, transport: WitnessTransport { _ in answer })
      let result = await client.cosign(try log.signed(40), proofs: log.proofs)
      #expect(result.outcomes.allSatisfy { isExpected($0.outcome) }, "\(result.outcomes)")
      #expect(!result.isQuorumMet)
    }
    // A witness whose size changes for ever is not followed for ever.
    let restless = WitnessTransport { _ in
      let size = sizes.withLock { size in
        size = size % 30 + 1
        return size
      }
      return WitnessTransport.Answer(status: 409, contentType: "text/x.tlog.size", body: Array("\(size)\n".utf8))
    }
    let result = await WitnessClient(policy: committee.policy, transport: restless)
      .cosign(try log.signed(40), proofs: log.proofs)
    #expect(result.outcomes.allSatisfy { $0.outcome.isRefusal })
  }

  @Test func proofsThatCannotBeMadeAreReported() async throws {
    struct Pruned: Error {}
    let committee = try Committee()
    let log = committee.log
    _ = await committee.client.cosign(try log.signed(3), proofs: log.proofs)
    let result = await committee.client.cosign(try log.signed(40)) { _, _ in throw Pruned() }
    #expect(result.outcomes.allSatisfy { $0.outcome == .noProof(from: 3, reason: "Pruned()") })
  }

  // MARK: The start-up gate.

  @Test func surveyOfAHealthyLog() async throws {
    let committee = try Committee()
    let log = committee.log
    let fresh = await committee.client.survey(try log.signed(0), log: try log.keys)
    #expect(fresh.views.isEmpty && fresh.blank == ["w0", "w1", "w2"] && fresh.silent.isEmpty && fresh.isQuorumReached)
    _ = await committee.client.cosign(try log.signed(40), proofs: log.proofs)
    let survey = await committee.client.survey(try log.signed(64), log: try log.keys)
    let root = try log.root(size: 40)
    #expect(survey.views == (0..<3).map { WitnessView(name: "w\($0)", memory: .checkpoint(size: 40, root: root)) })
    // Asking did not move them.
    #expect(await committee.witnesses["w0"]?.addCheckpoint(try log.request(from: 0, to: 1)) == .conflict(size: 40))
  }

  private func refusal(_ log: TestLog, size: UInt64, _ survey: WitnessSurvey) throws -> ReadOnlyReason? {
    let root = try log.root(size: size)
    let facts = StartupGate.Facts(
      origin: log.origin, size: size, entryCount: size, frontierRoot: root, recomputedRoot: root,
      checkpoint: try log.signed(size),
      rootsBySize: try Dictionary(uniqueKeysWithValues: (0...size).map { ($0, try log.root(size: $0)) }))
    return StartupGate.reasonToRefuse(facts, trust: StartupGate.Trust(log: try log.keys, witnesses: survey.views))
  }

  /// Invariant 8: a box that any witness remembers as larger refuses to serve; one witness is enough.
  @Test func aRolledBackBoxRefusesToServe() async throws {
    let committee = try Committee()
    let log = committee.log
    #expect(await committee.witnesses["w1"]?.addCheckpoint(try log.request(from: 0, to: 64)).status == 200)
    for size: UInt64 in [0, 1, 63] {
      let survey = await committee.client.survey(try log.signed(size), log: try log.keys)
      #expect(try refusal(log, size: size, survey) == .witnessAhead(name: "w1", remembered: 64, local: size))
    }
    let survey = await committee.client.survey(try log.signed(64), log: try log.keys)
    #expect(try refusal(log, size: 64, survey) == nil)
  }

  @Test func aForkedBoxRefusesToServe() async throws {
    let key = Ed25519.PrivateKey.generate()
    let committee = try Committee(log: TestLog(key: key))
    let fork = try TestLog(key: key, salt: 1)
    _ = await committee.client.cosign(try committee.log.signed(40), proofs: committee.log.proofs)
    let survey = await committee.client.survey(try fork.signed(64), log: try fork.keys)
    let (remembered, local) = (try committee.log.root(size: 40), try fork.root(size: 40))
    #expect(
      try refusal(fork, size: 64, survey)
        == .witnessDiverges(name: "w0", size: 40, remembered: remembered, local: local))
  }

  @Test func silentWitnessesAreNamed() async throws {
    let committee = try Committee()
    let log = committee.log
    var reachable = committee.witnesses
    reachable["w0"] = nil
    let one = WitnessClient(policy: committee.policy, transport: directTransport(reachable))
    let survey = await one.survey(try log.signed(0), log: try log.keys)
    #expect(survey.silent.map(\.witness) == ["w0"] && survey.isQuorumReached)
    let none = WitnessClient(policy: committee.policy, transport: directTransport([:]))
    #expect(await none.survey(try log.signed(0), log: try log.keys).isQuorumReached == false)
  }

  /// A monitoring answer that the witness did not sign, or that is older than its word, gives no root to believe.
  @Test func unsignedMonitoringAnswersAreNotBelieved() async throws {
    let committee = try Committee()
    let log = committee.log
    _ = await committee.client.cosign(try log.signed(40), proofs: log.proofs)
    let inner = committee.transport
    let bare = try log.signed(40).note.bytes
    let old = try await #require(try Committee(log: log).witnesses["w0"]).cosigned(log, size: 39)
    for note in [bare, old, []] {
      let transport = WitnessTransport { request in
        guard request.method == "GET" else { return try await inner.send(request) }
        return WitnessTransport.Answer(status: 200, contentType: nil, body: note)
      }
      let survey = await WitnessClient(policy: committee.policy, transport: transport)
        .survey(try log.signed(40), log: try log.keys)
      #expect(survey.views.map(\.memory) == [.size(40), .size(40), .size(40)])
    }
  }
}

extension CheckpointWitness {
  /// The note that this witness shows after it has cosigned a size.
  func cosigned(_ log: TestLog, size: UInt64) throws -> [UInt8] {
    _ = addCheckpoint(try log.request(from: 0, to: size))
    return checkpoint(originHash: SHA256.hash(Array(log.origin.utf8)).hex) ?? []
  }
}

extension WitnessOutcome {
  fileprivate var isRefusal: Bool { if case .refused = self { true } else { false } }
  fileprivate var isUnreadable: Bool { if case .unreadable = self { true } else { false } }
}
