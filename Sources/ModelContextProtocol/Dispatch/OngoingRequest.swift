import CanonicalJSON
import Synchronization

/// A request that is being answered, for the one who may take it back.
final class OngoingRequest: Sendable {
  /// In `_meta` of a `tools/call`, or of the `notifications/cancelled` for it: to take the call back is to cancel its run.
  static let cancelRunKey = "safebox/cancelRun"

  private struct State {
    var task: Task<Void, Never>?
    var isTakenBack = false
    var cancelsRun: Bool
  }
  private let state: Mutex<State>

  let isToolCall: Bool

  init(_ request: RPCRequest) {
    isToolCall = request.method == "tools/call"
    state = Mutex(State(cancelsRun: request.meta[Self.cancelRunKey] == true))
  }

  var isTakenBack: Bool { state.withLock { $0.isTakenBack } }
  /// Whether its run is to be cancelled with it.
  var cancelsRun: Bool { state.withLock { $0.isTakenBack && $0.cancelsRun } }

  func attach(_ task: Task<Void, Never>) {
    let isTakenBack = state.withLock { state in
      state.task = task
      return state.isTakenBack
    }
    if isTakenBack { task.cancel() }
  }

  func takeBack(cancellingRun: Bool = false) {
    let task = state.withLock { state in
      state.isTakenBack = true
      if cancellingRun { state.cancelsRun = true }
      return state.task
    }
    task?.cancel()
  }
}
