/// A command or a group of commands, as data: parsing, help, manual page and completions all come from it.
public struct Command: Sendable {
  public typealias Body = @Sendable (ParsedArguments) async throws -> ExitCode

  public let name: String
  /// One line, lower case, no final period.
  public let summary: String
  /// Paragraphs separated by empty lines, shown by `--help` and in the manual page.
  public let discussion: String
  /// Flags and options of a group are accepted by every command below it.
  public let arguments: [Argument]
  public let subcommands: [Command]
  public let run: Body?

  public init(
    _ name: String, _ summary: String, discussion: String = "", arguments: [Argument] = [], run: @escaping Body
  ) {
    self.name = name
    self.summary = summary
    self.discussion = discussion
    self.arguments = arguments
    subcommands = []
    self.run = run
  }

  /// A group; it does nothing by itself and has no positional arguments.
  public init(
    _ name: String, _ summary: String, discussion: String = "", arguments: [Argument] = [], subcommands: [Command]
  ) {
    self.name = name
    self.summary = summary
    self.discussion = discussion
    self.arguments = arguments
    self.subcommands = subcommands
    run = nil
  }

  /// What is contradictory in this declaration and those below; empty for a sound one. A test of the command line calls
  /// this once.
  public func faults() -> [String] { faults(inherited: [], path: name) }

  private func faults(inherited: [Argument], path: String) -> [String] {
    var faults: [String] = []
    let all = inherited + arguments
    var names: Set<String> = ["help"]
    var shorts: Set<Character> = ["h"]
    for argument in all {
      if !names.insert(argument.name).inserted { faults.append("\(path): \(argument.name) is declared twice") }
      if let short = argument.short, !shorts.insert(short).inserted {
        faults.append("\(path): -\(short) is declared twice")
      }
      if case .oneOf(let values) = argument.values, let value = argument.defaultValue, !values.contains(value) {
        faults.append("\(path): the default of \(argument.name) is not among its values")
      }
    }
    let positionals = arguments.filter(\.isPositional)
    if !positionals.isEmpty, run == nil { faults.append("\(path): a group has positional arguments") }
    for (argument, next) in zip(positionals, positionals.dropFirst()) {
      if argument.isRepeated { faults.append("\(path): <\(argument.name)> takes all and is not last") }
      if !argument.isRequired, next.isRequired {
        faults.append("\(path): required <\(next.name)> follows optional <\(argument.name)>")
      }
    }
    if Set(subcommands.map(\.name)).count != subcommands.count { faults.append("\(path): two commands of one name") }
    let passedOn = all.filter { !$0.isPositional }
    return faults + subcommands.flatMap { $0.faults(inherited: passedOn, path: "\(path) \($0.name)") }
  }
}
