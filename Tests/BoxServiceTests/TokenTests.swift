import CanonicalJSON
import Cryptography
import HTTPServer
import Testing

@testable import BoxService

/// Who may call what, and how soon a change holds.
@Suite struct TokenTests {
  @Test func everyScopeOpensItsDoorsOnly() async throws {
    try await TestBox.with { box in
      let opened = try await box.open("note.single")
      func status(_ method: String, _ path: String, as client: String?) async throws -> Int {
        try await box.call(method, path, method == "POST" ? [:] : nil, as: client).status
      }
      for endpoint in box.box.endpoints {
        guard case .scope(let scope) = endpoint.access else { continue }
        let path = endpoint.path.replacing("{id}", with: opened.id).replacing("{index}", with: "0")
          .replacing("{name}", with: "single").replacing("{digest}", with: opened.id)
          .replacing("{proposal}", with: opened.id)
        if endpoint.operation == "streamEvents" { continue }
        #expect(try await status(endpoint.method, path, as: nil) == 401, "\(path)")
        let mayRead = scope == .read
        let asReader = try await status(endpoint.method, path, as: "reader")
        #expect((asReader != 403) == mayRead, "\(path) answers the reader \(asReader)")
      }
      let refused = try await box.call("POST", "/v1/proposals", [:], as: "reader")
      #expect(refused.code == "scope_missing")
      #expect(try await box.get("/v1/proposals/\(opened.id)/openings", as: "other").code == "scope_missing")
    }
  }

  @Test func whatIsNoTokenIsRefused() async throws {
    try await TestBox.with { box in
      let token = TestBox.token("app")
      for value in [
        "Bearer", "Bearer ", "Bearer \(token.dropLast())", "Bearer \(token)x", "Basic \(token)", token,
        "Bearer \(token.uppercased())", "Bearer \(String(repeating: "x", count: 300))",
      ] {
        let answer = try await box.call(
          "GET", "/v1/policies", as: nil, headers: [("Authorization", value.trimming)])
        #expect(answer.status == 401, "\(value)")
        #expect(answer.code == "unauthorized")
        #expect(answer.header("www-authenticate") == "Bearer")
      }
      let twice = try await box.call(
        "GET", "/v1/policies", as: "app", headers: [("Authorization", "Bearer \(token)")])
      #expect(twice.status == 401)
      // A wrong token is refused where none is needed, too: a caller should learn of it.
      #expect(try await box.call("GET", "/v1/status", as: nil, headers: [("Authorization", "Bearer x")]).status == 401)
      #expect(try await box.get("/v1/status", as: nil).status == 200)
    }
  }

  /// What the box alone proposes, a client would propose in its name.
  @Test func noClientIsCalledAsTheBoxCallsItself() throws {
    let made = APIClient.make(name: "key-broker", scopes: [.propose], secret: Array(repeating: 1, count: 32)).client
    var clients = APIClients()
    #expect {
      try clients.add(made)
    } throws: { ($0 as? FieldError)?.field == "name" }
    #expect(clients.clients.isEmpty)
    let written = APIClients([made]).bytes
    #expect {
      _ = try APIClients(parsing: written)
    } throws: { ($0 as? FieldError)?.field == "clients[0].name" }
    let other = APIClients([
      APIClient.make(name: "key-brokers", scopes: [.propose], secret: Array(repeating: 1, count: 32)).client
    ])
    #expect(try APIClients(parsing: other.bytes).clients == other.clients)
  }

  @Test func tokensAreNowhereInTheDirectory() async throws {
    let home = try await TestBox.Home()
    for file in try FileList.under(home.directory.path) {
      let text = String(decoding: try home.temporary.read("box/\(file)"), as: UTF8.self)
      #expect(!text.contains(TestBox.token("app")), "\(file)")
      #expect(!text.contains(Base64.encodeURL(TestBox.secret("app"))), "\(file)")
    }
    let clients = try home.directory.clients()
    #expect(clients.client(presenting: TestBox.token("app"))?.name == "app")
  }

  @Test func aRemovedClientIsOutAtOnceAndANewOneIn() async throws {
    try await TestBox.with { box in
      #expect(try await box.get("/v1/policies", as: "other").status == 200)
      var clients = try box.home.directory.clients()
      let isRemoved0 = clients.remove("other")
      #expect(isRemoved0)
      try clients.add(APIClient.make(name: "late", scopes: [.read], secret: TestBox.secret("late")).client)
      try box.home.directory.write(clients)
      #expect(try await box.get("/v1/policies", as: "other").status == 401)
      #expect(try await box.get("/v1/policies", as: "late").status == 200)
      // A file that cannot be read lets nobody in.
      try box.home.temporary.write(Array("{".utf8), to: "box/clients.json")
      #expect(try await box.get("/v1/policies", as: "late").status == 401)
      try box.home.directory.write(clients)
      #expect(try await box.get("/v1/policies", as: "late").status == 200)
    }
  }

  @Test func clientsAreReadStrictly() throws {
    var clients = APIClients()
    try clients.add(APIClient.make(name: "a.b-1", scopes: Set(Scope.allCases), secret: TestBox.secret("a")).client)
    let again = try APIClients(parsing: clients.bytes)
    #expect(again.clients == clients.clients)
    for name in ["", "A", "a_b", "-a", ".a", "é", String(repeating: "a", count: 65)] {
      #expect(throws: FieldError.self, "\(name)") {
        try clients.add(APIClient.make(name: name, scopes: [], secret: TestBox.secret(name)).client)
      }
    }
    #expect(throws: FieldError.self) {
      try clients.add(APIClient.make(name: "a.b-1", scopes: [], secret: TestBox.secret("other")).client)
    }
    var twin = clients.clients[0]
    twin.name = "twin"
    #expect(throws: FieldError.self) { try clients.add(twin) }
    let text = String(decoding: clients.bytes, as: UTF8.self)
    for broken in [
      text.replacing("safebox-clients/v1", with: "safebox-clients/v2"), text.replacing("\"propose\"", with: "\"root\""),
      text.replacing("\"name\"", with: "\"nam\""), text.replacing("\"clients\"", with: "\"x\":1,\"clients\""),
    ] {
      #expect(broken != text)
      #expect(throws: (any Error).self) { try APIClients(parsing: Array(broken.utf8)) }
    }
    var user = APIClient.make(name: "user", scopes: [.infer], secret: TestBox.secret("user")).client
    user.inference = InferenceGrant(models: ["embed", "chat"], tokensPerDay: 1000)
    try clients.add(user)
    #expect(try APIClients(parsing: clients.bytes).clients.last?.inference == user.inference)
    let granted = String(decoding: clients.bytes, as: UTF8.self)
    for (old, new) in [("1000", "0"), ("\"chat\"", "\"C h\""), ("tokensPerDay", "tokens")] {
      #expect(granted.contains(old))
      #expect(throws: (any Error).self) {
        try APIClients(parsing: Array(granted.replacing(old, with: new).utf8))
      }
    }
    let isRemoved = clients.remove("user")
    #expect(isRemoved)
    let isRemoved1 = clients.remove("a.b-1")
    #expect(isRemoved1)
    let isRemoved2 = clients.remove("a.b-1")
    #expect(!isRemoved2)
  }
}

extension String {
  fileprivate var trimming: String { hasSuffix(" ") ? String(dropLast()) : self }
}
