import CanonicalJSON
import Dispatch
import Glibc
import Synchronization

/// Writes messages to a descriptor, each whole and on a line of its own, from a thread of its own.
final class LineWriter: Sendable {
  /// Bytes that may wait; beyond that whoever causes more has to wait.
  static let room = 8 << 20

  private let descriptor: Int32
  private let queue = DispatchQueue(label: "safebox.mcp.output")
  private let state = Mutex((waiting: 0, isBroken: false))

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  func write(_ message: JSON) {
    let bytes = message.canonicalBytes() + [10]
    let isBroken = state.withLock { state in
      state.waiting += bytes.count
      return state.isBroken
    }
    guard !isBroken else { return }
    queue.async {
      let isWritten = self.writeAll(bytes)
      self.state.withLock { state in
        state.waiting -= bytes.count
        if !isWritten { state.isBroken = true }
      }
    }
  }

  /// Blocks while too much waits to be written.
  func waitForRoom() {
    guard state.withLock({ $0.waiting > Self.room && !$0.isBroken }) else { return }
    queue.sync {}
  }

  /// Calls back when all that was given so far is written.
  func flush(_ done: @escaping @Sendable () -> Void) { queue.async { done() } }

  private func writeAll(_ bytes: [UInt8]) -> Bool {
    guard !state.withLock({ $0.isBroken }) else { return false }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
