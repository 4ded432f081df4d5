/// The text of `--help`.
struct CommandHelp {
  private let path: [Command]

  /// From the root to the command.
  init(_ path: [Command]) { self.path = path }

  private var command: Command { path[path.count - 1] }

  func text(width: Int, style: TextStyle = TextStyle(isOn: false)) -> String {
    let width = min(width, 100)
    var sections = [
      "\(style.bold(path.map(\.name).joined(separator: " "))) - \(command.summary)",
      "\(style.bold("Usage:")) \(CommandUsage.line(path))",
    ]
    if !command.discussion.isEmpty {
      sections.append(TextWrap.paragraphs(command.discussion, width: width).joined(separator: "\n"))
    }
    func list(_ title: String, _ rows: [(String, String)]) {
      guard !rows.isEmpty else { return }
      sections.append("\(style.bold("\(title):"))\n" + Self.columns(rows, width: width).joined(separator: "\n"))
    }
    list("Commands", command.subcommands.map { ($0.name, $0.summary) })
    list("Arguments", command.arguments.filter(\.isPositional).map { ($0.usage, CommandUsage.explanation($0)) })
    list("Options", CommandUsage.options(path).map { (CommandUsage.optionLabel($0), CommandUsage.explanation($0)) })
    if !command.subcommands.isEmpty {
      let words = path.map(\.name).joined(separator: " ")
      sections.append("\(words) <command> --help says more about a command.")
    }
    return sections.joined(separator: "\n\n") + "\n"
  }

  private static func columns(_ rows: [(String, String)], width: Int) -> [String] {
    let left = min(rows.map { $0.0.count }.max() ?? 0, 30)
    return rows.flatMap { label, text -> [String] in
      let lines = TextWrap.lines(text, width: max(20, width - left - 4))
      let indent = String(repeating: " ", count: left + 4)
      var result = lines.dropFirst().map { indent + $0 }
      let first = lines.first ?? ""
      if label.count > left {
        result = ["  \(label)", indent + first] + result
      } else {
        result.insert("  " + label + String(repeating: " ", count: left - label.count + 2) + first, at: 0)
      }
      return result
    }
  }
}

/// How arguments are written, in help and manual page alike.
enum CommandUsage {
  static let help = Argument.flag("help", short: "h", "show this help")
  static let version = Argument.flag("version", "show the version")

  /// Of the command and the groups above it, and those every command has.
  static func options(_ path: [Command]) -> [Argument] {
    path.reversed().flatMap(\.arguments).filter { !$0.isPositional } + (path.count == 1 ? [version, help] : [help])
  }

  static func line(_ path: [Command]) -> String {
    guard let command = path.last else { return "" }
    var words = path.map(\.name)
    let own = path.flatMap(\.arguments)
    words += own.filter { !$0.isPositional && $0.isRequired }.map(\.usage)
    words.append("[options]")
    if command.run == nil { words.append("<command>") }
    words += command.arguments.filter(\.isPositional).map { $0.isRequired ? $0.usage : "[\($0.usage)]" }
    return words.joined(separator: " ")
  }

  static func optionLabel(_ argument: Argument) -> String {
    (argument.short.map { "-\($0), " } ?? "    ") + argument.usage
  }

  static func explanation(_ argument: Argument) -> String {
    var text = argument.summary
    if case .oneOf(let values) = argument.values { text += ": \(values.joined(separator: ", "))" }
    if let value = argument.defaultValue { text += " (default: \(value))" }
    return text
  }
}

/// Breaks text between words.
enum TextWrap {
  static func lines(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, TerminalText.columns(of: line) + 1 + TerminalText.columns(of: String(word)) > width {
        lines.append(line)
        line = ""
      }
      line += line.isEmpty ? String(word) : " \(word)"
    }
    return lines + [line]
  }

  /// Lines that begin with a blank are kept as they are, as examples are.
  static func paragraphs(_ text: String, width: Int) -> [String] {
    var result: [String] = []
    var paragraph: [Substring] = []
    func flush() {
      if !paragraph.isEmpty { result += lines(paragraph.joined(separator: " "), width: width) }
      paragraph = []
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.isEmpty || line.hasPrefix(" ") {
        flush()
        result.append(String(line))
      } else {
        paragraph.append(line)
      }
    }
    flush()
    return result
  }
}
