import BoxService
import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import Synchronization

/// An action type without a world behind it: it notes what it is told and answers when the test lets it.
final class NoteExecutor: ActionExecutor {
  enum Behaviour: Sendable {
    case executed
    case answer(ExecutionOutcome)
    /// Waits for `release`.
    case wait
    /// As if the process had died: never answers until it is cancelled.
    case hang
  }

  let type: String
  let privateParams: Set<String> = ["secret"]
  private struct State {
    var behaviour: Behaviour = .executed
    var orders: [SHA256Digest] = []
    var repeats: [SHA256Digest] = []
    var params: [JSONObject] = []
    var waiters: [CheckedContinuation<Void, Never>] = []
    var arrivals: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    var isReleased = false
  }
  private let state = Mutex(State())

  init(_ type: String) { self.type = type }

  var orders: [SHA256Digest] { state.withLock { $0.orders } }
  var repeats: [SHA256Digest] { state.withLock { $0.repeats } }
  var params: [JSONObject] { state.withLock { $0.params } }

  func behave(_ behaviour: Behaviour) {
    state.withLock {
      $0.behaviour = behaviour
      $0.isReleased = false
    }
  }

  func release() {
    let waiters = state.withLock { state in
      state.isReleased = true
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Returns when that many orders have come in, repeats included.
  func arrived(_ count: Int = 1) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.orders.count + state.repeats.count >= count { return true }
        state.arrivals.append((count, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  func validate(params: JSON) throws(FieldError) {
    if params["invalid"] != nil {
      throw FieldError(field: "action.params.invalid", expected: "nothing", actual: "something")
    }
  }

  func execute(_ order: ExecutionOrder) async -> ExecutionOutcome { await take(order, isRepeat: false) }

  func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { await take(order, isRepeat: true) }

  private func take(_ order: ExecutionOrder, isRepeat: Bool) async -> ExecutionOutcome {
    let (behaviour, arrived) = state.withLock { state in
      if isRepeat { state.repeats.append(order.proposal) } else { state.orders.append(order.proposal) }
      state.params.append(order.params)
      let count = state.orders.count + state.repeats.count
      let ready = state.arrivals.filter { $0.count <= count }.map(\.continuation)
      state.arrivals.removeAll { $0.count <= count }
      return (state.behaviour, ready)
    }
    for continuation in arrived { continuation.resume() }
    switch behaviour {
    case .executed: return .executed(result: ["done": true], opening: nil)
    case .answer(let outcome): return outcome
    case .wait:
      await withCheckedContinuation { continuation in
        let isReleased = state.withLock { state in
          if !state.isReleased { state.waiters.append(continuation) }
          return state.isReleased
        }
        if isReleased { continuation.resume() }
      }
      return .executed(result: ["done": true], opening: nil)
    case .hang:
      try? await Task.sleep(for: .seconds(3600))
      return .unknown(result: ["reason": "cancelled"])
    }
  }
}
