import Synchronization

/// An operation that somebody waits for, until it is done or its time is over, whichever comes first.
final class PendingOperation<Value: Sendable>: Sendable {
  private enum State {
    case waiting(CheckedContinuation<Result<Value, TPMFailure>, Never>)
    case ended
  }

  private let state: Mutex<State>

  init(_ continuation: CheckedContinuation<Result<Value, TPMFailure>, Never>) {
    state = Mutex(.waiting(continuation))
  }

  /// Whether somebody still waits. An operation that was given up must not begin: its caller has been told that it failed.
  var isAwaited: Bool {
    state.withLock { if case .waiting = $0 { true } else { false } }
  }

  /// The first call resumes whoever waits; later ones do nothing.
  func end(_ result: Result<Value, TPMFailure>) {
    let continuation: CheckedContinuation<Result<Value, TPMFailure>, Never>? = state.withLock { state in
      guard case .waiting(let continuation) = state else { return nil }
      state = .ended
      return continuation
    }
    continuation?.resume(returning: result)
  }
}
