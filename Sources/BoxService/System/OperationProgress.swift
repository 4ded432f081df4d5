import CanonicalJSON
import Cryptography
import Synchronization

/// The newest word of the privileged process on what it carries out, by proposal. For people who watch; nothing rests on it.
final class OperationProgress: Sendable {
  private static let maxCount = 64

  private struct State {
    var words: [SHA256Digest: JSON] = [:]
    var order: [SHA256Digest] = []
  }

  private let state = Mutex(State())

  func note(_ progress: JSON, of proposal: SHA256Digest) {
    state.withLock { state in
      if state.words.updateValue(progress, forKey: proposal) == nil { state.order.append(proposal) }
      while state.order.count > Self.maxCount { state.words[state.order.removeFirst()] = nil }
    }
  }

  func forget(_ proposal: SHA256Digest) {
    state.withLock { state in
      state.words[proposal] = nil
      state.order.removeAll { $0 == proposal }
    }
  }

  subscript(proposal: SHA256Digest) -> JSON? { state.withLock { $0.words[proposal] } }
}
