import Glibc

/// The time, as an argument: tests of limits and rates pass their own and wait for nothing.
public struct AcquisitionClock: Sendable {
  /// Time since some moment; never decreases.
  public var now: @Sendable () -> Duration
  /// Returns after a while; throws when the task is cancelled.
  public var sleep: @Sendable (Duration) async throws -> Void
  /// Unix milliseconds, for signatures.
  public var unixMilliseconds: @Sendable () -> Int64

  public init(
    now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void,
    unixMilliseconds: @escaping @Sendable () -> Int64
  ) {
    self.now = now
    self.sleep = sleep
    self.unixMilliseconds = unixMilliseconds
  }

  /// The machine's clocks.
  public static let system = AcquisitionClock(
    now: { time(CLOCK_MONOTONIC) }, sleep: { try await Task.sleep(for: $0) },
    unixMilliseconds: {
      let (seconds, attoseconds) = time(CLOCK_REALTIME).components
      return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    })

  private static func time(_ clock: clockid_t) -> Duration {
    var time = timespec()
    clock_gettime(clock, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}
