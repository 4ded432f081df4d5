/// How fast bytes come and how long the rest will take: the mean over the last seconds, so that a pause shows soon and a
/// single burst does not. Pure: it is told the time.
public struct ProgressMeter: Sendable {
  private struct Sample {
    var at: Duration
    var bytes: Int
  }

  /// Length of the window.
  public static let window = Duration.seconds(10)
  private static let maxSamples = 64

  private var samples: [Sample]

  /// - Parameter bytes: What is already there and did not have to come.
  public init(startedAt time: Duration, bytes: Int = 0) {
    samples = [Sample(at: time, bytes: bytes)]
  }

  /// The bytes that are here at a time; times never decrease. Fewer than before, when a file was dropped, begin a new window.
  public mutating func note(bytes: Int, at time: Duration) {
    if let last = samples.last, bytes < last.bytes { samples = [] }
    samples.append(Sample(at: time, bytes: bytes))
    while samples.count > 2, samples.count > Self.maxSamples || time - samples[1].at >= Self.window {
      samples.removeFirst()
    }
  }

  /// Bytes for each second over the window; 0 before any time has passed.
  public var bytesPerSecond: Int {
    guard let first = samples.first, let last = samples.last, last.at > first.at else { return 0 }
    return Int(Double(last.bytes - first.bytes) / (last.at - first.at).inSeconds)
  }

  /// Whole seconds until `bytes` more are here, rounded up; nil while nothing moves.
  public func secondsLeft(for bytes: Int) -> Int? {
    guard bytes > 0 else { return 0 }
    let rate = bytesPerSecond
    guard rate > 0 else { return nil }
    return (bytes + rate - 1) / rate
  }
}

extension Duration {
  /// As a number of seconds.
  var inSeconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
