/// Runs a command line from words to exit code; the only place that turns errors into sentences.
public struct CommandRunner: Sendable {
  private let root: Command
  private let version: String
  private let terminal: Terminal

  /// `version` is what `--version` prints behind the program's name.
  public init(_ root: Command, version: String, terminal: Terminal = .standard) {
    self.root = root
    self.version = version
    self.terminal = terminal
  }

  /// `words` without the program's name.
  public func run(_ words: [String]) async -> ExitCode {
    // Decided before parsing, so that a wrong command line is reported in the form that was asked for.
    let wantsJSON = words.prefix { $0 != "--" }.contains("--json")
    do {
      switch try CommandParser(root).parse(words) {
      case .help(let path): terminal.write(CommandHelp(path).text(width: terminal.width, style: terminal.outputStyle))
      case .version: terminal.write("\(root.name) \(version)\n")
      case .run(let body, let arguments): return try await body(arguments)
      }
      return .ok
    } catch let error as CommandError {
      report(error, asJSON: wantsJSON)
      return error.exitCode
    } catch {
      report(CommandError("\(error)"), asJSON: wantsJSON)
      return .failed
    }
  }

  private func report(_ error: CommandError, asJSON: Bool) {
    guard asJSON else {
      terminal.error(error.message)
      for hint in error.hints { terminal.hint(hint) }
      return
    }
    let hints = error.hints.map(JSONText.quoted).joined(separator: ",")
    terminal.writeError(
      "{\"error\":\(JSONText.quoted(error.message)),\"exit_code\":\(error.exitCode.rawValue),\"hints\":[\(hints)]}\n")
  }
}

/// JSON string literals (RFC 8259 section 7), for the one object this room writes itself.
enum JSONText {
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
