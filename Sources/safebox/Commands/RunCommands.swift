import CanonicalJSON
import Governance
import Terminal

/// `run start|watch|show|list|resume|cancel`; beside them ``RunReceiptCommands``.
enum RunCommands {
  static let startArguments: [Argument] =
    [
      .positional("tool", "NAME, NAME@VERSION or the digest of a registered tool"),
      .option("community", value: "name", "for whom it runs: whose settings and secrets its calls use"),
      .option("input", value: "json", "the input: JSON, a file, or - for standard input", values: .file),
      .option("idempotency-key", value: "text", "repeat safely under one key"),
      .option("wait", value: "span", "wait for the end, at most 60s"),
      .flag("watch", "show what it does until it ends"), .json,
    ] + BoxConnection.arguments

  static let run = Argument.positional("run", "the run's id")

  static let command = Command(
    "run", "run tools, watch them and do them again",
    subcommands: [
      Command(
        "start", "run a tool",
        discussion: "Exit code 0 when it came to a result, 1 when it failed, 3 while it is under way.",
        arguments: startArguments, run: start),
      Command(
        "watch", "show a run as it happens, until it ends", arguments: [run, .json] + BoxConnection.arguments,
        run: watch),
      Command(
        "show", "show a run with its journal",
        arguments: [
          run, .flag("no-journal", "without the host calls"), .flag("full", "long payloads whole"), .json,
        ] + BoxConnection.arguments, run: show),
      Command(
        "list", "list runs, newest first",
        arguments: [
          .option("status", value: "status", "only these: live, finished, failed or cancelled"),
          .option("limit", value: "count", "how many", default: "20"), .json,
        ] + BoxConnection.arguments, run: list),
      Command(
        "resume", "try again to take up a run that was stuck when the box started",
        arguments: [run, .json] + BoxConnection.arguments, run: { try await post("resume", $0) }),
      Command(
        "cancel", "end a run and withdraw what it has proposed", arguments: [run, .json] + BoxConnection.arguments,
        run: { try await post("cancel", $0) }),
    ] + RunReceiptCommands.commands)

  static func start(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    let body: JSONObject = [
      "tool": .string(try arguments.required("tool")), "community": .string(try arguments.required("community")),
      "input": try arguments.value("input").map { try Files.value(textOrFile: $0) } ?? .null,
    ]
    var headers: [(String, String)] = []
    if let key = arguments.value("idempotency-key") { headers.append(("Idempotency-Key", key)) }
    let wait = min(60, try arguments.seconds("wait") ?? 0)
    if wait > 0 { headers.append(("Prefer", "wait=\(wait)")) }
    let view = try await connection.send("POST", "/v1/runs", body: .object(body), headers: headers).json()
    guard arguments.flag("watch"), let id = view["run"]?.string else { return RunOutput.print(view, arguments) }
    return try await follow(id, connection, arguments)
  }

  private static func watch(_ arguments: ParsedArguments) async throws -> ExitCode {
    try await follow(try id(arguments), try BoxConnection(arguments), arguments)
  }

  static func follow(
    _ id: String, _ connection: BoxConnection, _ arguments: ParsedArguments
  ) async throws -> ExitCode {
    let watch = RunWatch()
    try await connection.events("/v1/runs/\(id)/events") { kind, data in watch.take(kind, data) }
    let view: JSON
    if let last = watch.last { view = last } else { view = try await connection.get("/v1/runs/\(id)") }
    return RunOutput.print(view, arguments)
  }

  private static func show(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    let id = try id(arguments)
    var view = try await connection.get("/v1/runs/\(id)")
    var calls: [JSON] = []
    if !arguments.flag("no-journal") {
      calls = try await connection.get("/v1/runs/\(id)/journal")["calls"]?.array ?? []
    }
    if arguments.wantsJSON {
      if !arguments.flag("no-journal"), var object = view.object {
        object["journal"] = .array(calls)
        view = .object(object)
      }
      Terminal.standard.write(view.canonicalString() + "\n")
      return .ok
    }
    RunOutput.write(view)
    if !calls.isEmpty { Terminal.standard.write("\n") }
    for call in calls { RunOutput.writeLine(call, isFull: arguments.flag("full")) }
    return .ok
  }

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    let runs = try await connection.list("runs", arguments)
    if arguments.wantsJSON {
      Terminal.standard.write(JSON.array(runs).canonicalString() + "\n")
      return .ok
    }
    var table = Table([
      .init("run", mayBeCut: false), .init("status"), .init("tool"), .init("for"), .init("calls", alignment: .right),
      .init("waits for"),
    ])
    for run in runs {
      table.add([
        run["run"]?.string ?? "?", run["status"]?.string ?? "?",
        "\(run["name"]?.string ?? "?")@\(run["version"]?.string ?? "?")", run["community"]?.string ?? "?",
        "\(run["calls"]?.integer ?? 0)",
        (run["waiting"]?.array ?? []).map(RunOutput.wait).joined(separator: "; "),
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }

  private static func post(_ what: String, _ arguments: ParsedArguments) async throws -> ExitCode {
    let view = try await BoxConnection(arguments).send("POST", "/v1/runs/\(try id(arguments))/\(what)").json()
    _ = RunOutput.print(view, arguments)
    return .ok
  }

  static func id(_ arguments: ParsedArguments) throws -> String {
    let text = try arguments.required("run")
    guard RunID(hex: text) != nil else {
      throw CommandError("the run is \"\(text)\", 64 lower-case hexadecimal digits are expected", exitCode: .usage)
    }
    return text
  }
}
