import CanonicalJSON
import Cryptography
import Synchronization

/// Evidence with the nonce that it was made for, and when it was found acceptable.
struct AppraisedEvidence: Sendable {
  var nonce: [UInt8]
  var evidence: JSON
  /// Unix milliseconds.
  var appraised: Int64
}

/// Where a release waits for newer evidence, and the box brings it. In memory: a restarted broker asks again.
final class EvidenceRenewals: Sendable {
  /// How long a release waits for the box that asked for it.
  static let patience = Duration.seconds(60)

  private struct Waiting {
    var continuation: CheckedContinuation<AppraisedEvidence?, Never>
    var turn: UInt64
  }

  private struct State {
    var waiting: [SHA256Digest: Waiting] = [:]
    var turns: UInt64 = 0
  }

  private let state = Mutex(State())
  private let patience: Duration

  init(patience: Duration = patience) { self.patience = patience }

  func isWanted(for release: SHA256Digest) -> Bool { state.withLock { $0.waiting[release] != nil } }

  /// Waits until the box brings newer evidence; `nil` when it does not.
  func want(for release: SHA256Digest) async -> AppraisedEvidence? {
    let turn = state.withLock { state in
      state.turns += 1
      return state.turns
    }
    let timer = Task { [patience] in
      try await Task.sleep(for: patience)
      self.end(release, turn, nil)
    }
    defer { timer.cancel() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let replaced = state.withLock { state in
          state.waiting.updateValue(Waiting(continuation: continuation, turn: turn), forKey: release)
        }
        replaced?.continuation.resume(returning: nil)
        if Task.isCancelled { end(release, turn, nil) }
      }
    } onCancel: {
      end(release, turn, nil)
    }
  }

  /// Brings newer evidence. False where nobody waits for it.
  @discardableResult
  func offer(_ evidence: AppraisedEvidence, for release: SHA256Digest) -> Bool {
    guard let found = state.withLock({ $0.waiting.removeValue(forKey: release) }) else { return false }
    found.continuation.resume(returning: evidence)
    return true
  }

  private func end(_ release: SHA256Digest, _ turn: UInt64, _ evidence: AppraisedEvidence?) {
    let found = state.withLock { state -> Waiting? in
      guard state.waiting[release]?.turn == turn else { return nil }
      return state.waiting.removeValue(forKey: release)
    }
    found?.continuation.resume(returning: evidence)
  }
}
