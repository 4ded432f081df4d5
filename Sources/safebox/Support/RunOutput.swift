import CanonicalJSON
import Synchronization
import Terminal

/// Runs in words.
enum RunOutput {
  static func exitCode(_ run: JSON) -> ExitCode {
    switch run["status"]?.string {
    case "finished": .ok
    case "failed", "cancelled", "stuck": .failed
    default: .pending
    }
  }

  static func print(_ run: JSON, _ arguments: ParsedArguments) -> ExitCode {
    if arguments.wantsJSON {
      Terminal.standard.write(run.canonicalString() + "\n")
    } else {
      write(run)
    }
    return exitCode(run)
  }

  static func write(_ run: JSON) {
    let style = Terminal.standard.outputStyle
    func text(_ name: String) -> String { run[name]?.string ?? "?" }
    var lines = [
      ("run", text("run")), ("tool", "\(text("name"))@\(text("version"))"),
      ("for", "\(text("community")), asked by \(text("client"))"),
      ("status", text("status") + (run["parked"] == true ? ", without a worker while it waits" : "")),
    ]
    if let reason = run["reason"]?.string { lines.append(("reason", reason)) }
    if let time = run["startedAt"]?.integer { lines.append(("started", WallClock.text(time))) }
    if let time = run["finishedAt"]?.integer { lines.append(("finished", WallClock.text(time))) }
    let missing = (run["isolation"]?["missing"]?.array ?? []).compactMap(\.string)
    lines.append(
      (
        "ran in",
        (run["isolation"]?["backend"]?.string ?? "?")
          + (missing.isEmpty ? "" : ", without \(missing.joined(separator: ", "))")
      ))
    lines.append(("calls", "\(run["calls"]?.integer ?? 0)"))
    for wait in run["waiting"]?.array ?? [] { lines.append(("waits", Self.wait(wait))) }
    if let parent = run["parent"]?.string { lines.append(("task of", parent)) }
    if let fuel = run["fuel"]?.integer { lines.append(("fuel", "\(fuel)")) }
    if let hash = run["execution"]?.string { lines.append(("hash", hash)) }
    if let result = run["result"] { lines.append(("result", result.canonicalString())) }
    if let failure = run["failure"] {
      lines.append(("failure", "\(failure["kind"]?.string ?? "?"): \(failure["message"]?.string ?? "")"))
    }
    for (name, text) in lines {
      Terminal.standard.write(style.bold(name.padding(to: 10)) + TerminalText.escapedLines(text) + "\n")
    }
  }

  static func wait(_ wait: JSON) -> String {
    let call = "\(wait["method"]?.string ?? "?") (call \(wait["call"]?.integer ?? 0))"
    if let proposal = wait["proposal"]?.string { return "\(call) for the decision on \(proposal)" }
    if let child = wait["child"]?.string { return "\(call) for the task \(child)" }
    if let time = wait["until"]?.integer { return "\(call) until \(WallClock.text(time))" }
    return call
  }

  /// Characters of a payload that the journal shows unless asked for all of it.
  private static let payloadCharacters = 300

  /// One line of the journal.
  static func writeLine(_ line: JSON, isFull: Bool) {
    let style = Terminal.standard.outputStyle
    let isOK = line["ok"] == true
    let head = "\(line["index"]?.integer ?? 0)".padding(to: 4)
    Terminal.standard.write(
      style.bold(head) + WallClock.text(line["at"]?.integer ?? 0) + "  "
        + TerminalText.escaped(
          line["method"]?.string ?? "?") + "  " + (isOK ? style.green("ok") : style.red("refused or failed")) + "\n")
    var details = [("in", line["arguments"] ?? .null), (isOK ? "out" : "error", line["result"] ?? .null)]
    for name in ["proposal", "child", "usage", "secrets"] {
      // That a call counted as one says nothing.
      if let value = line[name], value != ["calls": 1] { details.append((name, value)) }
    }
    for (name, value) in details {
      let text = value.string ?? value.canonicalString()
      let isShort = isFull || text.utf8.count <= payloadCharacters
      let short = isShort ? text : String(text.prefix(payloadCharacters)) + "... (\(text.utf8.count) bytes)"
      Terminal.standard.write(style.dim("    \(name.padding(to: 9))") + TerminalText.escaped(short) + "\n")
    }
  }
}

/// A run as it happens: one line for each event on the terminal, and below them what it does now.
final class RunWatch: Sendable {
  private struct State {
    var calls = 0
    var open: [Int64: String] = [:]
    var last: JSON?
  }
  private let state = Mutex(State())
  private let terminal = Terminal.standard

  var last: JSON? { state.withLock { $0.last } }

  func take(_ kind: String, _ data: JSON) {
    let style = terminal.errorStyle
    clear()
    switch kind {
    case "started": line("run \(data["run"]?.string ?? "?") of \(data["tool"]?.string ?? "?")")
    case "call":
      let facts = (data["facts"]?.array ?? []).compactMap { fact in
        fact.object?.compactMap { $0.value.string }.joined(separator: " ")
      }
      let text = "\(data["method"]?.string ?? "?") \(facts.joined(separator: ", "))"
      line("  \(data["effect"]?.string ?? "?")  \(text)")
      if let call = data["call"]?.integer { state.withLock { $0.open[call] = text } }
    case "called":
      if let call = data["call"]?.integer {
        state.withLock { state in
          state.open[call] = nil
          state.calls += 1
        }
      }
      let mark = data["ok"] == true ? style.green("ok") : style.red("error")
      terminal.writeError("  " + mark + "  " + TerminalText.escaped(data["method"]?.string ?? "?") + "\n")
    case "waiting":
      line("  waits  \(data["reason"]?.string ?? RunOutput.wait(data))")
      if let proposal = data["proposal"]?.string { line("         safebox approve \(proposal)") }
    case "parked": line("  parked: it has no worker until something comes")
    case "resumed": line("  resumed after \(data["calls"]?.integer ?? 0) calls")
    case "log": line("  log  \(data["line"]?.string ?? "")")
    case "finished": state.withLock { $0.last = data }
    default: break
    }
    if kind != "finished" { draw() }
  }

  private func line(_ text: String) { terminal.writeError(TerminalText.escaped(text) + "\n") }

  private func clear() {
    if terminal.errorIsTTY { terminal.writeError("\r\u{1b}[K") }
  }

  /// The progress line.
  private func draw() {
    guard terminal.errorIsTTY else { return }
    let (calls, open) = state.withLock { ($0.calls, $0.open.sorted { $0.key < $1.key }.map(\.value)) }
    let text = "\(calls) calls done" + (open.isEmpty ? "" : "; now: \(open.joined(separator: " | "))")
    terminal.writeError(
      "\r\u{1b}[K" + TerminalText.cut(TerminalText.escaped(text), toColumns: max(20, terminal.width - 1)))
  }
}
