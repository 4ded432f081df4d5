import BoxService
import CanonicalJSON
import Cryptography
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
            isRepeated: true), .json,
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
    let (client, token) = APIClient.make(
      name: try arguments.required("name"), scopes: Set(arguments.values("scope").compactMap(Scope.init(rawValue:))),
      secret: SecureRandom.bytes(32))
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
