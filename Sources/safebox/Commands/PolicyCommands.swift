import Audit
import CanonicalJSON
import Governance
import Terminal

/// `policy list|show|simulate`.
enum PolicyCommands {
  static let command = Command(
    "policy", "look at policies, and try new ones on history",
    subcommands: [
      Command("list", "list the policies in force", arguments: [.json] + BoxConnection.arguments, run: list),
      Command(
        "show", "print one policy", arguments: [.positional("name", "the policy")] + BoxConnection.arguments, run: show),
      Command(
        "simulate", "decide logged history again under a proposed policy, and print what would change",
        discussion: """
          Reads a data directory or, with --box, a running box's public log. What it cannot know is who would have \
          signed had the policy asked them.
          """,
        arguments: [
          .positional("name", "the policy's name, new or in force"),
          .option("policy", value: "file", "the proposed policy; without it the policy is taken away", values: .file),
          Settings.data, .json,
        ] + BoxConnection.arguments, run: simulate),
    ])

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let policies = try await BoxConnection(arguments).get("/v1/policies")
    if arguments.wantsJSON {
      Terminal.standard.write(policies.canonicalString() + "\n")
      return .ok
    }
    var table = Table([.init("policy"), .init("covers"), .init("rule"), .init("digest", mayBeCut: false)])
    for item in policies["policies"]?.array ?? [] {
      let policy = item["policy"] ?? .null
      table.add([
        item["name"]?.string ?? "?", (policy["covers"]?.array ?? []).compactMap(\.string).joined(separator: " "),
        policy["rule"]?.canonicalString() ?? "?", String((item["digest"]?.string ?? "?").prefix(16)),
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }

  private static func simulate(_ arguments: ParsedArguments) async throws -> ExitCode {
    let name = try arguments.required("name")
    guard Name.isValid(name) else { throw CommandError("\(name) is not a policy's name", exitCode: .usage) }
    let policy = try arguments.value("policy").map { path in
      do {
        return try Policy(json: try Files.json(path))
      } catch let error as FieldError {
        throw CommandError("\(path): \(error)")
      }
    }
    let source = try LogSource(arguments)
    let report = try await OwnThread.run {
      let bar = ProgressBar("deciding again", total: nil, unit: .items("entries"))
      defer { bar.finish() }
      return try PolicySimulation.run(
        try source.open(), name: name, policy: policy, progress: { done, _ in bar.update(done) })
    }
    if arguments.wantsJSON {
      Terminal.standard.write(report.json.canonicalString() + "\n")
    } else {
      for line in report.sentences { Terminal.standard.write(TerminalText.escaped(line) + "\n") }
    }
    return .ok
  }

  private static func show(_ arguments: ParsedArguments) async throws -> ExitCode {
    let name = try arguments.required("name")
    guard Name.isValid(name) else { throw CommandError("\(name) is not a policy's name", exitCode: .usage) }
    let policy = try await BoxConnection(arguments).get("/v1/policies/\(name)")
    Terminal.standard.write((policy["policy"] ?? .null).canonicalString() + "\n")
    return .ok
  }
}
