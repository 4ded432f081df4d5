import CanonicalJSON
import Cryptography
import HTTPClient
import HTTPServer
import Storage
import TestSupport
import Testing

@testable import BoxService

/// Where the box listens, and to whom.
@Suite struct ListenerTests {
  private struct Loopback: NameResolver {
    func addresses(of host: String) async throws(NameResolutionFailure) -> [IPAddress] {
      guard let address = IPAddress("127.0.0.1") else { throw NameResolutionFailure(reason: "no address") }
      return [address]
    }
  }

  @Test func aForeignNameForALoopbackPortIsRefused() async throws {
    try await TestBox.with { box in
      var configuration = HTTPClient.Configuration()
      configuration.resolver = Loopback()
      let client = HTTPClient(configuration)
      for address in [box.api, box.admin] {
        guard case .tcp(_, let port) = address else { continue }
        for (host, path, status) in [
          ("attacker.example", "/v1/status", 421), ("attacker.example", "/metrics", 421),
          ("localhost", address == box.api ? "/v1/status" : "/metrics", 200),
        ] {
          let response = try await client.send(
            HTTPClientRequest(url: "http://\(host):\(port)\(path)"), policy: .only([(host: host, port: port)]))
          #expect(response.status == status, "\(host)\(path)")
        }
      }
      client.shutDown()
    }
  }

  @Test func unixSocketsServeBothListeners() async throws {
    let sockets = try TemporaryDirectory()
    try await TestBox.with(
      configuration: BoxConfiguration(
        listen: .unix(path: sockets.file("api.sock")), admin: .unix(path: sockets.file("admin.sock")))
    ) { box in
      #expect(try await box.get("/v1/status", as: nil).status == 200)
      let opened = try await box.open("note.write")
      try await box.wait(opened, for: "executed")
      #expect(try await box.call("GET", "/readyz", as: nil, at: box.admin).json["ready"]?.bool == true)
      #expect(try Mode.of(sockets.file("api.sock")) & 0o007 == 0, "others cannot connect")
    }
  }

  @Test func theAdminListenerTellsHowItIs() async throws {
    try await TestBox.with { box in
      #expect(try await box.call("GET", "/healthz", as: nil, at: box.admin).text == "ok\n")
      let opened = try await box.open("note.write")
      try await box.wait(opened, for: "executed")
      _ = try await box.propose("note.uncovered")
      // The outcome is durable, and shown, before it is counted.
      var page = try await box.call("GET", "/metrics", as: nil, at: box.admin)
      let deadline = ContinuousClock.now.advanced(by: .seconds(90))
      while !page.text.contains("safebox_execution_seconds_count 1\n"), ContinuousClock.now < deadline {
        page = try await box.call("GET", "/metrics", as: nil, at: box.admin)
      }
      #expect(page.header("content-type")?.hasPrefix("text/plain; version=0.0.4") == true)
      for line in [
        "safebox_log_entries 4", "safebox_ready 1", "safebox_proposals_total{outcome=\"opened\"} 1",
        "safebox_proposals_total{outcome=\"refused\"} 1", "safebox_executions_total{outcome=\"executed\"} 1",
        "safebox_requests_total{class=\"4xx\"} 1", "safebox_execution_seconds_count 1",
      ] {
        #expect(page.text.contains("\(line)\n"), "\(line)")
      }
      #expect(try await box.call("GET", "/v1/status", as: nil, at: box.admin).status == 404)
      #expect(try await box.get("/metrics", as: nil).status == 404)
    }
  }

  @Test func tlsServesWithItsCertificate() async throws {
    let files = try TemporaryDirectory()
    let key = P256.PrivateKey.generate()
    let certificate = try SelfSignedCertificate.make(
      commonName: "box.example", dnsNames: ["box.example"], ipAddresses: ["127.0.0.1"], privateKey: key,
      notBefore: 1_600_000_000, notAfter: 4_000_000_000)
    try files.write(Array(certificate.pem.utf8), to: "cert.pem")
    try files.write(Array(key.pkcs8PEM.utf8), to: "key.pem")
    let home = try await TestBox.Home(
      configuration: BoxConfiguration(
        listen: .tcp(address: "127.0.0.1", port: 0), admin: .tcp(address: "127.0.0.1", port: 0),
        tls: .init(certificate: files.file("cert.pem"), privateKey: files.file("key.pem"))))
    let box = try await TestBox(home)
    guard case .tcp(_, let port) = box.api else { throw TestFailure("no port") }
    var configuration = HTTPClient.Configuration()
    configuration.trustedCertificates = files.file("cert.pem")
    let client = HTTPClient(configuration)
    let policy = EgressPolicy.only([(host: "127.0.0.1", port: port)])
    let answer = try await client.send(
      HTTPClientRequest(url: "https://127.0.0.1:\(port)/v1/status"), policy: policy)
    #expect(answer.status == 200)
    await #expect(throws: HTTPClientError.self) {
      _ = try await client.send(HTTPClientRequest(url: "http://127.0.0.1:\(port)/v1/status"), policy: policy)
    }
    client.shutDown()
    await box.stop()
  }

  @Test func whatCannotBeServedIsFoundBeforeAnythingIsCarriedOut() async throws {
    let home = try await TestBox.Home(
      configuration: BoxConfiguration(
        listen: .tcp(address: "127.0.0.1", port: 0), admin: .tcp(address: "127.0.0.1", port: 0),
        tls: .init(certificate: "/nowhere/cert.pem", privateKey: "/nowhere/key.pem")))
    let note = NoteExecutor("note.write")
    await #expect(throws: DataDirectory.Failure.self) { _ = try await TestBox(home, notes: [note]) }
    #expect(note.orders.isEmpty)
    // The failed start has given everything free again.
    try WholeFile.replace(
      home.directory.configurationPath,
      with: BoxConfiguration(
        listen: .tcp(address: "127.0.0.1", port: 0), admin: .tcp(address: "127.0.0.1", port: 0)
      ).bytes, mode: 0o600)
    let box = try await TestBox(home)
    #expect(try await box.get("/v1/status", as: nil).status == 200)
    await box.stop()
  }
}

