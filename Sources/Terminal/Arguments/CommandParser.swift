/// What a command line asks for.
public enum Invocation: Sendable {
  case run(Command.Body, ParsedArguments)
  /// Help for the command at the end of the path.
  case help([Command])
  case version
}

/// Reads a command line: GNU long options, POSIX short options, `--` ends options, nothing is abbreviated.
public struct CommandParser {
  private let root: Command

  public init(_ root: Command) { self.root = root }

  /// `words` without the program's name. Throws with exit code `usage`.
  public func parse(_ words: [String]) throws(CommandError) -> Invocation {
    var reader = Reader(root: root, words: words)
    return try reader.read()
  }
}

private struct Reader {
  private var path: [Command]
  private var words: ArraySlice<String>
  /// Of the command and the groups above it.
  private var accepted: [Argument]
  private var flags: Set<String> = []
  private var values: [String: [String]] = [:]
  private var positionals: [String] = []

  init(root: Command, words: [String]) {
    path = [root]
    self.words = words[...]
    accepted = root.arguments
  }

  private var command: Command { path[path.count - 1] }
  private var commandWords: String { path.map(\.name).joined(separator: " ") }
  private var helpHint: String { "\(commandWords) --help" }

  mutating func read() throws(CommandError) -> Invocation {
    var isAfterDashes = false
    while let word = words.popFirst() {
      if isAfterDashes || word == "-" || !word.hasPrefix("-") {
        if let help = try positional(word, isLiteral: isAfterDashes) { return help }
      } else if word == "--" {
        isAfterDashes = true
      } else if word == "--help" || word == "-h" {
        return .help(path)
      } else if word == "--version", path.count == 1 {
        return .version
      } else if word.hasPrefix("--") {
        try long(word)
      } else {
        try short(word)
      }
    }
    guard let run = command.run else {
      if words.isEmpty, flags.isEmpty, values.isEmpty, path.count == 1 { return .help(path) }
      throw .usage(
        "\(commandWords) needs a command: \(command.subcommands.map(\.name).joined(separator: ", "))",
        hints: [helpHint])
    }
    return .run(run, try finish())
  }

  private mutating func positional(_ word: String, isLiteral: Bool) throws(CommandError) -> Invocation? {
    guard command.run == nil else {
      positionals.append(word)
      return nil
    }
    if word == "help", !isLiteral { return try help() }
    guard let next = command.subcommands.first(where: { $0.name == word }) else {
      throw .usage(
        "\(commandWords) has no command \"\(word)\"",
        hints: suggestion(word, command.subcommands.map(\.name)).map { ["did you mean \"\($0)\"?"] } ?? [helpHint])
    }
    path.append(next)
    accepted += next.arguments
    return nil
  }

  // "safebox help key new"
  private mutating func help() throws(CommandError) -> Invocation {
    while let word = words.popFirst() {
      guard let next = command.subcommands.first(where: { $0.name == word }) else {
        throw .usage(
          "\(commandWords) has no command \"\(word)\"",
          hints: suggestion(word, command.subcommands.map(\.name)).map { ["did you mean \"\($0)\"?"] } ?? [])
      }
      path.append(next)
    }
    return .help(path)
  }

  private mutating func long(_ word: String) throws(CommandError) {
    let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let argument = accepted.first(where: { $0.name == name && !$0.isPositional }) else {
      let names = accepted.filter { !$0.isPositional }.map(\.name) + ["help"]
      throw .usage(
        "unknown option \"--\(name)\"",
        hints: suggestion(name, names).map { ["did you mean \"--\($0)\"?"] } ?? [helpHint])
    }
    switch argument.kind {
    case .flag:
      guard parts.count == 1 else { throw .usage("--\(name) takes no value") }
      flags.insert(name)
    default: try add(parts.count == 2 ? String(parts[1]) : nil, to: argument, as: "--\(name)")
    }
  }

  // "-v", "-vq", "-k file", "-kfile"
  private mutating func short(_ word: String) throws(CommandError) {
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      if letter == "h" {
        words = ["--help"]
        return
      }
      guard let argument = accepted.first(where: { $0.short == letter }) else {
        throw .usage("unknown option \"-\(letter)\"", hints: [helpHint])
      }
      if argument.kind == .flag {
        flags.insert(argument.name)
      } else {
        return try add(letters.isEmpty ? nil : String(letters), to: argument, as: "-\(letter)")
      }
    }
  }

  private mutating func add(_ attached: String?, to argument: Argument, as label: String) throws(CommandError) {
    let value: String
    if let attached {
      value = attached
    } else if let next = words.first, !next.hasPrefix("--") {
      // "--key --json" is a forgotten value; one that begins so can be given as "--key=--json".
      value = next
      words = words.dropFirst()
    } else {
      throw .usage("\(label) needs a value: \(argument.usage)")
    }
    if values[argument.name] != nil, !argument.isRepeated { throw .usage("\(label) is given twice") }
    try check(value, argument)
    values[argument.name, default: []].append(value)
  }

  private func check(_ value: String, _ argument: Argument) throws(CommandError) {
    guard case .oneOf(let allowed) = argument.values, !allowed.contains(value) else { return }
    throw .usage(
      "\(argument.usage) is \"\(value)\", one of \(allowed.joined(separator: ", ")) is expected",
      hints: suggestion(value, allowed).map { ["did you mean \"\($0)\"?"] } ?? [])
  }

  private mutating func finish() throws(CommandError) -> ParsedArguments {
    var rest = positionals[...]
    for argument in command.arguments where argument.isPositional {
      let taken = argument.isRepeated ? rest : rest.prefix(1)
      rest = rest.dropFirst(taken.count)
      for value in taken { try check(value, argument) }
      if !taken.isEmpty { values[argument.name] = Array(taken) }
    }
    if let extra = rest.first { throw .usage("unexpected argument \"\(extra)\"", hints: [helpHint]) }
    for argument in accepted where argument.isRequired && values[argument.name] == nil {
      throw .usage("\(argument.usage) is missing", hints: [helpHint])
    }
    var parsed = ParsedArguments(command: path.map(\.name), arguments: accepted)
    parsed.flags = flags
    parsed.values = values
    return parsed
  }

  private func suggestion(_ word: String, _ candidates: [String]) -> String? {
    Spelling.nearest(to: word, among: candidates)
  }
}
