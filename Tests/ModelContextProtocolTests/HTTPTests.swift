import CanonicalJSON
import HTTPClient
import HTTPServer
import Testing

@testable import ModelContextProtocol

/// A server over HTTP, and raw requests to it.
private final class Endpoint: Sendable {
  let url: String
  private let server: HTTPServer
  private let client = HTTPClient()
  private let policy: EgressPolicy
  private let box: FakeBox

  init(_ box: FakeBox, token: String? = nil) throws {
    self.box = box
    let mcp = try box.mcp()
    server = HTTPServer(
      configuration: HTTPServerConfiguration(listeners: [.tcp(address: "127.0.0.1", port: 0)]),
      handler: HTTPTransport(server: mcp, token: token.map { Array($0.utf8) }))
    guard case .tcp(_, let port) = try server.start()[0] else { throw HTTPServerError.noListener }
    url = "http://127.0.0.1:\(port)"
    policy = .only([(host: "127.0.0.1", port: port)])
  }

  deinit {
    let server = server
    Task { await server.shutdown(deadline: .zero) }
  }

  static let base = [
    ("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream"),
  ]
  static let stateless = base + [("MCP-Protocol-Version", "2026-07-28")]
  static let listing = stateless + [("Mcp-Method", "tools/list")]
  static let envelope: JSON = [
    "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": [:],
  ]

  static func request(_ method: String, _ params: JSON = ["_meta": envelope]) -> JSON {
    ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": params]
  }

  struct Answer {
    var status: Int
    var json: JSON
    var headers: [HTTPClientHeader]
    var code: Int64? { json["error"]?["code"]?.integer }
    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
  }

  func send(
    _ body: JSON, _ headers: [(String, String)] = Endpoint.listing, method: String = "POST", path: String = "/mcp"
  ) async throws -> Answer {
    let response = try await client.send(
      HTTPClientRequest(
        method: method, url: url + path, headers: headers.map { HTTPClientHeader($0.0, $0.1) },
        body: method == "POST" ? body.canonicalBytes() : []),
      policy: policy)
    return Answer(
      status: response.status,
      json: (try? JSON(parsing: response.body, limits: .document(maxBytes: 1 << 20))) ?? .null,
      headers: response.headers)
  }

  /// A session of the earlier revision; its headers.
  func begin() async throws -> [(String, String)] {
    let params: JSON = [
      "protocolVersion": "2025-11-25", "capabilities": [:], "clientInfo": ["name": "test", "version": "1"],
    ]
    let answer = try await send(Self.request("initialize", params), Self.base)
    let session = try #require(answer.header("mcp-session-id"))
    return Self.base + [("Mcp-Session-Id", session), ("MCP-Protocol-Version", "2025-11-25")]
  }
}

@Suite struct HTTPTests {
  @Test func requestsOfWebPagesAreRefused() async throws {
    let endpoint = try Endpoint(try FakeBox())
    let list = Endpoint.request("tools/list")
    for origin in [
      "http://evil.example", "null", "https\(endpoint.url.dropFirst(4))", endpoint.url + "0", "http://localhost",
    ] {
      #expect(try await endpoint.send(list, Endpoint.listing + [("Origin", origin)]).status == 403, "\(origin)")
    }
    #expect(try await endpoint.send(list, Endpoint.listing + [("Origin", endpoint.url)]).status == 200)
  }

