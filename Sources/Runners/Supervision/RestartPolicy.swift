/// When a runner that ended is started again. Pure: the same failures have the same answers.
///
/// There is no jitter: one box has few runners, and what happens on it should be the same every time.
public struct RestartPolicy: Sendable, Hashable {
  /// What to do about a runner that ended.
  public enum Decision: Sendable, Hashable {
    case restart(after: Duration)
    case giveUp(failures: Int)
  }

  /// The first wait; each further one is twice as long.
  public var firstDelay: Duration = .seconds(1)
  public var maxDelay: Duration = .seconds(60)
  /// Failures in a row before it is left alone.
  public var maxFailures = 8
  /// Who ran for so long has not failed in a row.
  public var forgivenAfter: Duration = .seconds(300)

  public init() {}

  /// What to do after the failure with this number, counted from 1.
  public func decision(failures: Int) -> Decision {
    guard failures < maxFailures else { return .giveUp(failures: failures) }
    var delay = firstDelay
    for _ in 1..<max(1, failures) where delay < maxDelay { delay = min(delay * 2, maxDelay) }
    return .restart(after: min(delay, maxDelay))
  }

  /// How many failures in a row there are when a runner ends after so long.
  public func failures(before: Int, ranFor: Duration) -> Int { ranFor >= forgivenAfter ? 1 : before + 1 }
}
