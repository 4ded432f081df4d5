/// Bounds on what one acquisition takes.
public struct AcquisitionLimits: Sendable, Hashable {
  /// Files at once.
  public var files = 4
  /// Requests for one file at once, bytes in each, and failures in a row after which a source is left.
  public var transfer = TransferPlan.Bounds()
  /// A transfer that gives fewer bytes a second over a whole period is given up; waiting for the first byte counts.
  public var leastBytesPerSecond = 1024
  public var slowPeriod = Duration.seconds(30)
  /// The pause before the second attempt at a source; each further one is twice as long, up to the longest.
  public var firstPause = Duration.milliseconds(500)
  public var longestPause = Duration.seconds(8)
  /// For everything together.
  public var total = Duration.seconds(24 * 3600)
  /// Redirects followed for one request.
  public var redirects = 5
  /// Room in bytes that is left free on the file system beside the model.
  public var spareBytes = 64 << 20
  /// Time between two reports of progress.
  public var progressPeriod = Duration.milliseconds(250)

  public init() {}

  /// The pause before an attempt after so many failures in a row.
  func pause(after failures: Int) -> Duration {
    failures == 0 ? .zero : min(longestPause, firstPause * (1 << min(failures - 1, 16)))
  }

  /// Whether so many bytes over a period are too few.
  func isTooSlow(bytes: Int, over period: Duration) -> Bool {
    period >= slowPeriod && Double(bytes) < Double(leastBytesPerSecond) * period.inSeconds
  }
}
