import CanonicalJSON
import Terminal

/// `status`, `version`.
enum StatusCommand {
  static let command = Command(
    "status", "show the box and what it proves here and now", arguments: [.json] + BoxConnection.arguments, run: status)

  static let version = Command(
    "version", "print the version",
    run: { _ in
      Terminal.standard.write("safebox \(SafeboxCommand.version)\n")
      return .ok
    })

  private static func status(_ arguments: ParsedArguments) async throws -> ExitCode {
    let status = try await BoxConnection(arguments).get("/v1/status")
    let isReady = status["mode"]?.string == "ready"
    if arguments.wantsJSON {
      Terminal.standard.write(status.canonicalString() + "\n")
      return isReady ? .ok : .failed
    }
    let terminal = Terminal.standard
    func line(_ name: String, _ value: String) { terminal.write("\(name)\(TerminalText.escaped(value))\n") }
    line("box      ", status["box"]?.string ?? "?")
    line("mode     ", status["mode"]?.string ?? "?")
    line("entries  ", "\(status["size"]?.integer ?? 0)")
    if let epoch = status["epoch"]?.integer { line("epoch    ", "\(epoch)") }
    for restraint in status["restraints"]?.array ?? [] {
      let until = restraint["until"]?.integer.map { " until \(WallClock.text($0)) unless ratified" } ?? ""
      line("in force ", "\(restraint["kind"]?.string ?? "?")\(until), by \(restraint["proposal"]?.string ?? "?")")
    }
    line("actions  ", (status["types"]?.array ?? []).compactMap(\.string).joined(separator: " "))
    for backend in status["backends"]?.array ?? [] {
      let isAvailable = backend["available"] == true
      let missing = (backend["missing"]?.object ?? [:]).map { "\($0.key) (\($0.value.string ?? "?"))" }.sorted()
      var text = "\(backend["backend"]?.string ?? "?"): "
      let layers = backend["applied"]?.array?.count ?? 0
      text += isAvailable ? "\(layers) layers" : "no, \(backend["reason"]?.string ?? "?")"
      if !missing.isEmpty { text += "; without \(missing.joined(separator: ", "))" }
      line("backend  ", text)
    }
    for platform in status["platforms"]?.array ?? [] {
      let name = platform["platform"]?.string ?? "?"
      line("platform ", "\(name): \(platform["state"]?.string ?? "?"), \(platform["detail"]?.string ?? "?")")
    }
    if let exports = status["exports"] {
      line("exports  ", "\(exports["total"]?.integer ?? 0), \(exports["alarmed"]?.integer ?? 0) behind")
    }
    terminal.write("\nwhat this box proves here and now:\n")
    for claim in status["claims"]?.array ?? [] {
      let isProved = claim["state"]?.string == "proved"
      let mark = isProved ? terminal.outputStyle.green("yes") : terminal.outputStyle.yellow("no ")
      terminal.write("  \(mark)  \(TerminalText.escaped(claim["title"]?.string ?? "?"))\n")
      terminal.write("       \(TerminalText.escaped(claim["evidence"]?.string ?? claim["reason"]?.string ?? ""))\n")
    }
    return isReady ? .ok : .failed
  }
}
