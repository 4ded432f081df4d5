import CanonicalJSON
import Governance
import Terminal

/// `runner list|start|stop|logs|restart`.
enum RunnerCommands {
  static let command = Command(
    "runner", "start, stop and look at the runners that serve models",
    subcommands: [
      Command(
        "list", "list the runners: what they ought to serve, and how they stand",
        arguments: [.json] + BoxConnection.arguments, run: list),
      Command(
        "start", "propose to serve a model under a name",
        discussion: """
          Whatever the name served before is replaced: going back to an older model is starting it again. Exit code 3 while \
          approvals are missing, as with propose.
          """,
        arguments: [
          name, .option("model", value: "model", "NAME, NAME@VERSION or the digest of its manifest", isRequired: true),
          .option(
            "isolation", value: "kind", "runc (the default), or runsc for gVisor's kernel",
            values: .oneOf(RunnerRecord.Isolation.allCases.map(\.rawValue))),
        ] + ProposeCommand.submission, run: start),
      Command("stop", "propose to stop a runner", arguments: [name] + ProposeCommand.submission, run: stop),
      Command(
        "logs", "print the end of what a runner wrote",
        arguments: [name, .option("tail", value: "bytes", "how much of it; default 16384")] + BoxConnection.arguments,
        run: logs),
      Command(
        "restart", "start a runner again, as it was approved",
        discussion:
          "Nothing that was decided changes, so nobody is asked; a runner that is restarted too often has to wait.",
        arguments: [name] + BoxConnection.arguments, run: restart),
      Command(
        "digest", "hash a runner's root file system and its definition",
        discussion: "Prints the digest that manifests name it by. Reads the whole tree, on this machine.",
        arguments: [.positional("directory", "a directory with rootfs/ and runner.json")], run: digest),
    ])

  private static let name = Argument.positional("name", "the runner's name, which clients give as the model")

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let answer = try await BoxConnection(arguments).get("/v1/system/runners")
    if arguments.wantsJSON {
      Terminal.standard.write(answer.canonicalString() + "\n")
      return .ok
    }
    var table = Table([
      .init("runner", mayBeCut: false), .init("model"), .init("isolation"), .init("state"), .init("restarts"),
      .init("note"),
    ])
    for runner in answer["runners"]?.array ?? [] {
      table.add([
        runner["name"]?.string ?? "?",
        "\(runner["modelName"]?.string ?? "?")@\(runner["modelVersion"]?.string ?? "?")",
        runner["isolation"]?.string ?? "?", runner["state"]?.string ?? "unknown",
        "\(runner["restarts"]?.integer ?? 0)", runner["note"]?.string ?? "",
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }

  private static func start(_ arguments: ParsedArguments) async throws -> ExitCode {
    let model = try await ModelCommands.find(try arguments.required("model"), arguments)
    let isolation = arguments.value("isolation").flatMap(RunnerRecord.Isolation.init(rawValue:)) ?? .runc
    return try await ProposeCommand.submit(
      ActionType.startRunner,
      RunnerRecord(name: try arguments.required("name"), model: model, isolation: isolation).params, arguments)
  }

  private static func stop(_ arguments: ParsedArguments) async throws -> ExitCode {
    try await ProposeCommand.submit(
      ActionType.stopRunner, ["name": .string(try arguments.required("name"))], arguments)
  }

  private static func logs(_ arguments: ParsedArguments) async throws -> ExitCode {
    let tail = try arguments.integer("tail", in: 1...1_048_576) ?? 16_384
    let answer = try await BoxConnection(arguments).send(
      "GET", "/v1/system/runners/\(try checkedName(arguments))/log?tail=\(tail)")
    Terminal.standard.write(TerminalText.escapedLines(String(decoding: answer.body, as: UTF8.self)))
    return .ok
  }

  private static func restart(_ arguments: ParsedArguments) async throws -> ExitCode {
    _ = try await BoxConnection(arguments).send(
      "POST", "/v1/system/runners/\(try checkedName(arguments))/restart", body: [:])
    return .ok
  }

  private static func digest(_ arguments: ParsedArguments) throws -> ExitCode {
    Terminal.standard.write(
      "\(try RunnerRoots.digest(try arguments.required("directory"), argument: "directory").hex)\n")
    return .ok
  }

  private static func checkedName(_ arguments: ParsedArguments) throws -> String {
    let name = try arguments.required("name")
    guard Name.isValid(name) else {
      throw CommandError("\"\(TerminalText.escaped(name))\" is not a runner's name", exitCode: .usage)
    }
    return name
  }
}
