import KeyRelease

/// How long to wait before a broker is asked again: longer each time, up to a limit. Pure.
struct RetryPace: Sendable {
  /// After a broker that did not answer.
  var first = Duration.seconds(2)
  /// After a refusal, which is an entry of the broker's log each time.
  var refused = Duration.seconds(30)
  var longest = Duration.seconds(600)

  /// The failures of the same sort without another in between.
  private var count = 0
  private var wasRefused = false

  init() {}

  mutating func delay(after failure: KeyReleaseFailure) -> Duration {
    let isRefused: Bool
    switch failure {
    // Asking waited already.
    case .undecided: return KeyReleaseClient.pollInterval
    case .refused: isRefused = true
    case .unreachable, .malformed, .evidence, .doesNotOpen: isRefused = false
    }
    if isRefused != wasRefused { count = 0 }
    wasRefused = isRefused
    defer { count += 1 }
    let factor = 1 << min(count, 16)
    return min((isRefused ? refused : first) * factor, longest)
  }
}
