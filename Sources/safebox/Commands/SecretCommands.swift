import CanonicalJSON
import Cryptography
import Governance
import Terminal

/// `secret put|rotate|remove|list`: what tools may use without seeing it.
enum SecretCommands {
  /// As the box holds it against a value; more is not read.
  private static let maxBytes = 64 << 10

  static let command = Command(
    "secret", "manage the secrets of a community",
    discussion: """
      Tools cite a secret as {{keychain:NAME}}; the box puts the value in when a call leaves for a host that the secret is \
      bound to. To put, rotate and remove are proposals: approvers see everything but the value. Nothing shows a value, and \
      no argument takes one.
      """,
    subcommands: [
      Command(
        "put", "propose a secret, or its next version",
        discussion: """
          The value is read from standard input, from --file, or typed unseen. A line end at its end is left out. Exit code 3 \
          while approvals are missing, as with propose.
          """,
        arguments: [name, community] + binding + [file] + ProposeCommand.submission, run: put),
      Command(
        "rotate", "propose the next version of a secret, for the same hosts unless others are named",
        arguments: [name, community] + rebinding + [file] + ProposeCommand.submission, run: rotate),
      Command(
        "remove", "propose to remove a secret", arguments: [name, community] + ProposeCommand.submission, run: remove),
      Command(
        "list", "list names, versions, hosts and dates", arguments: [community, .json] + BoxConnection.arguments,
        run: list),
    ])

  private static let name = Argument.positional("name", "the secret's name")
  private static let community = Argument.option("community", value: "name", "whose secret", isRequired: true)
  private static let file = Argument.option("file", value: "file", "read the value from a file", values: .file)
  private static let kind = Argument.option(
    "kind", value: "kind", "text for placeholders (the default), key for what signs inside the box",
    values: .oneOf(["text", "key"]))
  private static let hostText = "a host that may get it: host[:port], *.example.com, or http://host[:port] without TLS"
  private static let binding: [Argument] = [
    .option("host", value: "host", hostText, isRequired: true, isRepeated: true), kind,
  ]
  private static let rebinding: [Argument] = [.option("host", value: "host", hostText, isRepeated: true), kind]

  private static func put(_ arguments: ParsedArguments) async throws -> ExitCode {
    try await submit(hosts: arguments.values("host"), kind: arguments.value("kind") ?? "text", arguments)
  }

  private static func rotate(_ arguments: ParsedArguments) async throws -> ExitCode {
    let name = try arguments.required("name")
    guard let present = try await secrets(arguments).first(where: { $0["name"]?.string == name }) else {
      throw CommandError(
        "the community has no secret \(name)", hints: ["`safebox secret put` proposes a new one"])
    }
    let hosts = arguments.values("host")
    return try await submit(
      hosts: hosts.isEmpty ? (present["hosts"]?.array ?? []).compactMap(\.string) : hosts,
      kind: arguments.value("kind") ?? present["kind"]?.string ?? "text", arguments)
  }

  private static func submit(
    hosts: [String], kind: String, _ arguments: ParsedArguments
  ) async throws -> ExitCode {
    let name = try arguments.required("name")
    let community = try arguments.required("community")
    let value = try HiddenInput.read(
      arguments.value("file"), prompt: "value of \(TerminalText.escaped(name))", limit: maxBytes)
    guard let text = value.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
      throw CommandError("the value is no UTF-8 text", hints: ["encode it, with base64 for example"])
    }
    return try await ProposeCommand.submit(
      "secret.put",
      [
        "community": .string(community), "hosts": .array(hosts.map { .string($0) }), "kind": .string(kind),
        "name": .string(name), "value": .string(text),
      ], arguments)
  }

  private static func remove(_ arguments: ParsedArguments) async throws -> ExitCode {
    try await ProposeCommand.submit(
      "secret.remove",
      ["community": .string(try arguments.required("community")), "name": .string(try arguments.required("name"))],
      arguments)
  }

  private static func secrets(_ arguments: ParsedArguments) async throws -> [JSON] {
    try await BoxConnection(arguments).get(try path(arguments))["secrets"]?.array ?? []
  }

  private static func path(_ arguments: ParsedArguments) throws -> String {
    let community = try arguments.required("community")
    guard Name.isValid(community) else {
      throw CommandError("\(TerminalText.escaped(community)) is not a community's name", exitCode: .usage)
    }
    return "/v1/secrets?community=\(community)"
  }

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let answer = try await BoxConnection(arguments).get(try path(arguments))
    if arguments.wantsJSON {
      Terminal.standard.write(answer.canonicalString() + "\n")
      return .ok
    }
    var table = Table([
      .init("secret"), .init("version"), .init("kind"), .init("hosts", mayBeCut: false), .init("rotated"),
      .init("created"),
    ])
    for secret in answer["secrets"]?.array ?? [] {
      table.add([
        secret["name"]?.string ?? "?", "\(secret["version"]?.integer ?? 0)", secret["kind"]?.string ?? "?",
        (secret["hosts"]?.array ?? []).compactMap(\.string).joined(separator: " "),
        WallClock.text(secret["rotatedAt"]?.integer ?? 0), WallClock.text(secret["createdAt"]?.integer ?? 0),
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }
}
