import Glibc

/// Nanoseconds of the monotonic clock; `never` for no deadline.
typealias MonotonicTime = UInt64

extension MonotonicTime {
  static let never = UInt64.max

  static func now() -> MonotonicTime {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  func advanced(by duration: Duration) -> MonotonicTime {
    let (seconds, attoseconds) = duration.components
    guard seconds >= 0, seconds < 1 << 32 else { return seconds < 0 ? self : .never }
    return self + UInt64(seconds) * 1_000_000_000 + UInt64(Swift.max(0, attoseconds) / 1_000_000_000)
  }
}

/// The time a client has to go on sending or reading. Progress extends it at a minimum rate and never beyond a full
/// period from now: a byte every few seconds does not hold a connection open (slowloris, slow reading).
struct Allowance {
  private(set) var until = MonotonicTime.never

  mutating func stop() { until = .never }

  mutating func start(_ now: MonotonicTime, _ period: Duration) { until = now.advanced(by: period) }

  mutating func extend(_ now: MonotonicTime, bytes: Int, rate: Int, _ period: Duration) {
    guard until != .never else { return }
    let earned = UInt64(bytes) * 1_000_000_000 / UInt64(max(1, rate))
    until = min(now.advanced(by: period), until + earned)
  }
}
