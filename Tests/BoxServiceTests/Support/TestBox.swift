import CanonicalJSON
import Cryptography
import Governance
import HTTPClient
import HTTPServer
import KeyRelease
import OpenClaims
import TestSupport
import Testing

@testable import BoxService

/// A box in this process, on loopback, with a clock that the test moves.
final class TestBox: Sendable {
  /// What a box is made from and survives restarts.
  struct Home: Sendable {
    let temporary: TemporaryDirectory
    let directory: DataDirectory
    let clock: TestClock
    let keys: DataDirectory.Keys
    let reports = Reports()

    static func freshKeys() -> DataDirectory.Keys {
      DataDirectory.Keys(ed25519: .generate(), es256: .generate())
    }

    init(
      egress: [String] = [], extra: JSONObject = [:], configuration: BoxConfiguration? = nil,
      witnessPolicy: String? = nil, keys: DataDirectory.Keys = Home.freshKeys(), clock: TestClock = TestClock()
    ) async throws {
      temporary = try TemporaryDirectory()
      directory = DataDirectory(path: temporary.file("box"))
      self.clock = clock
      self.keys = keys
      _ = try await BoxInitializer(
        directory: directory, origin: TestConstitution.box,
        constitution: TestConstitution.json(egress: egress, extra: extra),
        signers: try TestConstitution.people.map { try TestPerson($0).file(box: TestConstitution.box) },
        configuration: configuration
          ?? BoxConfiguration(
            listen: .tcp(address: "127.0.0.1", port: 0), admin: .tcp(address: "127.0.0.1", port: 0)),
        witnessPolicy: witnessPolicy
      ).run(at: clock.now, keys: keys)
      var clients = APIClients()
      for (name, scopes) in TestBox.clients {
        try clients.add(APIClient.make(name: name, scopes: scopes, secret: TestBox.secret(name)).client)
      }
      try directory.write(clients)
    }
  }

  static let clients: [(String, Set<Scope>)] = [
    ("app", [.read, .propose, .vote, .openings, .run]), ("other", [.read, .propose, .vote]), ("reader", [.read]),
    ("eraser", [.erase]),
  ]

  /// The worker that was built beside these tests.
  static let worker: String? = {
    // The bundle of the tests stands beside the products.
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    let directory = bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    return "\(directory)/safebox-worker"
  }()

  static func secret(_ name: String) -> [UInt8] { SHA256.hash(Array("token \(name)".utf8)).bytes }

  static func token(_ name: String) -> String {
    APIClient.make(name: name, scopes: [], secret: secret(name)).token
  }

  let home: Home
  let box: Box
  let notes: [String: NoteExecutor]
  let api: BoundAddress
  let admin: BoundAddress
  private let client: HTTPClient

  /// Opens and starts the box of `home`.
  init(
    _ home: Home, notes: [NoteExecutor]? = nil, machine: Machine? = nil, pace: RetryPace = RetryPace(),
    appraiser: EvidenceAppraiser = .standard
  ) async throws {
    self.home = home
    let notes =
      notes
      ?? ["note.write", "note.later", "note.metered", "note.single", "note.never", "note.uncovered"].map {
        NoteExecutor($0)
      }
    self.notes = Dictionary(uniqueKeysWithValues: notes.map { ($0.type, $0) })
    let clock = home.clock
    let reports = home.reports
    var environment = Box.Environment(clock: { clock.now }, report: { reports.add($0) })
    environment.executors = notes
    environment.machine = machine
    environment.pace = pace
    environment.worker = Self.worker
    environment.appraiser = appraiser
    box = try await Box(directory: home.directory, environment: environment)
    let bound = try await box.start()
    api = try #require(bound.api.first)
    admin = try #require(bound.admin.first)
    client = HTTPClient()
  }

  /// A new box, running.
  static func make(
    egress: [String] = [], extra: JSONObject = [:], configuration: BoxConfiguration? = nil
  ) async throws -> TestBox {
    try await TestBox(try await Home(egress: egress, extra: extra, configuration: configuration))
  }

  /// Runs `body` with a new box and stops it afterwards.
  static func with<Result>(
    egress: [String] = [], extra: JSONObject = [:], configuration: BoxConfiguration? = nil,
    _ body: (TestBox) async throws -> Result
  ) async throws -> Result {
    let box = try await make(egress: egress, extra: extra, configuration: configuration)
    do {
      let result = try await body(box)
      await box.stop()
      return result
    } catch {
      await box.stop()
      throw error
    }
  }

