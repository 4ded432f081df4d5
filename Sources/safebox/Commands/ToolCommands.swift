import CanonicalJSON
import Cryptography
import Governance
import HostCalls
import JavaScript
import Runs
import Terminal

/// `tool check|learn|register|retire|list|show`.
enum ToolCommands {
  private static let input = Argument.option(
    "input", value: "json", "the input: JSON, a file, or - for standard input", values: .file)
  private static let fixtures = Argument.option(
    "fixtures", value: "file", "answers for its host calls, see docs/tools.md", values: .file)
  private static let settings = Argument.option(
    "settings", value: "file", "settings of a community, where calls need a route", values: .file)

  static let command = Command(
    "tool", "write, register and look at tools",
    subcommands: [
      Command(
        "check", "check a tool before anybody is asked to approve it",
        discussion: """
          Reads tool.js and manifest.json: syntax, limits, and whether every grant speaks of all that its method is about. With \
          --input or --fixtures the tool is run as well, under its manifest, with those answers. Opens no connection.
          """,
        arguments: [ToolDirectory.argument, input, fixtures, settings, .json], run: check),
      Command(
        "learn", "run a tool with fixtures and write the least manifest that lets it do the same",
        discussion: "Prints the manifest with `uses` and `secrets` replaced; nothing is sent anywhere.",
        arguments: [ToolDirectory.argument, input, fixtures, settings], run: learn),
      Command(
        "register", "hand in the source and propose to register the tool",
        discussion: "Exit code 0 when it is registered, 3 while approvals are missing, 4 when it is denied.",
        arguments: [ToolDirectory.argument] + ProposeCommand.submission, run: register),
      Command(
        "retire", "propose that a tool version starts no more runs",
        arguments: [.positional("tool", "NAME@VERSION")] + ProposeCommand.submission, run: retire),
      Command(
        "list", "list the registered tools", arguments: [.json] + BoxConnection.arguments, run: list),
      Command(
        "show", "show what a registered tool may do",
        arguments: [
          .positional("tool", "NAME or NAME@VERSION"), .flag("source", "print its source instead"), .json,
        ] + BoxConnection.arguments, run: show),
      Command(
        "methods", "list what tools can call: class, and what a grant must speak of", arguments: [.json],
        run: methods),
    ])

  // MARK: On the author's machine

  private static func check(_ arguments: ParsedArguments) async throws -> ExitCode {
    let tool = try ToolDirectory(arguments)
    let report = try await LocalTools.with { local -> FixtureRun.Report? in
      let problems = ToolInspection.problems(tool.manifest, source: tool.source, methods: local.methods)
      guard problems.isEmpty else { throw CommandError("the tool is not ready", hints: problems) }
      guard arguments.value("fixtures") != nil || arguments.value("input") != nil else { return nil }
      return try await tryOut(tool, arguments, local, isPermissive: false)
    }
    if arguments.wantsJSON {
      var object: JSONObject = [
        "tool": .string(tool.manifest.digest.hex), "source": .string(tool.manifest.source.hex),
        "manifest": tool.manifest.json,
      ]
      if case .success(let value)? = report?.outcome { object["result"] = value }
      if case .failure(let failure)? = report?.outcome {
        object["failure"] = ["kind": .string(failure.kind.rawValue), "message": .string(failure.message)]
      }
      Terminal.standard.write(JSON.object(object).canonicalString() + "\n")
    } else {
      ToolOutput.write(tool.manifest)
      if let report { ToolOutput.write(report) }
    }
    if case .failure? = report?.outcome { return .failed }
    return .ok
  }

