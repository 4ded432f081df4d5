/// Completion scripts, generated from the commands; they run no program while completing.
public struct ShellCompletions {
  public enum Shell: String, Sendable, CaseIterable { case bash, zsh, fish }

  /// One command of the tree with everything that can follow it.
  private struct Node {
    let words: [String]
    let subcommands: [Command]
    let options: [Argument]
    let positionals: [Argument]
  }

  private let root: Command
  private let nodes: [Node]

  public init(_ root: Command) {
    self.root = root
    var nodes: [Node] = []
    func visit(_ path: [Command]) {
      guard let command = path.last else { return }
      nodes.append(
        Node(
          words: path.map(\.name), subcommands: command.subcommands, options: CommandUsage.options(path),
          positionals: command.arguments.filter(\.isPositional)))
      for subcommand in command.subcommands { visit(path + [subcommand]) }
    }
    visit([root])
    self.nodes = nodes
  }

  public func script(for shell: Shell) -> String {
    switch shell {
    case .bash: bash
    case .zsh: zsh
    case .fish: fish
    }
  }

  // MARK: bash

  private var bash: String {
    let name = root.name
    var lines = [
      "# bash completion for \(name)", "_\(name)() {",
      "  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path=\(name) i",
      "  COMPREPLY=()", "  for ((i = 1; i < COMP_CWORD; i++)); do", "    case \"$path ${COMP_WORDS[i]}\" in",
    ]
    let paths = nodes.dropFirst().map { "'\($0.words.joined(separator: " "))'" }
    if !paths.isEmpty { lines.append("      \(paths.joined(separator: " | "))) path=\"$path ${COMP_WORDS[i]}\" ;;") }
    lines += ["    esac", "  done", "  case \"$path\" in"]
    for node in nodes {
      lines.append("    '\(node.words.joined(separator: " "))')")
      let valued = node.options.filter { $0.kind != .flag }
      if !valued.isEmpty {
        lines.append("      case \"$previous\" in")
        for option in valued {
          lines.append("        \(Self.labels(option).joined(separator: " | "))) \(bash(option.values)); return ;;")
        }
        lines.append("      esac")
      }
      let names = (node.subcommands.map(\.name) + node.options.flatMap(Self.labels)).joined(separator: " ")
      lines.append("      if [[ $word == -* || -z ${word}\(node.positionals.isEmpty ? " || 1" : "") ]]; then")
      lines.append("        COMPREPLY=($(compgen -W '\(names)' -- \"$word\"))")
      lines.append("      fi")
      if let positional = node.positionals.first {
        lines.append("      [[ $word == -* ]] || { \(bash(positional.values)); }")
      }
      lines.append("      ;;")
    }
    lines += ["  esac", "}", "complete -F _\(name) \(name)"]
    return lines.joined(separator: "\n") + "\n"
  }

  private func bash(_ values: Argument.Values) -> String {
    switch values {
    case .any: "COMPREPLY+=()"
    case .file: "COMPREPLY+=($(compgen -f -- \"$word\"))"
    case .directory: "COMPREPLY+=($(compgen -d -- \"$word\"))"
    case .oneOf(let words): "COMPREPLY+=($(compgen -W '\(words.joined(separator: " "))' -- \"$word\"))"
    }
  }

  private static func labels(_ option: Argument) -> [String] {
    ["--\(option.name)"] + (option.short.map { ["-\($0)"] } ?? [])
  }

  // MARK: zsh

  private var zsh: String {
    let name = root.name
    var lines = [
      "#compdef \(name)", "_\(name)() {", "  local -a commands options", "  local place=\(name) i",
      "  for ((i = 2; i < CURRENT; i++)); do", "    case \"$place ${words[i]}\" in",
    ]
    let paths = nodes.dropFirst().map { "'\($0.words.joined(separator: " "))'" }
    if !paths.isEmpty { lines.append("      \(paths.joined(separator: "|"))) place=\"$place ${words[i]}\" ;;") }
    lines += ["    esac", "  done", "  case \"$place\" in"]
    for node in nodes {
      lines.append("    '\(node.words.joined(separator: " "))')")
      let valued = node.options.filter { $0.kind != .flag }
      if !valued.isEmpty {
        lines.append("      case \"${words[CURRENT-1]}\" in")
        for option in valued {
          lines.append("        \(Self.labels(option).joined(separator: "|"))) \(zsh(option.values)); return ;;")
        }
        lines.append("      esac")
      }
      if !node.subcommands.isEmpty {
        lines.append("      commands=(\(node.subcommands.map { zsh($0.name, $0.summary) }.joined(separator: " ")))")
        lines.append("      _describe command commands")
      }
      let options = node.options.flatMap { option in Self.labels(option).map { zsh($0, option.summary) } }
      lines.append("      options=(\(options.joined(separator: " ")))")
      lines.append("      _describe -o option options")
      if let positional = node.positionals.first { lines.append("      \(zsh(positional.values))") }
      lines.append("      ;;")
    }
    lines += [
      "  esac", "}", "if [ \"$funcstack[1]\" = _\(name) ]; then _\(name) \"$@\"; else compdef _\(name) \(name); fi",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private func zsh(_ name: String, _ summary: String) -> String {
    let escaped = name.split(separator: ":", omittingEmptySubsequences: false).joined(separator: "\\:")
    return Self.singleQuoted("\(escaped):\(summary)")
  }

  private func zsh(_ values: Argument.Values) -> String {
    switch values {
    case .any: ":"
    case .file: "_files"
    case .directory: "_files -/"
    case .oneOf(let words): "compadd -- \(words.map(Self.singleQuoted).joined(separator: " "))"
    }
  }

  // MARK: fish

  private var fish: String {
    let name = root.name
    var lines = ["# fish completion for \(name)", "complete -c \(name) -f"]
    lines += [
      "function __\(name)_at", "  set -l path \(name)", "  for word in (commandline -opc)[2..-1]",
      "    switch \"$path $word\"",
    ]
    let paths = nodes.dropFirst().map { "'\($0.words.joined(separator: " "))'" }
    if !paths.isEmpty { lines += ["      case \(paths.joined(separator: " "))", "        set path \"$path $word\""] }
    lines += ["    end", "  end", "  test \"$path\" = \"$argv\"", "end"]
    for node in nodes {
      let start = "complete -c \(name) -n \"__\(name)_at \(node.words.joined(separator: " "))\""
      for subcommand in node.subcommands {
        lines.append("\(start) -a \(subcommand.name) -d \(Self.singleQuoted(subcommand.summary))")
      }
      for option in node.options {
        let short = option.short.map { " -s \($0)" } ?? ""
        let value = option.kind == .flag ? "" : " -r\(fish(option.values))"
        lines.append("\(start) -l \(option.name)\(short)\(value) -d \(Self.singleQuoted(option.summary))")
      }
      if let positional = node.positionals.first, positional.values != .any {
        lines.append("\(start)\(fish(positional.values))")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func fish(_ values: Argument.Values) -> String {
    switch values {
    case .any: ""
    case .file: " -F"
    case .directory: " -a '(__fish_complete_directories)'"
    case .oneOf(let words): " -a \(Self.singleQuoted(words.joined(separator: " ")))"
    }
  }

  // Single quotes end, one escaped quote, single quotes begin: works in all three shells.
  private static func singleQuoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
