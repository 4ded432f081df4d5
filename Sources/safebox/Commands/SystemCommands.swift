import CanonicalJSON
import Governance
import Terminal

/// `system operations|status`: what the privileged process may do, and how it stands.
enum SystemCommands {
  static let command = Command(
    "system", "look at the privileged process",
    discussion: """
      Models, packages, runners and snapshots are the work of one privileged process. It follows the box's log and carries \
      out what the owners decided, and nothing else; the box can only ask.
      """,
    subcommands: [
      Command(
        "operations", "list everything that it can be made to do", arguments: [.json] + BoxConnection.arguments,
        run: operations),
      Command(
        "status", "show what it has followed and what it works on", arguments: [.json] + BoxConnection.arguments,
        run: status),
    ])

  private static func operations(_ arguments: ParsedArguments) async throws -> ExitCode {
    let answer = try await BoxConnection(arguments).get("/v1/system/operations")
    if arguments.wantsJSON {
      Terminal.standard.write(answer.canonicalString() + "\n")
      return .ok
    }
    var table = Table([
      .init("operation", mayBeCut: false), .init("rests on"), .init("parameters"), .init("writes"), .init("network"),
      .init("snapshot"),
    ])
    for operation in answer["operations"]?.array ?? [] {
      func words(_ name: String) -> String {
        operation[name]?.string ?? (operation[name]?.array ?? []).compactMap(\.string).joined(separator: ", ")
      }
      table.add([
        words("name"), words("authority"), words("parameters"), words("writes"),
        operation["network"] == true ? "yes" : "no", words("snapshot"),
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }

  private static func status(_ arguments: ParsedArguments) async throws -> ExitCode {
    let answer = try await BoxConnection(arguments).get("/v1/system/status")
    if arguments.wantsJSON {
      Terminal.standard.write(answer.canonicalString() + "\n")
      return .ok
    }
    for member in answer.object ?? [:] {
      let text = member.value.string ?? member.value.canonicalString()
      Terminal.standard.write(
        Terminal.standard.outputStyle.bold(member.key.padding(to: 14)) + TerminalText.escaped(text) + "\n")
    }
    return .ok
  }
}

/// `snapshot list|create|rollback`.
enum SnapshotCommands {
  static let command = Command(
    "snapshot", "take snapshots and go back to them",
    discussion: """
      Before everything that it does, the privileged process takes a snapshot by itself, named after the proposal. Going \
      back is an action like any other; the log is never rewound by it.
      """,
    subcommands: [
      Command(
        "list", "list the snapshots and their digests", arguments: [.json] + BoxConnection.arguments, run: list),
      Command(
        "create", "propose a snapshot", arguments: [scope, name] + ProposeCommand.submission,
        run: { try await propose(ActionType.createSnapshot, $0) }),
      Command(
        "rollback", "propose to go back to a snapshot", arguments: [scope, name] + ProposeCommand.submission,
        run: { try await propose(ActionType.rollBack, $0) }),
    ])

  private static let scope = Argument.positional("scope", "models, packages or directories")
  private static let name = Argument.positional("name", "the snapshot's name")

  private static func propose(_ type: String, _ arguments: ParsedArguments) async throws -> ExitCode {
    let text = try arguments.required("scope")
    guard let scope = SnapshotName.Scope(rawValue: text) else {
      throw CommandError(
        "\"\(TerminalText.escaped(text))\" can have no snapshot",
        hints: ["one of \(SnapshotName.Scope.allCases.map(\.rawValue).joined(separator: ", "))"], exitCode: .usage)
    }
    return try await ProposeCommand.submit(
      type, SnapshotName(scope: scope, name: try arguments.required("name")).params, arguments)
  }

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let answer = try await BoxConnection(arguments).get("/v1/system/snapshots")
    if arguments.wantsJSON {
      Terminal.standard.write(answer.canonicalString() + "\n")
      return .ok
    }
    var table = Table([
      .init("scope"), .init("snapshot", mayBeCut: false), .init("taken"), .init("kind"), .init("digest"),
    ])
    for snapshot in answer["snapshots"]?.array ?? [] {
      table.add([
        snapshot["scope"]?.string ?? "?", snapshot["name"]?.string ?? "?",
        WallClock.text(snapshot["at"]?.integer ?? 0), snapshot["kind"]?.string ?? "?",
        snapshot["digest"]?.string ?? "?",
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }
}
