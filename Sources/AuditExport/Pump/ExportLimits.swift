/// How much goes out at a time.
public struct BatchLimits: Sendable, Hashable {
  /// Entries of a batch.
  public var entries: Int
  /// Bytes of entries in a batch; one entry always goes, whatever its size.
  public var bytes: Int
  /// How long a batch that is not full waits for more.
  public var linger: Duration

  public static let entriesRange = 1...4096
  public static let bytesRange = 65_536...(16 << 20)

  public init(entries: Int = 512, bytes: Int = 1 << 20, linger: Duration = .zero) {
    self.entries = entries
    self.bytes = bytes
    self.linger = linger
  }
}

/// When to say that an export is behind: both are looked at, either one raises the alarm.
public struct LagLimits: Sendable, Hashable {
  /// More entries than this not acknowledged.
  public var entries: UInt64
  /// The oldest of them recorded longer ago than this, in milliseconds.
  public var milliseconds: Int64

  public init(entries: UInt64 = 10_000, milliseconds: Int64 = 300_000) {
    self.entries = entries
    self.milliseconds = milliseconds
  }
}

/// How often a pump looks, and how long it waits after faults.
public struct ExportPace: Sendable, Hashable {
  /// Between looks for new entries and at the lag.
  public var interval: Duration
  /// After a first fault; doubled with each that follows.
  public var firstPause: Duration
  /// The longest pause.
  public var longestPause: Duration

  public init(
    interval: Duration = .milliseconds(250), firstPause: Duration = .milliseconds(500),
    longestPause: Duration = .seconds(30)
  ) {
    self.interval = interval
    self.firstPause = firstPause
    self.longestPause = longestPause
  }

  /// The pause after so many faults in a row, at least one.
  public func pause(after faults: Int) -> Duration {
    let doublings = min(max(faults - 1, 0), 20)
    return min(firstPause * (1 << doublings), longestPause)
  }
}
