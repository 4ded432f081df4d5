import Glibc

/// Wall and processor time since it was started.
struct Stopwatch {
  private let wall = Self.now(CLOCK_MONOTONIC)
  private let process = Self.now(CLOCK_PROCESS_CPUTIME_ID)

  /// Nanoseconds of a clock.
  static func now(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Nanoseconds of the monotonic clock, whose zero means nothing.
  static var nanoseconds: UInt64 { now(CLOCK_MONOTONIC) }

  /// Unix milliseconds.
  static var unixMilliseconds: Int64 { Int64(now(CLOCK_REALTIME) / 1_000_000) }

  /// Seconds of wall time.
  var seconds: Double { Double(Self.now(CLOCK_MONOTONIC) - wall) / 1e9 }

  /// Seconds of processor time of all threads.
  var processorSeconds: Double { Double(Self.now(CLOCK_PROCESS_CPUTIME_ID) - process) / 1e9 }
}
