import Glibc
import HTTPServer
import ModelContextProtocol
import Storage
import Terminal

/// `mcp`: the box's tools for agents that speak the Model Context Protocol.
enum MCPCommand {
  static let command = Command(
    "mcp", "offer the box's tools to an agent over MCP",
    discussion: """
      Speaks on standard input and output, as agents start it themselves, or with --listen over HTTP at /mcp. The client \
      whose token it uses needs the scopes read and run. A call whose run waits for a decision answers with the place \
      where it is taken; nothing here can take it.
      """,
    arguments: [
      .option("community", value: "name", "the community in whose name tools run", isRequired: true),
      .option("listen", value: "address:port", "serve streamable HTTP there instead of standard input and output"),
      .option(
        "agent-token-file", value: "file", "file with the token that agents must show over HTTP (16 bytes or more)",
        values: .file),
      .option("host", value: "name", "a further host name under which agents reach it", isRepeated: true),
      .option(
        "approvals", value: "url", "where people decide: a URL in which {proposal} stands for the digest"),
      .option("wait", value: "seconds", "how long a call waits for its run, 1 to 300; default 20"),
    ] + BoxConnection.arguments, run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let server = try server(arguments)
    guard let place = arguments.value("listen") else {
      for option in ["agent-token-file", "host"] where !arguments.values(option).isEmpty {
        throw CommandError("--\(option) is for --listen", exitCode: .usage)
      }
      await StdioTransport(server: server).run()
      return .ok
    }
    try await serve(server, at: place, arguments)
    return .ok
  }

  private static func server(_ arguments: ParsedArguments) throws -> MCPServer {
    let connection = try BoxConnection(arguments)
    var wait: Int64 = 20
    if let text = arguments.value("wait") {
      guard let seconds = Int64(text), (1...300).contains(seconds) else {
        throw CommandError("--wait is \"\(text)\", not 1 to 300 seconds", exitCode: .usage)
      }
      wait = seconds
    }
    let template = arguments.value("approvals")
    if let template, !ApprovalURLs.isTemplate(template) {
      throw CommandError(
        "--approvals is \"\(template)\"", hints: ["give an http(s) URL with {proposal} in it"], exitCode: .usage)
    }
    let box = connection.modelContextProtocolClient
    return MCPServer(
      box: box, token: connection.token,
      configuration: .init(
        community: try arguments.required("community"), wait: .seconds(wait),
        urls: ApprovalURLs(template: template, box: connection.unixSocket == nil ? connection.url : nil),
        version: SafeboxCommand.version))
  }

  private static func serve(_ server: MCPServer, at place: String, _ arguments: ParsedArguments) async throws {
    let (address, port) = try split(place)
    let token = try arguments.value("agent-token-file").map(agentToken)
    let isLoopback = address == "127.0.0.1" || address == "::1"
    guard isLoopback || token != nil else {
      throw CommandError(
        "--listen \(place) can be reached by others", hints: ["demand a token of agents with --agent-token-file"],
        exitCode: .usage)
    }
    var configuration = HTTPServerConfiguration(listeners: [.tcp(address: address, port: port)])
    var hosts = Set(arguments.values("host").map { $0.lowercased() })
    hosts.formUnion(isLoopback ? ["localhost", "127.0.0.1", "::1"] : [address])
    configuration.hosts = .only(hosts)
    configuration.limits.connections = 512
    let stop = StopSignal()
    let http = HTTPServer(configuration: configuration, handler: HTTPTransport(server: server, token: token))
    for bound in try http.start() {
      Terminal.standard.write("safebox: mcp at http://\(bound)\(HTTPTransport.path)\n")
    }
    await stop.wait()
    await http.shutdown(deadline: .seconds(2))
  }

  private static func split(_ place: String) throws -> (address: String, port: UInt16) {
    if let colon = place.lastIndex(of: ":"), let port = UInt16(place[place.index(after: colon)...]) {
      var address = place[..<colon]
      if address.hasPrefix("["), address.hasSuffix("]") { address = address.dropFirst().dropLast() }
      if !address.isEmpty { return (String(address), port) }
    }
    throw CommandError(
      "--listen is \"\(place)\"", hints: ["give an address and a port: 127.0.0.1:8472"], exitCode: .usage)
  }

  private static func agentToken(_ path: String) throws -> [UInt8] {
    guard let bytes = try WholeFile.read(path, limit: 4096) else {
      throw CommandError("there is no token file \(path)")
    }
    let token = Array(Settings.firstLine(bytes).utf8)
    guard token.count >= 16, token.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw CommandError("\(path) holds no token", hints: ["16 or more visible ASCII characters in its first line"])
    }
    return token
  }
}
