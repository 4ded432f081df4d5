import HTTPServer
import Synchronization

/// How often the machine is asked for evidence: whoever reaches the box may ask, each answer keeps the machine busy for some
/// hundred milliseconds, and it has one thing in hand at a time, the box's own claims included.
///
/// Two token buckets, one of each caller and one of all, by the generic cell rate algorithm: a bucket is the time at which it
/// will be full again. Only what was granted is remembered, so the bucket of all bounds the memory, too.
final class AttestationPace: Sendable {
  /// A bucket's size, and the time in which one token comes back.
  struct Rate: Sendable {
    let burst: Int64
    /// Milliseconds.
    let interval: Int64
  }

  enum Limits {
    static let caller = Rate(burst: 10, interval: 2000)
    static let all = Rate(burst: 30, interval: 500)
  }

  /// Who asks: a client of the API, or a network, or a user of this machine.
  enum Caller: Hashable, Sendable {
    case client(String)
    case network(String)
    case user(UInt32)

    init(client: String?, peer: Peer) {
      self =
        switch (client, peer) {
        case (let name?, _): .client(name)
        case (nil, .unix(let uid, _, _)): .user(uid)
        case (nil, .tcp(let address, _)): .network(Self.network(address))
        }
    }

    /// An IPv6 client owns a whole /64 and could use another address each time.
    private static func network(_ address: String) -> String {
      guard address.contains(":") else { return address }
      let halves = address.split(separator: "::", omittingEmptySubsequences: false)
        .map { $0.split(separator: ":").map(String.init) }
      let (leading, trailing) = (halves.first ?? [], halves.count > 1 ? halves[1] : [])
      let zeros = Array(repeating: "0", count: max(0, 8 - leading.count - trailing.count))
      return (leading + zeros + trailing).prefix(4).joined(separator: ":")
    }
  }

  private struct Buckets {
    var all: Int64 = .min
    var callers: [Caller: Int64] = [:]
  }

  private let buckets = Mutex(Buckets())

  /// Takes one token of both buckets, or none.
  ///
  /// - Parameter at: Unix milliseconds.
  /// - Returns: nil when it was granted; else in how many seconds there is a token again, at least 1.
  func wait(for caller: Caller, at now: Int64) -> Int64? {
    buckets.withLock { buckets in
      let all = Self.full(buckets.all, Limits.all, now)
      let own = Self.full(buckets.callers[caller] ?? .min, Limits.caller, now)
      let late = max(
        Self.missing(all, Limits.all, now), Self.missing(own, Limits.caller, now))
      guard late <= 0 else { return (late + 999) / 1000 }
      // Who is full again is as one who never asked.
      buckets.callers = buckets.callers.filter { $0.value > now }
      buckets.all = all + Limits.all.interval
      buckets.callers[caller] = own + Limits.caller.interval
      return nil
    }
  }

  /// When the bucket is full. A time further away than an empty bucket's is of a clock that was set back since.
  private static func full(_ time: Int64, _ rate: Rate, _ now: Int64) -> Int64 {
    time < now || time - now > rate.burst * rate.interval ? now : time
  }

  /// Milliseconds until there is a token; zero or less when there is.
  private static func missing(_ full: Int64, _ rate: Rate, _ now: Int64) -> Int64 {
    full - now - (rate.burst - 1) * rate.interval
  }
}
