import CanonicalJSON
import Synchronization

/// What those who watch a run are told, as it happens. The newest are kept so that a watcher who was cut off can go on;
/// no part of the outcome, and gone with the process.
public final class RunEvents: Sendable {
  public struct Event: Sendable, Hashable {
    /// Counts from 1.
    public var id: UInt64
    public var kind: String
    public var data: JSON
  }

  /// Events that are kept.
  public static let capacity = 256
  /// Bytes of the data of one event; what is longer is left out and says so.
  public static let maxBytes = 16 << 10

  private struct State {
    var events: [Event] = []
    var last: UInt64 = 0
    var isClosed = false
    var nextKey: UInt64 = 0
    var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
  }
  private let state = Mutex(State())

  public init() {}

  func say(_ kind: String, _ data: JSONObject) {
    var data = JSON.object(data)
    if data.canonicalBytes().count > Self.maxBytes { data = ["omitted": "too long to be shown here"] }
    let woken = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      state.last += 1
      state.events.append(Event(id: state.last, kind: kind, data: data))
      if state.events.count > Self.capacity { state.events.removeFirst() }
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in woken { waiter.resume() }
  }

  func log(_ line: String) { say("log", ["line": .string(line)]) }

  /// Nothing more comes.
  func close() {
    let woken = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      state.isClosed = true
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in woken { waiter.resume() }
  }

  /// The events after `id` that are still there; waits for the next where there is none. Empty when nothing more comes or the task is
  /// cancelled.
  public func events(after id: UInt64) async -> [Event] {
    while !Task.isCancelled {
      let (found, isClosed) = state.withLock { state in
        (state.events.filter { $0.id > id }, state.isClosed)
      }
      if !found.isEmpty || isClosed { return found }
      await wait(after: id)
    }
    return []
  }

  private func wait(after id: UInt64) async {
    let key = state.withLock { state -> UInt64 in
      state.nextKey += 1
      return state.nextKey
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDone = state.withLock { state -> Bool in
          if state.isClosed || state.last > id || Task.isCancelled { return true }
          state.waiters[key] = continuation
          return false
        }
        if isDone { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: key) }?.resume()
    }
  }
}
