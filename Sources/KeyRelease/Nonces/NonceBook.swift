import Cryptography
import Synchronization

/// The nonces that a broker has given out: each for one use, by the peer that asked for it, for two minutes.
///
/// They lie in memory and nowhere else. A restarted broker knows none of them, so evidence made for an earlier process is
/// worth nothing.
public final class NonceBook: Sendable {
  public enum Limits {
    /// Nonces that are open at one time.
    public static let open = 4096
    /// Of one peer.
    public static let perPeer = 8
  }

  public static let bytes = 32
  public static let lifetime = Duration.seconds(120)

  /// Why a nonce does not count.
  public enum Fault: Error, Sendable, Hashable, CustomStringConvertible {
    /// Used before, of an earlier process, or invented.
    case unknown
    case expired
    /// Given to a peer with another key.
    case foreign
    /// Too many are open.
    case full

    public var description: String {
      switch self {
      case .unknown: "used before, or never given out by this process"
      case .expired: "given out more than \(NonceBook.lifetime.components.seconds) seconds ago"
      case .foreign: "given out to a peer with another key"
      case .full: "too many nonces are open"
      }
    }
  }

  fileprivate struct Issued {
    let peer: SHA256Digest
    let until: ContinuousClock.Instant
  }

  fileprivate struct Book {
    var issued: [[UInt8]: Issued] = [:]
    /// Those of each peer, oldest first.
    var peers: [SHA256Digest: [[UInt8]]] = [:]
  }

  private let book = Mutex(Book())
  private let now: @Sendable () -> ContinuousClock.Instant

  /// - Parameter now: a clock that nobody can set back, and that counts while the machine sleeps.
  public init(now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }) { self.now = now }

  /// A fresh nonce.
  ///
  /// - Parameter peer: SHA-256 of the key that the peer proved to hold.
  /// - Throws: `full`. A peer that has ``Limits/perPeer`` open loses its oldest, never somebody else's.
  public func issue(to peer: SHA256Digest) throws(Fault) -> [UInt8] {
    let nonce = SecureRandom.bytes(Self.bytes)
    let now = now()
    let isTaken = book.withLock { book in
      book.forget(before: now)
      if let own = book.peers[peer], own.count >= Limits.perPeer, let oldest = own.first { book.remove(oldest) }
      guard book.issued.count < Limits.open else { return false }
      book.issued[nonce] = Issued(peer: peer, until: now.advanced(by: Self.lifetime))
      book.peers[peer, default: []].append(nonce)
      return true
    }
    guard isTaken else { throw .full }
    return nonce
  }

  /// Uses a nonce up. Whatever comes of it, it never counts again.
  public func redeem(_ nonce: [UInt8], by peer: SHA256Digest) throws(Fault) {
    let now = now()
    guard let issued = book.withLock({ $0.remove(nonce) }) else { throw .unknown }
    guard now < issued.until else { throw .expired }
    guard issued.peer == peer else { throw .foreign }
  }

  /// How many are open.
  public var count: Int { book.withLock { $0.issued.count } }

  /// Of how many peers.
  var peers: Int { book.withLock { $0.peers.count } }
}

extension NonceBook.Book {
  @discardableResult
  fileprivate mutating func remove(_ nonce: [UInt8]) -> NonceBook.Issued? {
    guard let found = issued.removeValue(forKey: nonce) else { return nil }
    peers[found.peer]?.removeAll { $0 == nonce }
    if peers[found.peer]?.isEmpty == true { peers[found.peer] = nil }
    return found
  }

  /// Those that nobody can use any more make room; a used-up clock walks the book only when it is a quarter full.
  fileprivate mutating func forget(before now: ContinuousClock.Instant) {
    guard issued.count >= NonceBook.Limits.open / 4 else { return }
    for (nonce, found) in issued where found.until <= now { remove(nonce) }
  }
}
