import CLinux
import Synchronization

/// Counts open connections, in all and of each peer.
final class ConnectionLedger: Sendable {
  /// What counts as one peer. An IPv6 client owns a whole /64 and could use another address each time.
  enum Account: Hashable, Sendable {
    case ipv4(UInt32)
    case ipv6(network: UInt64)
    case user(UInt32)
  }

  /// Which limit was reached.
  enum Refusal: Error {
    case total
    case peer
  }

  private struct Books: ~Copyable {
    var total = 0
    var accounts: [Account: Int] = [:]
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let limits: HTTPServerConfiguration.Limits
  private let books = Mutex(Books())

  init(limits: HTTPServerConfiguration.Limits) { self.limits = limits }

  var open: Int { books.withLock { $0.total } }

  func admit(_ account: Account) throws(Refusal) {
    let refusal: Refusal? = books.withLock { books in
      guard books.total < limits.connections else { return .total }
      guard books.accounts[account, default: 0] < limits.connectionsPerPeer else { return .peer }
      books.total += 1
      books.accounts[account, default: 0] += 1
      return nil
    }
    if let refusal { throw refusal }
  }

  func release(_ account: Account) {
    let waiters: [CheckedContinuation<Void, Never>] = books.withLock { books in
      books.total -= 1
      let left = books.accounts[account, default: 0] - 1
      books.accounts[account] = left > 0 ? left : nil
      guard books.total == 0 else { return [] }
      defer { books.waiters = [] }
      return books.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Returns when no connection is open.
  func untilEmpty() async {
    await withCheckedContinuation { continuation in
      let isEmpty = books.withLock { books in
        guard books.total > 0 else { return true }
        books.waiters.append(continuation)
        return false
      }
      if isEmpty { continuation.resume() }
    }
  }
}
