import Attestation
import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import KeyRelease

/// Answers boxes that ask for keys. It decides nothing: it appraises evidence, and puts to the fold either a release, which the
/// owners' policy decides, or a refusal. Both are entries with receipts.
struct KeyBroker: Sendable {
  /// Seconds that an answer waits for a release that needs nobody.
  static let briefly: Int64 = 20

  let core: BoxCore
  let vault: KeyVault
  let nonces: NonceBook
  let enrolments: EnrolmentBook
  let pace = RefusalPace()
  let clock: @Sendable () -> Int64

  // MARK: Releases

  func nonce(for peer: SHA256Digest) throws -> JSON {
    do {
      return [
        "nonce": .string(Hex.encode(try nonces.issue(to: peer))),
        "expiresIn": .integer(NonceBook.lifetime.components.seconds),
      ]
    } catch {
      throw Self.busy("\(error)")
    }
  }

  func release(_ request: ReleaseRequest, peer: SHA256Digest) async throws -> ReleaseAnswer {
    // Before the nonce is used up: a refusal that nobody could record would be a secret.
    try await checkRecords()
    try await redeem(request.nonce, key: request.key, box: request.box, peer)
    let (standing, appraisal) = try await standing(of: request)
    let binding = ReleaseBinding(
      nonce: request.nonce, wrapping: request.wrapping, tls: peer, box: request.box)
    let verdict = try await appraise(request.evidence, by: appraisal, binding, standing, key: request.key)
    let now = clock()
    let digest = SHA256Digest.of(request.evidence)
    let record = KeyReleaseRecord(
      key: request.key, box: request.box, wrapping: request.wrapping, tls: peer, nonce: request.nonce,
      evidence: digest, appraisal: appraisal, kind: verdict.kind, assurance: verdict.assurance,
      release: verdict.release, appraised: now)
    try await vault.store.keep(
      .evidence, Hex.encode(request.nonce),
      JSON.object(["appraised": .integer(now), "tls": .string(peer.hex), "evidence": request.evidence])
        .canonicalBytes())
    let id: SHA256Digest
    do {
      id = try await propose(.release(record))
    } catch let fault as Fault {
      // Between the look at the state and now, or no policy that covers releases.
      try await refuse(
        key: request.key, box: request.box,
        [.init(reading: fault.code, expected: "a release that the fold takes", actual: "\(fault)")], [],
        evidence: digest)
    }
    return try await answer(id, waiting: Self.briefly)
  }

  func poll(_ id: SHA256Digest, _ poll: ReleasePoll, peer: SHA256Digest) async throws -> ReleaseAnswer {
    // Whoever has another key learns no more than somebody who made the name up.
    guard let record = try await record(of: id), record.tls == peer else {
      throw Problem(status: 404, code: "no_release", detail: "there is no release \(id) for this peer")
    }
    if let renewal = poll.renewal { try await renew(id, record, renewal.nonce, renewal.evidence, peer) }
    return try await answer(id, waiting: poll.renewal == nil ? 0 : Self.briefly)
  }

  /// What a release is of; nil where nothing has this name, or something else.
  private func record(of id: SHA256Digest) async throws -> KeyReleaseRecord? {
    do {
      let action = try await core.view(id).opened.statement.action
      return action.type == ActionType.releaseKey ? try KeyReleaseRecord(params: action.params) : nil
    } catch let problem as Problem where problem.status == 404 {
      return nil
    }
  }

  /// Newer evidence for the keys of the release, and for no others.
  private func renew(
    _ id: SHA256Digest, _ record: KeyReleaseRecord, _ nonce: [UInt8], _ evidence: JSON, _ peer: SHA256Digest
  ) async throws {
    try await checkRecords()
    try await redeem(nonce, key: record.key, box: record.box, peer)
    let request = ReleaseRequest(
      key: record.key, box: record.box, wrapping: record.wrapping, nonce: nonce, evidence: evidence)
    let (standing, appraisal) = try await standing(of: request)
    _ = try await appraise(
      evidence, by: appraisal,
      ReleaseBinding(nonce: nonce, wrapping: record.wrapping, tls: peer, box: record.box), standing, key: record.key)
    vault.renewals.offer(AppraisedEvidence(nonce: nonce, evidence: evidence, appraised: clock()), for: id)
  }

  private func redeem(_ nonce: [UInt8], key: String, box: String, _ peer: SHA256Digest) async throws {
    do {
      try nonces.redeem(nonce, by: peer)
    } catch {
      try await refuse(
        key: key, box: box,
        [.init(reading: "broker.nonce", expected: "a nonce of this broker, unused", actual: "\(error)")], [],
        evidence: nil)
    }
  }

  private func standing(
    of request: ReleaseRequest
  ) async throws -> (standing: KeyVault.Standing, appraisal: SHA256Digest) {
    let (key, box) = (request.key, request.box)
    let found = try await core.sequencer.inspect { state, _ in
      (
        key: state.brokeredKey(named: key), enrolment: state.enrolledBox(named: box)?.enrolment,
        revoked: state.revokedReleases
      )
    }
    guard let brokered = found.key, !brokered.isRetired else {
      try await refuse(
        key: key, box: box,
        [.init(reading: "broker.key", expected: "a key of this broker", actual: "none, or retired")], [], evidence: nil)
    }
    guard brokered.boxes.contains(box) else {
      try await refuse(
        key: key, box: box,
        [.init(reading: "broker.grant", expected: "the key granted to the box", actual: "not granted")], [],
        evidence: nil)
    }
    return (
      KeyVault.Standing(created: brokered.proposal, enrolment: found.enrolment, revoked: found.revoked),
      brokered.appraisal
    )
  }

