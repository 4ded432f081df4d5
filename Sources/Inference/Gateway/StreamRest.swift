import Synchronization

/// The rest of a runner's answer on its way from the handler into the response that reads it, once. Forgotten unread, it
/// ends the exchange.
final class StreamRest: @unchecked Sendable {
  // Guarded by the lock; the iterator inside is used by whoever took it, and by nobody else.
  private var body: RunnerExchange.Body?
  private let lock = Mutex(())

  init(_ body: RunnerExchange.Body) { self.body = body }

  /// The rest, to the first who asks.
  func take() -> RunnerExchange.Body? {
    lock.withLock { _ in
      defer { body = nil }
      return body
    }
  }
}