  func note(_ type: String) throws -> NoteExecutor { try #require(notes[type]) }

  func stop() async {
    for note in notes.values { note.release() }
    client.shutDown()
    await box.stop()
  }

  /// Stops the box and opens it again on the same directory.
  func restarted(notes: [NoteExecutor]? = nil) async throws -> TestBox {
    await stop()
    return try await TestBox(home, notes: notes)
  }

  func core() throws -> BoxCore { try #require(box.core) }

  /// What has become possible by the passing of time is found at the next sweep.
  func sweep() async throws { try await core().scheduler.sweep() }
}

/// An answer of the API.
struct Answer: Sendable {
  var status: Int
  var headers: [HTTPClientHeader]
  var body: [UInt8]

  func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  var text: String { String(decoding: body, as: UTF8.self) }

  /// The body, which must be JSON.
  var json: JSON { (try? JSON(parsing: body, limits: .document(maxBytes: 1 << 24))) ?? .null }

  var code: String? { json["code"]?.string }
}

extension TestBox {
  /// Calls the API; `client` gives the token, nil sends none.
  func call(
    _ method: String, _ path: String, _ body: JSON? = nil, as client: String? = "app",
    headers: [(String, String)] = [], bytes: [UInt8]? = nil, at address: BoundAddress? = nil
  ) async throws -> Answer {
    var fields = headers.map { HTTPClientHeader($0.0, $0.1) }
    if let client { fields.append(HTTPClientHeader("Authorization", "Bearer \(Self.token(client))")) }
    var request = HTTPClientRequest(
      method: method, url: "http://127.0.0.1\(path)", headers: fields, body: bytes ?? body?.canonicalBytes() ?? [],
      deadline: .seconds(90), maxResponseBytes: 32 << 20)
    var policy = EgressPolicy.nowhere
    policy.permitsPlainHTTP = true
    switch address ?? api {
    case .tcp(let host, let port):
      request.url = "http://\(host):\(port)\(path)"
      policy = .only([(host: host, port: port)])
    case .unix(let socket):
      request.unixSocketPath = socket
      policy.unixSockets = [socket]
    }
    let response = try await self.client.send(request, policy: policy)
    let answer = Answer(status: response.status, headers: response.headers, body: response.body)
    try SchemaCheck.check(method, path, answer, box: box)
    return answer
  }

  func get(_ path: String, as client: String? = "app") async throws -> Answer {
    try await call("GET", path, as: client)
  }

  /// Proposes; the answer's JSON is the proposal.
  func propose(
    _ type: String, _ params: JSON = [:], as client: String = "app", more: JSONObject = [:],
    headers: [(String, String)] = []
  ) async throws -> Answer {
    var body = more
    body["action"] = ["type": .string(type), "params": params]
    return try await call("POST", "/v1/proposals", .object(body), as: client, headers: headers)
  }

  /// Proposes, which must be accepted.
  func open(
    _ type: String, _ params: JSON = [:], as client: String = "app", more: JSONObject = [:],
    headers: [(String, String)] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> Opened {
    let answer = try await propose(type, params, as: client, more: more, headers: headers)
    try #require([200, 202].contains(answer.status), "\(answer.text)", sourceLocation: sourceLocation)
    return try Opened(answer.json)
  }

  /// The claim of a person over a proposal, good for an hour.
  func claim(
    _ verdict: Verdict, _ opened: Opened, by name: String, nonce: String = "n", lasting seconds: Int64 = 3600
  ) throws -> JSON {
    try TestPerson(name).claim(verdict, opened.statement, exp: home.clock.now / 1000 + seconds, nonce: nonce)
  }

  @discardableResult
  func vote(_ verdict: Verdict, _ opened: Opened, by name: String, as client: String = "app") async throws -> Answer {
    let path =
      switch verdict {
      case .approve: "approvals"
      case .object: "objections"
      default: "withdrawal"
      }
    return try await call(
      "POST", "/v1/proposals/\(opened.id)/\(path)", try claim(verdict, opened, by: name), as: client)
  }

  func approve(_ opened: Opened, by names: String...) async throws {
    for name in names {
      let answer = try await vote(.approve, opened, by: name)
      try #require([200, 202].contains(answer.status), "\(answer.text)")
    }
  }

  func status(_ opened: Opened) async throws -> String? {
    try await get("/v1/proposals/\(opened.id)").json["status"]?["name"]?.string
  }

  /// Waits until the proposal has one of these statuses; the test fails when it takes too long.
  @discardableResult
  func wait(
    _ opened: Opened, for names: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> JSON {
    let deadline = ContinuousClock.now.advanced(by: .seconds(90))
    var seconds = 0
    while ContinuousClock.now < deadline {
      let json = try await get("/v1/proposals/\(opened.id)?wait=\(seconds)").json
      if let name = json["status"]?["name"]?.string, names.contains(name) { return json }
      seconds = 1
    }
    let last = try await status(opened)
    try #require(Bool(false), "still \(last ?? "nothing"), not \(names)", sourceLocation: sourceLocation)
    return .null
  }
}

/// A proposal as the API showed it.
struct Opened: Sendable {
  let id: String
  let statement: Statement
  let json: JSON

  init(_ json: JSON) throws {
    self.json = json
    id = json["proposal"]?.string ?? ""
    statement = try Statement(json: json["statement"] ?? .null)
  }

  var digest: SHA256Digest { statement.digest }
}
