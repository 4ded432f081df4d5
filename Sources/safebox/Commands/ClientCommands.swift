import BoxService
import CanonicalJSON
import Cryptography
import Governance
import Terminal

/// `client add|list|remove`: who may use the API. The running box notices at once.
enum ClientCommands {
  static let command = Command(
    "client", "manage the API's clients", arguments: [Settings.data],
    subcommands: [
      Command(
        "add", "add a client and print its token, once",
        arguments: [
          .positional("name", "the client's name"),
          .option(
            "scope", value: "scope", "what it may do", values: .oneOf(Scope.allCases.map(\.rawValue)), isRequired: true,
            isRepeated: true),
          .option(
            "model", value: "name", "a runner that it may use, with the scope infer; default: all", isRepeated: true),
          .option("tokens-per-day", value: "count", "how many tokens it may use in 24 hours; default: any"), .json,
        ], run: add),
      Command("list", "list clients and scopes", arguments: [.json], run: list),
      Command("remove", "remove a client", arguments: [.positional("name", "the client's name")], run: remove),
    ])

  private static func directory(_ arguments: ParsedArguments) throws -> DataDirectory {
    let directory = DataDirectory(path: Settings.dataDirectory(arguments))
    _ = try directory.configuration()
    return directory
  }

  private static func add(_ arguments: ParsedArguments) throws -> ExitCode {
    let directory = try directory(arguments)
    var clients = try directory.clients()
    var (client, token) = APIClient.make(
      name: try arguments.required("name"), scopes: Set(arguments.values("scope").compactMap(Scope.init(rawValue:))),
      secret: SecureRandom.bytes(32))
    let models = arguments.values("model")
    if let unfit = models.first(where: { !Name.isValid($0) }) {
      throw CommandError(
        "--model is \"\(TerminalText.escaped(unfit))\", the name of a runner is expected", exitCode: .usage)
    }
    let budget = try arguments.integer("tokens-per-day", in: 1...9_007_199_254_740_991)
    guard client.scopes.contains(.infer) || models.isEmpty && budget == nil else {
      throw CommandError("--model and --tokens-per-day go with --scope infer", exitCode: .usage)
    }
    client.inference = InferenceGrant(models: models.isEmpty ? nil : Set(models), tokensPerDay: budget.map(Int64.init))
    try clients.add(client)
    try directory.write(clients)
    Terminal.standard.write(
      arguments.wantsJSON
        ? JSON.object(["name": .string(client.name), "token": .string(token)]).canonicalString() + "\n" : token + "\n")
    return .ok
  }

  private static func list(_ arguments: ParsedArguments) throws -> ExitCode {
    let clients = try directory(arguments).clients().clients
    if arguments.wantsJSON {
      let list: [JSON] = clients.map { client in
        ["name": .string(client.name), "scopes": .array(client.scopes.map(\.rawValue).sorted().map { .string($0) })]
      }
      Terminal.standard.write(JSON.array(list).canonicalString() + "\n")
      return .ok
    }
    var table = Table([.init("client"), .init("scopes")])
    for client in clients { table.add([client.name, client.scopes.map(\.rawValue).sorted().joined(separator: " ")]) }
    Terminal.standard.write(table.text(width: Terminal.standard.width))
    return .ok
  }

  private static func remove(_ arguments: ParsedArguments) throws -> ExitCode {
    let directory = try directory(arguments)
    var clients = try directory.clients()
    let name = try arguments.required("name")
    guard clients.remove(name) else { throw CommandError("there is no client \(name)") }
    try directory.write(clients)
    return .ok
  }
}
