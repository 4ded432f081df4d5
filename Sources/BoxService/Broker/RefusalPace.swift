import Synchronization

/// How many refusals are recorded: whoever can reach the broker can be refused, and must not fill its log.
final class RefusalPace: Sendable {
  enum Limits {
    static let perMinute = 600
    /// In the name of one box.
    static let perBox = 60
    static let boxes = 4096
  }

  private struct Window {
    var begun: Int64 = 0
    var count = 0
    var boxes: [String: Int] = [:]
  }

  private let window = Mutex(Window())

  /// Whether one more may be recorded now.
  ///
  /// - Parameter at: Unix milliseconds.
  func admits(_ box: String, at: Int64) -> Bool {
    window.withLock { window in
      if at < window.begun || at - window.begun >= 60_000 { window = Window(begun: at) }
      guard window.count < Limits.perMinute, window.boxes[box] != nil || window.boxes.count < Limits.boxes,
        window.boxes[box, default: 0] < Limits.perBox
      else { return false }
      window.count += 1
      window.boxes[box, default: 0] += 1
      return true
    }
  }
}
