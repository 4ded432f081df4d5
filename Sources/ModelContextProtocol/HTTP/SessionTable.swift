import Cryptography
import Synchronization

/// The sessions of revision 2025-11-25 over HTTP. Their names are 32 random bytes: who knows one is its client.
final class SessionTable: Sendable {
  /// Sessions at one time. Beyond that the one that was idle longest ends.
  static let maxCount = 256

  private struct Session {
    var conversation: Conversation
    var use: UInt64
  }
  private struct State {
    var sessions: [String: Session] = [:]
    var uses: UInt64 = 0
  }
  private let state = Mutex(State())
  private let maxCount: Int

  init(maxCount: Int = SessionTable.maxCount) { self.maxCount = maxCount }

  /// Names a conversation; nil when as many are busy as there may be.
  func begin(_ conversation: Conversation) -> String? {
    let name = Hex.encode(SecureRandom.bytes(32))
    let (isTaken, ended) = state.withLock { state -> (Bool, Conversation?) in
      var ended: Conversation?
      if state.sessions.count >= maxCount {
        let idle = state.sessions.filter { !$0.value.conversation.isBusy }
        guard let oldest = idle.min(by: { $0.value.use < $1.value.use })?.key else { return (false, nil) }
        ended = state.sessions.removeValue(forKey: oldest)?.conversation
      }
      state.uses += 1
      state.sessions[name] = Session(conversation: conversation, use: state.uses)
      return (true, ended)
    }
    ended?.end()
    return isTaken ? name : nil
  }

  subscript(name: String) -> Conversation? {
    state.withLock { state in
      guard let session = state.sessions[name] else { return nil }
      state.uses += 1
      state.sessions[name]?.use = state.uses
      return session.conversation
    }
  }

  /// Ends a session and gives up what waits in it. False when there is none of that name.
  func end(_ name: String) -> Bool {
    let session = state.withLock { $0.sessions.removeValue(forKey: name) }
    session?.conversation.end()
    return session != nil
  }
}