/// `box.json` and the directory.
@Suite struct ConfigurationTests {
  private static func parse(_ members: JSONObject) throws -> BoxConfiguration {
    var object: JSONObject = [
      "format": "safebox-config/v1", "listen": "127.0.0.1:8470", "admin": "unix:/run/safebox.sock",
    ]
    for (name, value) in members { object[name] = value }
    return try BoxConfiguration(parsing: JSON.object(object).canonicalBytes())
  }

  @Test func whatIsWrittenIsReadBack() throws {
    let configuration = BoxConfiguration(
      listen: .tcp(address: "::1", port: 1), admin: .unix(path: "/a"), tls: .init(certificate: "/c", privateKey: "/k"),
      witnessPolicy: "log x\n")
    #expect(try BoxConfiguration(parsing: configuration.bytes) == configuration)
    #expect(try Self.parse([:]).listen == .tcp(address: "127.0.0.1", port: 8470))
  }

  @Test func everybodyIsReachedOnlyWithTLSAndTheAdminListenerNever() throws {
    for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "10.0.0.1:1", "127.0.0.1.example:1", "128.0.0.1:1"] {
      let open = #expect(throws: FieldError.self, "\(address)") { _ = try Self.parse(["listen": .string(address)]) }
      #expect(open?.field == "tls" || open?.field == "listen", "\(address)")
      let admin = #expect(throws: FieldError.self) { _ = try Self.parse(["admin": .string(address)]) }
      #expect(admin?.field == "admin", "\(address)")
    }
    let tls: JSON = ["certificate": "/c", "privateKey": "/k"]
    #expect(try Self.parse(["listen": "0.0.0.0:1", "tls": tls]).tls?.certificate == "/c")
    for address in ["127.0.0.1:0", "127.1.2.3:65535", "[::1]:1", "unix:/x"] {
      #expect(try Self.parse(["listen": .string(address)]).listen.isLoopback)
    }
  }

  @Test func misspeltAndMalformedIsRefused() throws {
    for (member, value): (String, JSON) in [
      ("format", "safebox-config/v2"), ("lisen", "x"), ("listen", "127.0.0.1"), ("listen", "127.0.0.1:65536"),
      ("listen", ":1"), ("listen", "unix:relative"), ("listen", .string("unix:/" + String(repeating: "x", count: 120))),
      ("tls", ["certificate": "/c"]), ("tls", ["certificate": "/c", "privateKey": "/k", "password": "x"]),
      ("listen", 1), ("admin", .null), ("listen", "127.0.0.1:-1"), ("listen", "127.0.0.1:+1"),
    ] {
      #expect(throws: (any Error).self, "\(member) \(value)") { _ = try Self.parse([member: value]) }
    }
  }

  @Test func keysThatOthersCanReadAreRefused() async throws {
    let home = try await TestBox.Home()
    for path in [home.directory.ed25519Path, home.directory.es256Path, home.directory.masterPath] {
      #expect(try Mode.of(path) & 0o777 == 0o600, "\(path)")
      try Mode.set(0o640, of: path)
      #expect(throws: (any Error).self, "\(path)") {
        _ = try home.directory.keys(origin: TestConstitution.box)
        try home.directory.masterKey(try home.directory.configuration())
      }
      try Mode.set(0o600, of: path)
    }
    #expect(try Mode.of(home.directory.path) & 0o077 == 0)
    #expect(try Mode.of(home.directory.keysPath) & 0o077 == 0)
    #expect(try Mode.of(home.directory.clientsPath) & 0o077 == 0)
    let keys = try home.directory.keys(origin: TestConstitution.box)
    #expect(keys.es256.publicKey == home.keys.es256.publicKey)
    #expect(throws: DataDirectory.Failure.self) { _ = try home.directory.keys(origin: "another.example") }
  }

  @Test func aDirectoryThatIsNoBoxOrHalfABoxIsNamed() async throws {
    let directory = try TemporaryDirectory()
    let none = DataDirectory(path: directory.file("none"))
    #expect(throws: DataDirectory.Failure.self) { _ = try none.configuration() }
    let home = try await TestBox.Home()
    // A second box is not made over a first.
    let initializer = BoxInitializer(
      directory: home.directory, origin: TestConstitution.box, constitution: TestConstitution.json(egress: []),
      signers: try TestConstitution.people.map { try TestPerson($0).file(box: TestConstitution.box) },
      configuration: BoxConfiguration(), witnessPolicy: nil)
    await #expect(throws: DataDirectory.Failure.self) {
      _ = try await initializer.run(at: 1, keys: TestBox.Home.freshKeys())
    }
    // A constitution that does not hold is refused before anything is written.
    var unsound = initializer
    unsound.directory = DataDirectory(path: directory.file("unsound"))
    unsound.signers.removeLast()
    await #expect(throws: (any Error).self) {
      _ = try await unsound.run(at: 1, keys: TestBox.Home.freshKeys())
    }
    #expect(throws: (any Error).self) { _ = try unsound.directory.configuration() }
    #expect(try FileList.exists(unsound.directory.path) == false)
  }
}
