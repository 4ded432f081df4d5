import Synchronization

/// Something that happens once and that tasks can wait for.
final class Latch: Sendable {
  private enum Position: Sendable {
    case shut([CheckedContinuation<Void, Never>])
    case open
  }

  private let position = Mutex(Position.shut([]))

  /// Lets everyone through, now and later.
  func open() {
    let waiting = position.withLock { position -> [CheckedContinuation<Void, Never>] in
      defer { position = .open }
      if case .shut(let waiting) = position { return waiting }
      return []
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Returns when the latch is open.
  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = position.withLock { position in
        guard case .shut(let waiting) = position else { return true }
        position = .shut(waiting + [continuation])
        return false
      }
      if isOpen { continuation.resume() }
    }
  }
}
