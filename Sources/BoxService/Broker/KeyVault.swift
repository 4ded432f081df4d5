import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import KeyRelease

/// Carries out what the owners decided about keys: makes and wraps them, and seals them to boxes. It looks at the state again
/// before it does, whatever was true when the decision fell.
final class KeyVault: Sendable {
  let origin: String
  let store: BrokerStore
  let appraisals: ContentStore
  let renewals: EvidenceRenewals
  let appraiser: EvidenceAppraiser
  private let kek: any KeyEncryptionKey
  private let sequencer: Sequencer
  private let blocking: BlockingWork
  private let clock: @Sendable () -> Int64
  /// Milliseconds for which evidence counts.
  private let freshness: Int64

  init(
    origin: String, kek: any KeyEncryptionKey, store: BrokerStore, appraisals: ContentStore,
    appraiser: EvidenceAppraiser, sequencer: Sequencer, blocking: BlockingWork, freshness: Int64,
    renewals: EvidenceRenewals = EvidenceRenewals(), clock: @escaping @Sendable () -> Int64
  ) {
    self.origin = origin
    self.kek = kek
    self.store = store
    self.appraisals = appraisals
    self.appraiser = appraiser
    self.sequencer = sequencer
    self.blocking = blocking
    self.freshness = freshness
    self.renewals = renewals
    self.clock = clock
  }

  // MARK: Keys

  /// Makes a key. A crash after it was stored finds it again: there is never a second one of a proposal.
  func create(_ key: String, proposal: SHA256Digest) async -> ExecutionOutcome {
    do {
      let wrapped: WrappedKey
      if let bytes = try await store.document(.wrapped, proposal.hex) {
        wrapped = try WrappedKey(parsing: bytes)
      } else {
        wrapped = try await WrappedKey.make(
          under: kek, context: WrappingContext(broker: origin, key: key, proposal: proposal))
        try await store.keep(.wrapped, proposal.hex, wrapped.bytes)
      }
      return .executed(
        result: [
          "kek": .string("\(wrapped.provider) \(wrapped.identifier)"),
          "wrapped": .string(SHA256.hash(wrapped.bytes).hex),
        ], opening: nil)
    } catch let fault as KeyEncryptionFault {
      return .failed(result: ["reason": .string("\(fault)")], opening: nil)
    } catch {
      return .failed(result: ["reason": "the wrapped key could not be stored"], opening: nil)
    }
  }

  // MARK: Releases

  /// What the state says of a release.
  struct Standing: Sendable, Hashable {
    /// The proposal that created the key.
    var created: SHA256Digest
    var enrolment: KeyEnrolment?
    var revoked: Set<String>
  }

  /// Nothing leaves here before `execution.finished` is stored: what a crash cut off is done again, to the same key of the
  /// same box, or fails. So a repetition is the same as the first time.
  func release(_ record: KeyReleaseRecord, proposal: SHA256Digest) async -> ExecutionOutcome {
    do {
      // What is not granted waits for no box.
      _ = try await standing(for: record)
      let evidence = try await evidence(for: record, proposal)
      let standing = try await standing(for: record)
      try await appraise(evidence, record, standing)
      guard let bytes = try await store.document(.wrapped, standing.created.hex) else {
        throw NotReleased("the wrapped key is missing")
      }
      let wrapped = try WrappedKey(parsing: bytes)
      let key = try await wrapped.open(
        with: kek, context: WrappingContext(broker: origin, key: record.key, proposal: standing.created))
      // The grant, the software or the box's key may have been taken away while the token was being waited for.
      guard try await self.standing(for: record) == standing else {
        throw NotReleased("what the owners decided about the box or its software has changed meanwhile")
      }
      let sealed = try ReleaseSeal.seal(key, to: record.wrapping, for: proposal)
      try await store.keep(.sealed, proposal.hex, sealed)
      return .executed(
        result: [
          "appraised": .integer(evidence.appraised),
          "evidence": .string(SHA256Digest.of(evidence.evidence).hex),
          "kek": .string("\(wrapped.provider) \(wrapped.identifier)"),
          "sealed": .string(SHA256.hash(sealed).hex),
        ], opening: nil)
    } catch let reason as NotReleased {
      return .failed(result: reason.result, opening: nil)
    } catch let fault as KeyEncryptionFault {
      return .failed(result: NotReleased("\(fault)").result, opening: nil)
    } catch {
      return .failed(result: NotReleased("the broker's own files could not be read or written").result, opening: nil)
    }
  }