  private static func learn(_ arguments: ParsedArguments) async throws -> ExitCode {
    let tool = try ToolDirectory(arguments)
    let report = try await LocalTools.with { try await tryOut(tool, arguments, $0, isPermissive: true) }
    guard case .success = report.outcome else {
      ToolOutput.write(report)
      let hasRoutes = !report.calls.contains { call in
        if case .failure(let error) = call.answer { error.code == "no_route" } else { false }
      }
      throw CommandError(
        "the tool came to no result, so what it uses is not known in full",
        hints: [hasRoutes ? "add fixtures for the calls that had none" : "give the community's routes with --settings"])
    }
    var object = tool.manifest.json.object ?? [:]
    object["source"] = nil
    object["uses"] = .array(report.learned.grants)
    object["secrets"] = .array(report.learned.secrets.map(JSON.string))
    Terminal.standard.write(JSON.object(object).canonicalString() + "\n")
    return .ok
  }

  private static func tryOut(
    _ tool: ToolDirectory, _ arguments: ParsedArguments, _ local: LocalTools, isPermissive: Bool
  ) async throws -> FixtureRun.Report {
    let input = try arguments.value("input").map { try Files.value(textOrFile: $0) } ?? .null
    let settings = try arguments.value("settings").map { try CommunitySettings(json: Files.json($0)) }
    let fixtures = try Fixtures(json: try arguments.value("fixtures").map { try Files.json($0) } ?? [])
    return try await FixtureRun.run(
      tool.manifest, source: tool.source, input: input, community: "local", settings: settings ?? CommunitySettings(),
      fixtures: fixtures, calls: local.calls, isPermissive: isPermissive, sessions: local.sessions)
  }

