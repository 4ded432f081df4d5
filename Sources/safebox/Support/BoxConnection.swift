import CanonicalJSON
import Glibc
import HTTPClient
import ModelContextProtocol
import Storage
import Terminal

/// The API of a running box, as a client with a token.
struct BoxConnection: Sendable {
  static let arguments: [Argument] = [
    .option("box", value: "url", "address of the box: http(s)://host:port or unix:/path"),
    .option("token-file", value: "file", "file with the client's token", values: .file),
    .option("token", value: "text", "the client's token; prefer --token-file or SAFEBOX_TOKEN"),
  ]
  static let defaultURL = "http://127.0.0.1:8470"

  let url: String
  let unixSocket: String?
  let token: String?
  private let client: HTTPClient
  private let policy: EgressPolicy

  init(_ arguments: ParsedArguments) throws {
    let text = Settings.value("box", arguments) ?? Self.defaultURL
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      unixSocket = path
      url = "http://localhost"
      policy = EgressPolicy(publicPorts: .none, permitsPlainHTTP: true, unixSockets: [path])
    } else {
      let parsed: HTTPURL
      do { parsed = try HTTPURL(text) } catch {
        throw CommandError(
          "--box is \"\(text)\": \(error)", hints: ["give http://host:port or unix:/path"], exitCode: .usage)
      }
      unixSocket = nil
      url = String(text.hasSuffix("/") ? text.dropLast() : text[...])
      // The address is the user's own word, so it may be private; nothing else may be reached.
      policy = .only([(host: parsed.host, port: parsed.port)])
    }
    if let text = arguments.value("token"), arguments.value("token-file") == nil {
      // What was typed beats a file that the environment names.
      token = text
    } else if let path = Settings.value("token-file", arguments) {
      guard let bytes = try WholeFile.read(path, limit: 4096) else {
        throw CommandError("there is no token file \(path)")
      }
      token = Settings.firstLine(bytes)
    } else {
      token = Settings.value("token", arguments)
    }
    client = HTTPClient()
  }

  struct Answer: Sendable {
    var status: Int
    var body: [UInt8]
    var headers: [HTTPClientHeader]

    func json() throws -> JSON { try JSON(parsing: body, limits: .document(maxBytes: 64 << 20)) }
  }

  /// Sends a request; a problem becomes a `CommandError` with its code and next steps, unless its status is accepted.
  func send(
    _ method: String, _ path: String, body: JSON? = nil, headers: [(String, String)] = [], deadline: Int64 = 90,
    accepting: Set<Int> = []
  ) async throws -> Answer {
    try await send(
      method, path, bytes: body?.canonicalBytes() ?? [], contentType: body == nil ? nil : "application/json",
      headers: headers, deadline: deadline, accepting: accepting)
  }

  /// The same with any body.
  func send(
    _ method: String, _ path: String, bytes: [UInt8], contentType: String?, headers: [(String, String)] = [],
    deadline: Int64 = 90, accepting: Set<Int> = []
  ) async throws -> Answer {
    var fields = headers.map { HTTPClientHeader($0.0, $0.1) }
    if let token { fields.append(HTTPClientHeader("Authorization", "Bearer \(token)")) }
    if let contentType { fields.append(HTTPClientHeader("Content-Type", contentType)) }
    let response: HTTPClientResponse
    do {
      response = try await client.send(
        HTTPClientRequest(
          method: method, url: url + path, headers: fields, body: bytes,
          deadline: .seconds(deadline), maxResponseBytes: 64 << 20, unixSocketPath: unixSocket),
        policy: policy)
    } catch {
      throw CommandError(
        "the box at \(unixSocket ?? url) cannot be reached: \(error)",
        hints: ["is `safebox serve` running? give its address with --box"])
    }
    let answer = Answer(status: response.status, body: response.body, headers: response.headers)
    if response.status >= 400, !accepting.contains(response.status) { throw Self.failure(answer) }
    return answer
  }

  /// The same place for the server of the Model Context Protocol.
  var modelContextProtocolClient: BoxClient {
    BoxClient(url: url, unixSocket: unixSocket, token: token, policy: policy)
  }

  /// Reads server-sent events until the stream ends; `event` is told kind and data of each.
  func events(_ path: String, _ event: @escaping @Sendable (String, JSON) -> Void) async throws {
    var fields = [HTTPClientHeader("Accept", "text/event-stream")]
    if let token { fields.append(HTTPClientHeader("Authorization", "Bearer \(token)")) }
    let reader = EventReader(event)
    let response: HTTPClientResponse
    do {
      response = try await client.stream(
        HTTPClientRequest(
          method: "GET", url: url + path, headers: fields, body: [], deadline: .seconds(86_400),
          maxResponseBytes: 1 << 30, unixSocketPath: unixSocket),
        policy: policy, into: HTTPClientSink(head: { status, _ in reader.begin(status) }, bytes: { reader.take($0) }))
    } catch {
      throw CommandError("the box at \(unixSocket ?? url) cannot be reached: \(error)")
    }
    guard response.status < 400 else {
      throw Self.failure(Answer(status: response.status, body: reader.rest, headers: response.headers))
    }
  }

  /// A resource of the public log, such as `checkpoint` or `tile/0/000`; `nil` where there is none.
  func logResource(_ path: String) async throws -> [UInt8]? {
    let answer = try await send("GET", "/log/\(path)", accepting: [404])
    return answer.status == 404 ? nil : answer.body
  }

  /// The constitution in force.
  func constitution() async throws -> JSON {
    guard let constitution = try await get("/v1/constitution")["constitution"] else {
      throw CommandError("the box shows no constitution")
    }
    return constitution
  }

  func get(_ path: String) async throws -> JSON { try await send("GET", path).json() }

  /// The newest elements of `/v1/NAME`, page by page, as `--limit` and `--status` ask.
  func list(_ name: String, _ arguments: ParsedArguments) async throws -> [JSON] {
    let limit = try arguments.integer("limit", in: 1...10_000) ?? 20
    var elements: [JSON] = []
    var cursor: String?
    repeat {
      var path = "/v1/\(name)?limit=\(min(100, limit - elements.count))"
      if let status = arguments.value("status") {
        guard status.utf8.allSatisfy({ (97...122).contains($0) }) else {
          throw CommandError("--status is one lower-case word", exitCode: .usage)
        }
        path += "&status=\(status)"
      }
      if let cursor { path += "&cursor=\(cursor)" }
      let page = try await get(path)
      elements += page[name]?.array ?? []
      cursor = page["next"]?.string
    } while cursor != nil && elements.count < limit
    return elements
  }

  private static func failure(_ answer: Answer) -> CommandError {
    guard let problem = try? answer.json(), let code = problem["code"]?.string else {
      return CommandError("the box answered \(answer.status)")
    }
    var hints = (problem["next_steps"]?.array ?? []).compactMap(\.string)
    if code == "scope_missing" {
      hints.append(
        "`safebox client add NAME --scope ...` makes a client with that scope; approvers need read, openings, vote")
    }
    if code == "denied", let id = problem["action_digest"]?.string { hints.append("safebox show \(id)") }
    if code == "unauthorized" { hints.append("give the client's token with --token-file or SAFEBOX_TOKEN_FILE") }
    let exit: ExitCode =
      switch code {
      case "denied": .denied
      case "no_receipt_yet": .pending
      default: .failed
      }
    return CommandError(
      "\(problem["detail"]?.string ?? problem["title"]?.string ?? code) (\(code))", hints: hints, exitCode: exit)
  }
}

/// Options with their mirrors in the environment: a flag beats the environment.
enum Settings {
  static func value(_ name: String, _ arguments: ParsedArguments) -> String? {
    if let value = arguments.value(name) { return value }
    let variable = "SAFEBOX_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    guard let pointer = getenv(variable) else { return nil }
    let text = String(cString: pointer)
    return text.isEmpty ? nil : text
  }

  static let data = Argument.option("data", value: "dir", "the box's data directory", values: .directory)

  /// The data directory; `./safebox-data` unless said otherwise.
  static func dataDirectory(_ arguments: ParsedArguments) -> String {
    value("data", arguments) ?? "safebox-data"
  }

  static func firstLine(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix { $0 != 10 && $0 != 13 }, as: UTF8.self)
  }
}
