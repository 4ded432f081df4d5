import Cryptography
import Synchronization

/// Wakes those who wait for the end of a proposal: one line for each proposal, so that thousands of runs that wait for
/// people cost nothing while the log grows with other things.
final class Settlements: Sendable {
  /// One who waits. Subscribe first, look at the state then, wait last: nothing falls between.
  final class Subscription: Sendable {
    private struct State {
      var isFired = false
      var continuation: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    fileprivate func fire() {
      let waiter = state.withLock { state in
        state.isFired = true
        defer { state.continuation = nil }
        return state.continuation
      }
      waiter?.resume()
    }

    /// Returns when the proposal has ended, the hub has closed or the task is cancelled.
    func wait() async {
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let isDone = state.withLock { state -> Bool in
            if state.isFired || Task.isCancelled { return true }
            state.continuation = continuation
            return false
          }
          if isDone { continuation.resume() }
        }
      } onCancel: {
        fire()
      }
    }
  }

  private struct State {
    var isClosed = false
    var lines: [SHA256Digest: [ObjectIdentifier: Subscription]] = [:]
  }
  private let state = Mutex(State())

  /// How many wait.
  var waiting: Int { state.withLock { $0.lines.values.reduce(0) { $0 + $1.count } } }

  var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Runs `body` with a subscription to the end of `proposal`.
  func withSubscription<Result>(
    to proposal: SHA256Digest, _ body: (Subscription) async throws -> Result
  ) async rethrows -> Result {
    let subscription = Subscription()
    let isClosed = state.withLock { state in
      if !state.isClosed { state.lines[proposal, default: [:]][ObjectIdentifier(subscription)] = subscription }
      return state.isClosed
    }
    if isClosed { subscription.fire() }
    defer {
      state.withLock { state in
        state.lines[proposal]?[ObjectIdentifier(subscription)] = nil
        if state.lines[proposal]?.isEmpty == true { state.lines[proposal] = nil }
      }
    }
    return try await body(subscription)
  }

  /// Something ended: the fold knows it, and whoever looks at the state from now on sees it when it is durable.
  func note(_ proposals: [SHA256Digest]) {
    guard !proposals.isEmpty else { return }
    let woken = state.withLock { state in proposals.flatMap { (state.lines.removeValue(forKey: $0) ?? [:]).values } }
    for subscription in woken { subscription.fire() }
  }

  /// Wakes everybody, for good.
  func close() {
    let woken = state.withLock { state in
      state.isClosed = true
      defer { state.lines = [:] }
      return state.lines.values.flatMap(\.values)
    }
    for subscription in woken { subscription.fire() }
  }
}
