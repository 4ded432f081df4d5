/// A manual page in man(7) form, one for the whole program.
public struct ManualPage {
  private let root: Command
  private let version: String

  public init(_ root: Command, version: String) {
    self.root = root
    self.version = version
  }

  public var text: String {
    var lines = [
      ".TH \(Self.argument(root.name.uppercased())) 1 \"\" \(Self.argument("\(root.name) \(version)"))",
      ".SH NAME", "\(Self.plain(root.name)) \\- \(Self.plain(root.summary))",
      ".SH SYNOPSIS", "\\fB\(Self.plain(root.name))\\fR \(Self.plain("[options] <command>"))",
    ]
    if !root.discussion.isEmpty { lines += [".SH DESCRIPTION"] + Self.prose(root.discussion) }
    lines += [".SH OPTIONS"] + CommandUsage.options([root]).flatMap(Self.item)
    lines.append(".SH COMMANDS")
    lines += root.subcommands.flatMap { commands([root, $0]) }
    lines += [".SH EXIT STATUS"]
    for code in ExitCode.allCases { lines += [".TP", "\\fB\(code.rawValue)\\fR", Self.plain(code.meaning)] }
    lines += [
      ".SH ENVIRONMENT", ".TP", "\\fBNO_COLOR\\fR", Self.plain("any value but the empty one: no colours"),
      ".TP", "\\fBCOLUMNS\\fR", Self.plain("width of the output, where the terminal's is not wanted"),
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private func commands(_ path: [Command]) -> [String] {
    guard let command = path.last else { return [] }
    if command.run == nil { return command.subcommands.flatMap { commands(path + [$0]) } }
    var lines = [".SS \(Self.argument(path.map(\.name).joined(separator: " ")))", Self.plain(command.summary)]
    lines += [".PP", "\\fB\(Self.plain(CommandUsage.line(path)))\\fR"]
    if !command.discussion.isEmpty { lines += [".PP"] + Self.prose(command.discussion) }
    lines += command.arguments.filter(\.isPositional).flatMap(Self.item)
    // Those of the root are in OPTIONS.
    return lines + path.dropFirst().flatMap(\.arguments).filter { !$0.isPositional }.flatMap(Self.item)
  }

  private static func item(_ argument: Argument) -> [String] {
    let label = argument.isPositional ? argument.usage : (argument.short.map { "-\($0), " } ?? "") + argument.usage
    return [".TP", "\\fB\(plain(label))\\fR", plain(CommandUsage.explanation(argument))]
  }

  private static func prose(_ text: String) -> [String] {
    var isExample = false
    var lines: [String] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix(" ") != isExample {
        isExample.toggle()
        lines.append(isExample ? ".nf" : ".fi")
      }
      lines.append(line.isEmpty ? ".PP" : plain(String(line)))
    }
    return isExample ? lines + [".fi"] : lines
  }

  /// Text in which roff sees no escape, no macro and no soft hyphen.
  static func plain(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      default: result.append(character)
      }
    }
    return result.hasPrefix(".") || result.hasPrefix("'") ? "\\&" + result : result
  }

  private static func argument(_ text: String) -> String {
    "\"" + plain(text).split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}
