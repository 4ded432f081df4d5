import CanonicalJSON
import Terminal

/// `committee show`; `committee propose` has a file of its own.
enum CommitteeCommands {
  static let command = Command(
    "committee", "show and change who may sign",
    subcommands: [
      Command(
        "show", "committees, members, root rule, revocations", arguments: [.json] + BoxConnection.arguments, run: show),
      CommitteeProposeCommand.command,
    ])

  private static func show(_ arguments: ParsedArguments) async throws -> ExitCode {
    let answer = try await BoxConnection(arguments).get("/v1/committees")
    if arguments.wantsJSON {
      Terminal.standard.write(answer.canonicalString() + "\n")
      return .ok
    }
    let revoked = Set((answer["revoked"]?.array ?? []).compactMap(\.string))
    var table = Table([.init("committee"), .init("members")])
    for member in answer["committees"]?.object ?? [:] {
      let names = (member.value.array ?? []).compactMap(\.string)
      table.add([member.key, names.map { revoked.contains($0) ? "\($0) (revoked)" : $0 }.joined(separator: " ")])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.width))
    Terminal.standard.write("root: \(TerminalText.escaped(answer["root"]?.canonicalString() ?? ""))\n")
    return .ok
  }
}