  private func appraise(
    _ evidence: JSON, by appraisal: SHA256Digest, _ binding: ReleaseBinding, _ standing: KeyVault.Standing, key: String
  ) async throws -> EvidenceVerdict {
    guard let policy = try await vault.appraisals.document(appraisal) else {
      throw Problem(status: 503, code: "no_appraisal", detail: "the appraisal policy \(appraisal) is missing")
    }
    let verdict = try await vault.appraise(evidence, policy: policy, binding: binding, standing)
    guard verdict.isAccepted else {
      try await refuse(
        key: key, box: binding.box, verdict.failures, verdict.registers, evidence: SHA256Digest.of(evidence))
    }
    return verdict
  }

  // MARK: What becomes of it

  private func answer(_ id: SHA256Digest, waiting seconds: Int64) async throws -> ReleaseAnswer {
    let renewals = vault.renewals
    let view = try await core.wait(for: id, seconds: seconds) { view in
      switch view.status {
      case .open, .locked, .unknown: true
      case .executing: renewals.isWanted(for: id)
      default: view.isFinal
      }
    }
    let statement = view.opened.statement
    switch view.statusName {
    case "executed":
      guard let sealed = try await vault.store.document(.sealed, id.hex),
        view.result?["sealed"]?.string == SHA256.hash(sealed).hex
      else { throw Problem(status: 500, code: "internal", detail: "the sealed key is missing") }
      return .released(statement, sealed: sealed)
    case "open", "locked", "approved", "executing":
      return .pending(statement, status: view.statusName, wantsEvidence: renewals.isWanted(for: id))
    default: throw Self.notReleased(id, view)
    }
  }

  private static func notReleased(_ id: SHA256Digest, _ view: ProposalView) -> Problem {
    let reason = view.result?["reason"]?.string ?? "the release is \(view.statusName)"
    return Problem(status: 403, code: "release.\(view.statusName)", detail: reason)
      .with("entry", .string(id.hex))
      .with("checks", view.result?["checks"] ?? [])
      .with("registers", view.result?["registers"] ?? [])
  }

  private func propose(_ order: KeyOrder) async throws -> SHA256Digest {
    let (type, params) = order.action
    return try await core.open(
      ["action": ["type": .string(type), "params": .object(params)]], by: KeyProposals.broker, salts: .random)
  }

  /// Records a refusal, and throws the answer that says so.
  private func refuse(
    key: String, box: String, _ checks: [KeyRefusalRecord.FailedCheck], _ registers: [String],
    evidence: SHA256Digest?
  ) async throws -> Never {
    guard pace.admits(box, at: clock()) else {
      throw Self.busy("refused, and too many refusals were recorded in this minute")
    }
    let reason = checks.first?.id ?? "broker.checks"
    let record = KeyRefusalRecord(
      key: key, box: box, reason: reason, checks: Array(checks.prefix(KeyRefusalRecord.Limits.checks)),
      registers: Array(registers.prefix(KeyRefusalRecord.Limits.registers)), evidence: evidence)
    let id = try await propose(.refuse(record))
    let shown = record.params
    throw Problem(
      status: 403, code: reason,
      detail: checks.map { "\($0.id): expected \($0.expected), found \($0.actual)" }.joined(separator: "; ")
    )
    .with("entry", .string(id.hex)).with("checks", shown["checks"] ?? []).with("registers", shown["registers"] ?? [])
  }

  /// Every refusal is an entry, so nothing is served while the owners' policies would not take one.
  func checkRecords() async throws {
    let isRecorded = try await core.sequencer.inspect { state, _ in
      guard let policy = state.constitution?.policy(covering: ActionType.refuseKey)?.policy,
        // A check that does not hold would refuse the refusal.
        case .automatic([]) = policy.rule
      else { return false }
      return true
    }
    guard isRecorded else {
      throw Problem(
        status: 503, code: "no_refusal_policy",
        detail: "no policy takes \(ActionType.refuseKey) automatically and without checks, so that refusals could not "
          + "be recorded")
    }
  }

  private static func busy(_ why: String) -> Problem {
    var problem = Problem(status: 429, code: "busy", detail: why)
    problem.headers = ["Retry-After": "10"]
    return problem
  }

  // MARK: Enrolment

  func challenge(_ request: EnrolmentRequest, peer: SHA256Digest) async throws -> JSON {
    let step: EnrolmentBook.Step
    do {
      step = try enrolments.begin(request, peer: peer, at: clock())
    } catch let fault as EnrolmentBook.Fault {
      throw Self.busy("\(fault)")
    }
    switch step {
    case .proved(let enrolment): return ["proposal": .string(try await enrol(enrolment).hex)]
    case .challenge(let id, let challenge):
      return [
        "challenge": .string(Hex.encode(id)), "credential": .string(Base64.encode(challenge.credentialBlob)),
        "secret": .string(Base64.encode(challenge.encryptedSecret)),
      ]
    }
  }

  func proof(_ id: [UInt8], answer: SecretBytes, peer: SHA256Digest) async throws -> JSON {
    let enrolment: KeyEnrolment
    do {
      enrolment = try enrolments.finish(id, answer: answer, peer: peer)
    } catch {
      throw Problem(status: 403, code: "enrolment", detail: "\(error)")
    }
    return ["proposal": .string(try await enrol(enrolment).hex)]
  }

  /// What was proved is kept first: the proposal must find it.
  private func enrol(_ enrolment: KeyEnrolment) async throws -> SHA256Digest {
    // Anybody has a TPM in software, and must not fill the log with it.
    guard pace.admits(enrolment.box, at: clock()) else {
      throw Self.busy("too many enrolments and refusals were recorded in this minute")
    }
    try await vault.store.keep(.enrolment, enrolment.name, JSON.object(enrolment.params).canonicalBytes())
    return try await propose(.enrol(enrolment))
  }
}