  private static func methods(_ arguments: ParsedArguments) async throws -> ExitCode {
    let methods = try await LocalTools.with { $0.methods.values.sorted { $0.name < $1.name } }
    if arguments.wantsJSON {
      let list = methods.map { method -> JSON in
        [
          "method": .string(method.name), "class": .string(method.effect.rawValue),
          "dimensions": .array(method.dimensions.map(JSON.string)), "arguments": method.schema,
          "summary": .string(method.summary),
        ]
      }
      Terminal.standard.write(JSON.array(list).canonicalString() + "\n")
      return .ok
    }
    var table = Table([.init("method", mayBeCut: false), .init("class"), .init("a grant names"), .init("what it does")])
    for method in methods {
      table.add([
        method.name, method.effect.rawValue, method.dimensions.joined(separator: ", "), method.summary,
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }

  // MARK: On the box

  private static func register(_ arguments: ParsedArguments) async throws -> ExitCode {
    let tool = try ToolDirectory(arguments)
    let connection = try BoxConnection(arguments)
    _ = try await connection.send(
      "POST", "/v1/sources", bytes: tool.source, contentType: "text/javascript; charset=utf-8")
    return try await ProposeCommand.submit("tool.register", ["manifest": tool.manifest.json], arguments)
  }

  private static func retire(_ arguments: ParsedArguments) async throws -> ExitCode {
    let text = try arguments.required("tool")
    let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      throw CommandError("the tool is \"\(text)\", NAME@VERSION is expected", exitCode: .usage)
    }
    return try await ProposeCommand.submit(
      "tool.retire", ["name": .string(parts[0]), "version": .string(parts[1])], arguments)
  }

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let tools = try await BoxConnection(arguments).get("/v1/tools")["tools"]?.array ?? []
    if arguments.wantsJSON {
      Terminal.standard.write(JSON.array(tools).canonicalString() + "\n")
      return .ok
    }
    var table = Table([
      .init("tool", mayBeCut: false), .init("state"), .init("runs in"), .init("may call"), .init("what it does"),
    ])
    for tool in tools {
      guard let json = tool["manifest"], let manifest = try? ToolManifest(json: json) else { continue }
      table.add([
        "\(manifest.name)@\(manifest.version)", tool["retired"] == true ? "retired" : "registered",
        manifest.isolation.backend + (manifest.isolation.isFullRequired ? ", full" : ""),
        Set(manifest.uses.map(\.method)).sorted().joined(separator: ", "), manifest.description,
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }

  private static func show(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    let text = try arguments.required("tool")
    let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
    let tools = try await connection.get("/v1/tools")["tools"]?.array ?? []
    let found = tools.filter { tool in
      tool["manifest"]?["name"]?.string == parts[0]
        && (parts.count == 1 || tool["manifest"]?["version"]?.string == parts[1])
    }
    // The list is by name and version; without a version the last one that is not retired is meant.
    guard let tool = found.last(where: { $0["retired"] != true }) ?? found.last, let json = tool["manifest"] else {
      throw CommandError("no tool \(text) is registered", hints: ["safebox tool list"])
    }
    let manifest = try ToolManifest(json: json)
    if arguments.flag("source") {
      let source = try await connection.send("GET", "/v1/sources/\(manifest.source.hex)").body
      guard SHA256.hash(source) == manifest.source else {
        throw CommandError("the box sent another source than the manifest names", exitCode: .verificationFailed)
      }
      // Byte for byte into a file or a pipe; on a terminal nothing that could play tricks with it.
      let text = String(decoding: source, as: UTF8.self)
      Terminal.standard.write(Terminal.standard.outputIsTTY ? TerminalText.escapedLines(text) : text)
      return .ok
    }
    if arguments.wantsJSON {
      Terminal.standard.write(tool.canonicalString() + "\n")
    } else {
      ToolOutput.write(manifest)
      if tool["retired"] == true { Terminal.standard.write("retired: it starts no more runs\n") }
    }
    return .ok
  }
}

/// Tools in words.
enum ToolOutput {
  static func write(_ manifest: ToolManifest) {
    let style = Terminal.standard.outputStyle
    var lines = [
      ("tool", "\(manifest.name)@\(manifest.version)"), ("digest", manifest.digest.hex),
      ("source", manifest.source.hex),
    ]
    if !manifest.description.isEmpty { lines.append(("does", manifest.description)) }
    lines += ToolDirectory.permissions(manifest).map { ("may", $0) }
    if !manifest.secrets.isEmpty { lines.append(("secrets", manifest.secrets.joined(separator: ", "))) }
    let limits = manifest.limits
    lines.append(
      (
        "limits",
        "fuel \(limits.fuel), memory \(limits.memory >> 20) MiB, stack \(limits.stack >> 10) KiB, calls \(limits.calls), "
          + "\(limits.seconds) s of computing between calls"
      ))
    for rate in manifest.rates { lines.append(("rate", "\(rate.method): \(rate.count) in \(rate.period) s")) }
    for budget in manifest.budgets {
      lines.append(("budget", "\(budget.limit) \(budget.unit.rawValue) in \(budget.period) s"))
    }
    let isolation = manifest.isolation
    let demand =
      isolation.backend == "inprocess"
      ? "within the box's process: NO BOUNDARY" : isolation.backend + (isolation.isFullRequired ? ", every layer" : "")
    lines.append(("runs in", demand))
    for (name, text) in lines {
      Terminal.standard.write(
        style.bold(name.padding(to: 9)) + TerminalText.escaped(text) + "\n")
    }
  }

  static func write(_ report: FixtureRun.Report) {
    let style = Terminal.standard.outputStyle
    for line in report.logs { Terminal.standard.write(style.dim("log      ") + TerminalText.escaped(line) + "\n") }
    for (index, call) in report.calls.enumerated() {
      let answer: String =
        switch call.answer {
        case .success: "ok"
        case .failure(let error): "\(error)"
        }
      Terminal.standard.write(
        style.bold("call \(index)".padding(to: 9)) + TerminalText.escaped("\(call.method): \(answer)") + "\n")
    }
    let end: String =
      switch report.outcome {
      case .success(let value): value.canonicalString()
      case .failure(let failure): "failed by \(failure)"
      }
    let text = end.hasSuffix("\n") ? String(end.dropLast()) : end
    Terminal.standard.write(style.bold("result   ") + TerminalText.escapedLines(text) + "\n")
    Terminal.standard.write(style.bold("fuel     ") + "\(report.fuel)\n")
  }
}

extension String {
  func padding(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
