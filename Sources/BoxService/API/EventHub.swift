import Synchronization

/// Tells readers of the event stream that the log has grown. It carries no entries: each reader reads them from the log,
/// so that a slow reader costs one number, not a queue, and can resume from any index.
final class EventHub: Sendable {
  private struct State {
    var size: UInt64
    var isClosed = false
    var nextKey: UInt64 = 0
    var waiters: [UInt64: (size: UInt64, continuation: CheckedContinuation<UInt64?, Never>)] = [:]
  }
  private let state: Mutex<State>

  /// A hub of a log that has `size` entries.
  init(size: UInt64) { state = Mutex(State(size: size)) }

  /// How many wait.
  var waiting: Int { state.withLock { $0.waiters.count } }

  /// Says that the log has `size` durable entries.
  func advance(to size: UInt64) {
    let woken = state.withLock { state -> [CheckedContinuation<UInt64?, Never>] in
      guard size > state.size else { return [] }
      state.size = size
      let ready = state.waiters.filter { $0.value.size < size }
      for key in ready.keys { state.waiters[key] = nil }
      return ready.values.map(\.continuation)
    }
    for continuation in woken { continuation.resume(returning: size) }
  }

  /// Wakes every reader for good.
  func close() {
    let woken = state.withLock { state -> [CheckedContinuation<UInt64?, Never>] in
      state.isClosed = true
      defer { state.waiters = [:] }
      return state.waiters.values.map(\.continuation)
    }
    for continuation in woken { continuation.resume(returning: nil) }
  }

  /// Waits until the log has more than `size` entries; `nil` when the hub closes or the task is cancelled.
  func growth(beyond size: UInt64) async -> UInt64? {
    let key = state.withLock { state -> UInt64 in
      state.nextKey += 1
      return state.nextKey
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        enum Answer {
          case wait
          case now(UInt64?)
        }
        let answer = state.withLock { state -> Answer in
          if state.isClosed || Task.isCancelled { return .now(nil) }
          if state.size > size { return .now(state.size) }
          state.waiters[key] = (size, continuation)
          return .wait
        }
        if case .now(let size) = answer { continuation.resume(returning: size) }
      }
    } onCancel: {
      let waiter = state.withLock { $0.waiters.removeValue(forKey: key) }
      waiter?.continuation.resume(returning: nil)
    }
  }
}
