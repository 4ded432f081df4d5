import CanonicalJSON
import Synchronization

/// Tells a client of the host calls of its run, one notification for each.
final class CallProgress: Sendable {
  /// Notifications of one request.
  static let maxCount: Int64 = 1000

  private let token: ProgressToken
  private let channel: any ReplyChannel
  private struct State {
    var count: Int64 = 0
    /// Of the last event; a stream that is read again begins with events that are known.
    var last: UInt64 = 0
    var isOpen = true
  }
  private let state = Mutex(State())

  init(_ token: ProgressToken, _ channel: any ReplyChannel) {
    self.token = token
    self.channel = channel
  }

  func take(_ event: ServerSentEvent) {
    guard event.kind == "call", let json = try? JSON(parsing: event.data, limits: .document(maxBytes: 64 << 10)) else {
      return
    }
    // Sent under the lock: after `close` nothing may follow, for then the answer is out.
    state.withLock { state in
      guard state.isOpen, state.count < Self.maxCount, event.id.map({ $0 > state.last }) ?? true else { return }
      state.last = event.id ?? state.last
      state.count += 1
      channel.notify(
        "notifications/progress",
        ["progressToken": token.json, "progress": .integer(state.count), "message": .string(Self.message(json))])
    }
  }

  private static func message(_ call: JSON) -> String {
    var words = [call["method"]?.string ?? "call"]
    for fact in (call["facts"]?.array ?? []).prefix(1) {
      words += (fact.object ?? [:]).compactMap { $0.value.string }.prefix(3)
    }
    return DisplayText.plain(words.joined(separator: " "), limit: 200)
  }

  /// Nothing more is sent.
  func close() { state.withLock { $0.isOpen = false } }

  /// Lets the last events of a run that is over arrive, for a short while.
  static func finish(_ watch: Task<Void, Never>) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await watch.value }
      group.addTask { try? await Task.sleep(for: .milliseconds(500)) }
      await group.next()
      watch.cancel()
      group.cancelAll()
    }
  }
}