  /// Why a release was not carried out.
  private struct NotReleased: Error {
    var result: JSONObject
    init(_ reason: String) { result = ["reason": .string(reason)] }

    init(_ verdict: EvidenceVerdict) {
      result = [
        "reason": "the evidence is not acceptable any more",
        "checks": .array(
          verdict.failures.prefix(KeyRefusalRecord.Limits.checks).map {
            ["id": .string($0.id), "expected": .string($0.expected), "actual": .string($0.actual)]
          }), "registers": .array(verdict.registers.prefix(KeyRefusalRecord.Limits.registers).map(JSON.string)),
      ]
    }
  }

  private func standing(for record: KeyReleaseRecord) async throws -> Standing {
    let found: (standing: Standing?, why: String) = try await sequencer.inspect { state, _ in
      guard let key = state.brokeredKey(named: record.key), !key.isRetired else { return (nil, "the key is retired") }
      guard key.boxes.contains(record.box) else { return (nil, "the key is not granted to the box any more") }
      guard key.appraisal == record.appraisal else { return (nil, "another appraisal policy has taken effect") }
      return (
        Standing(
          created: key.proposal, enrolment: state.enrolledBox(named: record.box)?.enrolment,
          revoked: state.revokedReleases), ""
      )
    }
    guard let standing = found.standing else { throw NotReleased(found.why) }
    return standing
  }

  /// The evidence that was appraised when the release was asked for, or, where that is too old, what the box brings now.
  private func evidence(for record: KeyReleaseRecord, _ proposal: SHA256Digest) async throws -> AppraisedEvidence {
    // Only the broker's listener writes these, and only for a nonce that it gave out and that was used up: a release that
    // somebody else proposed finds nothing here.
    guard let bytes = try await store.document(.evidence, Hex.encode(record.nonce)) else {
      throw NotReleased("no evidence for that nonce was ever taken")
    }
    let kept = try JSON(parsing: bytes, limits: .document(maxBytes: BrokerMessages.maxRequestBytes))
    guard kept["appraised"]?.integer == record.appraised, kept["tls"]?.string == record.tls.hex,
      let evidence = kept["evidence"], SHA256Digest.of(evidence) == record.evidence
    else { throw NotReleased("the release is not the one that the evidence was taken for") }
    let age = clock() - record.appraised
    if age <= freshness {
      return AppraisedEvidence(nonce: record.nonce, evidence: evidence, appraised: record.appraised)
    }
    guard let newer = await renewals.want(for: proposal) else {
      throw NotReleased("the evidence is \(age / 1000) seconds old and the box brought none that is newer")
    }
    return newer
  }

  private func appraise(
    _ evidence: AppraisedEvidence, _ record: KeyReleaseRecord, _ standing: Standing
  ) async throws {
    guard let policy = try await appraisals.document(record.appraisal) else {
      throw NotReleased("the appraisal policy \(record.appraisal) is missing")
    }
    let verdict = try await appraise(
      evidence.evidence, policy: policy,
      binding: ReleaseBinding(nonce: evidence.nonce, wrapping: record.wrapping, tls: record.tls, box: record.box),
      standing)
    guard verdict.isAccepted else { throw NotReleased(verdict) }
  }

  /// Appraises off the reactors.
  func appraise(
    _ evidence: JSON, policy: [UInt8], binding: ReleaseBinding, _ standing: Standing
  ) async throws -> EvidenceVerdict {
    let question = EvidenceAppraiser.Question(
      evidence: evidence, policy: policy, binding: binding.bytes, enrolment: standing.enrolment,
      revoked: standing.revoked, at: clock())
    let appraiser = appraiser
    return try await blocking.run { appraiser.appraise(question) }
  }
}

extension BoxState {
  /// The releases that their owners revoked, as `NAME VERSION`: none of them is accepted, whatever an older appraisal
  /// policy says.
  var revokedReleases: Set<String> {
    Set(releases.filter(\.isRevoked).map { "\($0.release.name) \($0.release.version)" })
  }
}
