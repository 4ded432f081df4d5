import Synchronization

/// Progress of a long operation on standard error, if that is a terminal; otherwise silent.
public final class ProgressBar: Sendable {
  private struct State {
    var completed: UInt64 = 0
    var lastDrawn: ContinuousClock.Instant?
    var isFinished = false
  }

  private let terminal: Terminal
  private let line: ProgressLine
  private let started = ContinuousClock.now
  private let state = Mutex(State())

  /// `total` is `nil` where it is not known.
  public init(_ label: String, total: UInt64?, unit: ProgressLine.Unit, terminal: Terminal = .standard) {
    self.terminal = terminal
    line = ProgressLine(label: TerminalText.escaped(label), total: total, unit: unit)
  }

  /// May be called as often as is convenient; draws at most ten times a second.
  public func update(_ completed: UInt64) {
    guard terminal.errorIsTTY else { return }
    let now = ContinuousClock.now
    let isDue = state.withLock { state in
      state.completed = completed
      guard !state.isFinished, state.lastDrawn.map({ now - $0 >= .milliseconds(100) }) ?? true else { return false }
      state.lastDrawn = now
      return true
    }
    if isDue { draw(completed, now) }
  }

  /// Removes the bar; call it on every way out.
  public func finish() {
    guard terminal.errorIsTTY else { return }
    let wasDrawn = state.withLock { state in
      defer { state.isFinished = true }
      return !state.isFinished && state.lastDrawn != nil
    }
    if wasDrawn { terminal.writeError("\r\u{1b}[K") }
  }

  private func draw(_ completed: UInt64, _ now: ContinuousClock.Instant) {
    let text = line.text(completed: completed, elapsed: now - started, width: terminal.width)
    terminal.writeError("\r\(text)\u{1b}[K")
  }
}

/// The text of a progress bar at one moment.
public struct ProgressLine: Sendable {
  public enum Unit: Sendable {
    case bytes
    /// A plural noun, such as `entries`.
    case items(String)
  }

  let label: String
  let total: UInt64?
  let unit: Unit

  func text(completed: UInt64, elapsed: Duration, width: Int) -> String {
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let rate = seconds > 0 ? Double(completed) / seconds : 0
    var parts = [amount(Double(completed))]
    if let total { parts[0] += "/" + amount(Double(total)) }
    parts.append(amount(rate) + "/s")
    if let total, rate > 0, completed <= total { parts.append("\(clock(Double(total - completed) / rate)) left") }
    let facts = parts.joined(separator: "  ")
    // One column stays free: some terminals wrap when the last one is written.
    let room = width - 1 - TerminalText.columns(of: label) - TerminalText.columns(of: facts) - 6
    guard let total, room >= 10 else { return TerminalText.cut("\(label)  \(facts)", toColumns: width - 1) }
    let share = total == 0 ? 1 : min(1, Double(completed) / Double(total))
    let filled = Int(share * Double(room))
    return "\(label)  [" + String(repeating: "#", count: filled) + String(repeating: ".", count: room - filled)
      + "]  \(facts)"
  }

  private func amount(_ value: Double) -> String {
    switch unit {
    case .items(let noun): return "\(Int(min(value, 1e18))) \(noun)"
    case .bytes:
      let units = ["B", "kB", "MB", "GB", "TB", "PB"]
      var (scaled, index) = (value, 0)
      while scaled >= 1000, index < units.count - 1 {
        scaled /= 1000
        index += 1
      }
      if index == 0 { return "\(Int(scaled)) B" }
      let tenths = Int(scaled * 10)
      return "\(tenths / 10).\(tenths % 10) \(units[index])"
    }
  }

  private func clock(_ seconds: Double) -> String {
    let whole = Int(min(seconds.rounded(.up), 359_999))
    let text = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    return hours > 0 ? "\(hours):\(text(minutes)):\(text(whole % 60))" : "\(minutes):\(text(whole % 60))"
  }
}