  @Test func whoHasNoTokenHearsNothing() async throws {
    let endpoint = try Endpoint(try FakeBox(), token: "0123456789abcdef")
    let list = Endpoint.request("tools/list")
    for value in ["Bearer 0123456789abcdeg", "Bearer 0123456789abcde", "Bearer ", "Basic 0123456789abcdef"] {
      let answer = try await endpoint.send(list, Endpoint.listing + [("Authorization", value.trimmed)])
      #expect(answer.status == 401 && answer.header("www-authenticate") == "Bearer", "\(value)")
    }
    #expect(try await endpoint.send(list).status == 401)
    #expect(try await endpoint.send(.null, [], method: "DELETE").status == 401)
    #expect(try await endpoint.send(.null, [], method: "GET", path: "/other").status == 401)
    #expect(
      try await endpoint.send(list, Endpoint.listing + [("Authorization", "Bearer 0123456789abcdef")]).status == 200)
  }

  @Test func theShapeOfTheRequestIsHeldToTheProtocol() async throws {
    let endpoint = try Endpoint(try FakeBox())
    let list = Endpoint.request("tools/list")
    func status(_ headers: [(String, String)], method: String = "POST", path: String = "/mcp") async throws -> Int {
      try await endpoint.send(list, headers, method: method, path: path).status
    }
    #expect(try await status(Endpoint.listing, path: "/") == 404)
    let get = try await endpoint.send(.null, Endpoint.listing, method: "GET")
    #expect(get.status == 405 && get.header("allow") == "POST, DELETE")
    #expect(try await status([("Content-Type", "text/plain")] + Endpoint.listing.dropFirst()) == 415)
    #expect(try await status(Endpoint.listing.filter { $0.0 != "Accept" }) == 406)
    #expect(try await status(Endpoint.listing.filter { $0.0 != "Accept" } + [("Accept", "application/json")]) == 406)
    #expect(try await status(Endpoint.listing.filter { $0.0 != "Accept" } + [("Accept", "*/*;q=0.1")]) == 200)
    #expect(try await endpoint.send(.string(String(repeating: "x", count: 2 << 20))).status == 413)
    #expect(try await endpoint.send([list]).code == -32600)
    #expect(try await endpoint.send(["jsonrpc": "2.0", "method": "notifications/cancelled"]).status == 202)
  }

  @Test func headersAndBodySayTheSame() async throws {
    let box = try FakeBox()
    let endpoint = try Endpoint(box)
    let list = Endpoint.request("tools/list")
    func refused(_ body: JSON, _ headers: [(String, String)], _ code: Int64 = -32020) async throws {
      let answer = try await endpoint.send(body, headers)
      #expect(answer.status == 400 && answer.code == code, "\(headers) \(answer.json.canonicalString())")
      #expect(answer.json["id"] == 1)
    }
    try await refused(list, Endpoint.stateless)
    try await refused(list, Endpoint.stateless + [("Mcp-Method", "tools/call")])
    try await refused(list, Endpoint.listing + [("Mcp-Method", "tools/list")])
    try await refused(list, Endpoint.base + [("Mcp-Method", "tools/list")])
    try await refused(list, Endpoint.base + [("MCP-Protocol-Version", "2025-11-25")])
    try await refused(list, Endpoint.base + [("MCP-Protocol-Version", "2024-11-05")], -32022)
    let future: JSON = [
      "io.modelcontextprotocol/protocolVersion": "2027-01-01", "io.modelcontextprotocol/clientCapabilities": [:],
    ]
    try await refused(Endpoint.request("tools/list", ["_meta": future]), Endpoint.listing)
    try await refused(Endpoint.request("tools/list", [:]), Endpoint.listing, -32602)

    let call = Endpoint.request("tools/call", ["_meta": Endpoint.envelope, "name": "number"])
    let calling = Endpoint.stateless + [("Mcp-Method", "tools/call")]
    try await refused(call, calling)
    try await refused(call, calling + [("Mcp-Name", "pay")])
    try await refused(call, calling + [("Mcp-Name", "=?base64?cGF5?=")])
    try await refused(call, calling + [("Mcp-Name", "=?base64?bnVtYmV?=")])
    #expect(box.runs.isEmpty)
    #expect(try await endpoint.send(call, calling + [("Mcp-Name", "=?base64?bnVtYmVy?=")]).json["result"] != nil)
    #expect(try await endpoint.send(call, calling + [("Mcp-Name", "number")]).json["result"] != nil)
  }

  @Test func unknownMethodsAreNotFound() async throws {
    let endpoint = try Endpoint(try FakeBox())
    for method in ["resources/list", "initialize", "ping", "subscriptions/listen", "x"] {
      let answer = try await endpoint.send(Endpoint.request(method), Endpoint.stateless + [("Mcp-Method", method)])
      #expect(answer.status == 404 && answer.code == -32601)
    }
  }

  @Test func sessionsAreTheirClientsAlone() async throws {
    let endpoint = try Endpoint(try FakeBox())
    let list = Endpoint.request("tools/list", [:])
    #expect(try await endpoint.send(list, Endpoint.base).status == 400)
    let one = try await endpoint.begin()
    let other = try await endpoint.begin()
    let names = [one, other].compactMap { $0.first { $0.0 == "Mcp-Session-Id" }?.1 }
    #expect(Set(names).count == 2 && names.allSatisfy { $0.utf8.count == 64 })
    #expect(try await endpoint.send(list, one).json["result"]?["tools"] != nil)
    let guessed = Endpoint.base + [("Mcp-Session-Id", String(repeating: "0", count: 64))]
    #expect(try await endpoint.send(list, guessed).status == 404)
    #expect(try await endpoint.send(.null, guessed, method: "DELETE").status == 404)
    #expect(try await endpoint.send(Endpoint.request("initialize", [:]), one).status == 400)
    #expect(try await endpoint.send(.null, one, method: "DELETE").status == 204)
    #expect(try await endpoint.send(list, one).status == 404)
    #expect(try await endpoint.send(list, other).status == 200)
    // Without the header of the revision, the session's counts.
    #expect(try await endpoint.send(list, other.filter { $0.0 != "MCP-Protocol-Version" }).status == 200)
    // An answer to a question that nobody asked, and the taking back of a request that is not there.
    #expect(try await endpoint.send(["jsonrpc": "2.0", "id": "safebox-1", "result": [:]], other).status == 202)
    let cancelled: JSON = ["jsonrpc": "2.0", "method": "notifications/cancelled", "params": ["requestId": 7]]
    #expect(try await endpoint.send(cancelled, other).status == 202)
  }

  @Test func theOldestIdleSessionMakesRoom() throws {
    let mcp = try FakeBox().mcp()
    let table = SessionTable(maxCount: 2)
    let names = (0..<2).compactMap { _ in table.begin(Conversation(server: mcp)) }
    _ = table[names[0]]
    let third = try #require(table.begin(Conversation(server: mcp)))
    #expect(table[names[1]] == nil && table[names[0]] != nil && table[third] != nil)
  }

  @Test func aTableOfBusySessionsTakesNoMore() throws {
    let mcp = try FakeBox().mcp()
    let table = SessionTable(maxCount: 1)
    let busy = Conversation(server: mcp)
    _ = try #require(busy.register(RPCRequest(id: .integer(1), method: "tools/call", params: [:])))
    #expect(table.begin(busy) != nil)
    #expect(table.begin(Conversation(server: mcp)) == nil)
  }
}

extension String {
  fileprivate var trimmed: String { hasSuffix(" ") ? String(dropLast()) : self }
}
