import Cryptography
import Synchronization
import Testing

@testable import KeyRelease

/// Nonces: once, in time, by whoever asked.
@Suite struct NonceBookTests {
  private final class Clock: Sendable {
    private let time = Mutex(ContinuousClock.now)
    var now: ContinuousClock.Instant { time.withLock { $0 } }
    func advance(_ span: Duration) { time.withLock { $0 += span } }
  }

  private static func peer(_ name: String) -> SHA256Digest { SHA256.hash(utf8: name) }

  @Test func aNonceCountsOnce() throws {
    let book = NonceBook()
    let nonce = try book.issue(to: Self.peer("a"))
    #expect(nonce.count == 32)
    try book.redeem(nonce, by: Self.peer("a"))
    #expect(throws: NonceBook.Fault.unknown) { try book.redeem(nonce, by: Self.peer("a")) }
    #expect(throws: NonceBook.Fault.unknown) {
      try book.redeem([UInt8](repeating: 0, count: 32), by: Self.peer("a"))
    }
    #expect(book.count == 0)
  }

  @Test func ofManyThatUseOneNonceAtOnceOneWins() async throws {
    let book = NonceBook()
    let nonce = try book.issue(to: Self.peer("a"))
    let winners = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<64 { group.addTask { (try? book.redeem(nonce, by: Self.peer("a"))) != nil } }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(winners == 1)
  }

  @Test func anotherPeerCannotUseItAndUsesItUp() throws {
    let book = NonceBook()
    let nonce = try book.issue(to: Self.peer("a"))
    #expect(throws: NonceBook.Fault.foreign) { try book.redeem(nonce, by: Self.peer("b")) }
    #expect(throws: NonceBook.Fault.unknown) { try book.redeem(nonce, by: Self.peer("a")) }
  }

  @Test func itExpiresAndDiesWithTheProcess() throws {
    let clock = Clock()
    let book = NonceBook(now: { clock.now })
    let early = try book.issue(to: Self.peer("a"))
    let late = try book.issue(to: Self.peer("a"))
    clock.advance(.seconds(120) - .nanoseconds(1))
    try book.redeem(early, by: Self.peer("a"))
    clock.advance(.nanoseconds(1))
    #expect(throws: NonceBook.Fault.expired) { try book.redeem(late, by: Self.peer("a")) }
    let open = try book.issue(to: Self.peer("a"))
    #expect(throws: NonceBook.Fault.unknown) { try NonceBook(now: { clock.now }).redeem(open, by: Self.peer("a")) }
  }

  @Test func onePeerCannotFillTheBook() throws {
    let clock = Clock()
    let book = NonceBook(now: { clock.now })
    let others = try (0..<NonceBook.Limits.perPeer).map { _ in try book.issue(to: Self.peer("b")) }
    var mine: [[UInt8]] = []
    for _ in 0..<(4 * NonceBook.Limits.perPeer) { mine.append(try book.issue(to: Self.peer("a"))) }
    #expect(book.count == 2 * NonceBook.Limits.perPeer)
    #expect(throws: NonceBook.Fault.unknown) { try book.redeem(mine[0], by: Self.peer("a")) }
    try book.redeem(mine[mine.count - 1], by: Self.peer("a"))
    for nonce in others { try book.redeem(nonce, by: Self.peer("b")) }
    // Many peers can; then time makes room.
    for number in 0..<NonceBook.Limits.open { _ = try? book.issue(to: Self.peer("\(number)")) }
    #expect(throws: NonceBook.Fault.full) { try book.issue(to: Self.peer("late")) }
    clock.advance(.seconds(121))
    _ = try book.issue(to: Self.peer("late"))
    // Nothing is remembered of those who never came back.
    #expect(book.count == 1 && book.peers == 1)
  }
}
