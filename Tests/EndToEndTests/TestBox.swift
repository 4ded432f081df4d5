import CanonicalJSON
import Foundation
import Glibc
import TestSupport
import Testing

/// A box of its own for one test: an example, that of examples/payments unless another is named, with a bank of the test's,
/// made and driven through the command line alone.
final class TestBox {
  static let origin = "example.com/payments"
  static let people = ["engineer", "compliance", "auditor"]

  let directory: TemporaryDirectory
  let bank: Bank
  /// Host and port of the API and of health; of the newest start.
  private(set) var address = ""
  private(set) var admin = ""
  /// What `serve` printed when it was ready.
  private(set) var readyLine = ""
  private var process: SpawnedProcess?
  private var tokens: [String: String] = [:]

  var data: String { directory.file("data") }
  var publicKeys: String { data + "/public.json" }

  /// Makes keys and box.
  ///
  /// - Parameters:
  ///   - example: whose constitution it gets, a directory of `examples`.
  ///   - options: further ones of `init`.
  ///   - edit: changes the constitution of the example before the box is made.
  init(
    example: String = "payments", witnessPolicy: String? = nil, listen: String = "127.0.0.1:0", starts: Bool = true,
    options: [String] = [], edit: (inout JSONObject) throws -> Void = { _ in }
  ) throws {
    directory = try TemporaryDirectory()
    bank = try Bank()
    let example = try String(
      contentsOfFile: Vectors.packageRoot + "/examples/\(example)/constitution.json", encoding: .utf8)
    var constitution = try #require(
      try JSON(
        parsing: Array(example.replacingOccurrences(of: "127.0.0.1:8499", with: bank.address).utf8),
        limits: .document(maxBytes: 65536)
      ).object)
    try edit(&constitution)
    let file = try directory.write(JSON.object(constitution).canonicalBytes(), to: "constitution.json")
    for person in Self.people { try makeKey(person) }
    var arguments = ["init", "--data", data, "--origin", Self.origin, "--constitution", file]
    for person in Self.people { arguments += ["--signer", device(person) + "/\(person).signer.json"] }
    arguments += ["--listen", listen, "--admin", "127.0.0.1:0"]
    if let witnessPolicy {
      arguments += ["--witness-policy", try directory.write(Array(witnessPolicy.utf8), to: "witnesses")]
    }
    try Safebox.run(arguments + options)
    if starts { try start() }
  }

  func device(_ person: String) -> String { directory.file("device-\(person)") }
  func key(_ person: String) -> String { device(person) + "/\(person).key" }

  func makeKey(_ person: String) throws {
    try Safebox.run(["key", "new", "--signer", person, "--box", Self.origin, "--out", device(person)])
  }

  /// Changes box.json, also of a copy.
  func configure(in data: String? = nil, _ change: (inout JSONObject) throws -> Void) throws {
    let file = URL(fileURLWithPath: (data ?? self.data) + "/box.json")
    var configuration = try #require(
      try JSON(parsing: [UInt8](Data(contentsOf: file)), limits: .document(maxBytes: 65536)).object)
    try change(&configuration)
    try Data(JSON.object(configuration).canonicalBytes() + [10]).write(to: file)
  }

  // MARK: - The process

  func start() throws { try start(data: data) }

  /// Starts it with another data directory, such as an older copy of its own.
  func start(data: String) throws {
    let process = try SpawnedProcess(Safebox.path, ["serve", "--data", data])
    readyLine = try process.firstLine()
    let words = readyLine.split(separator: " ").map(String.init)
    if let index = words.lastIndex(of: "api") { address = words[index + 1] }
    if let index = words.lastIndex(of: "admin") { admin = words[index + 1] }
    self.process = process
  }

  /// Stops it as an operator does.
  @discardableResult
  func stop() throws -> SpawnedProcess.Ending {
    let process = try #require(process)
    process.signal(SIGTERM)
    let ending = try process.wait()
    self.process = nil
    return ending
  }

  /// Stops it as a power cut does.
  func kill() throws {
    let process = try #require(process)
    process.signal(SIGKILL)
    try #require(try process.wait().status == 128 + SIGKILL)
    self.process = nil
  }

  var running: SpawnedProcess { get throws { try #require(process) } }

  // MARK: - Clients

  /// The token of a client with these scopes; all of them for none.
  func token(_ scopes: String...) throws -> String {
    let scopes = scopes.isEmpty ? ["read", "propose", "vote", "openings"] : scopes
    return try token(client: scopes.joined(separator: "-"), scopes)
  }

  func token(client name: String, _ scopes: [String]) throws -> String {
    if let token = tokens[name] { return token }
    let added = try Safebox.run(
      ["client", "add", name, "--data", data, "--json"] + scopes.flatMap { ["--scope", $0] })
    let token = try #require(try added.json["token"]?.string)
    tokens[name] = token
    return token
  }

  /// Runs a command against the box with a token that may do everything.
  @discardableResult
  func safebox(
    _ arguments: String..., expecting status: Int32 = 0, token: String? = nil,
    _ location: SourceLocation = #_sourceLocation
  ) throws -> SpawnedProcess.Ending {
    try Safebox.run(
      arguments, expecting: status,
      environment: ["SAFEBOX_BOX": "http://\(address)", "SAFEBOX_TOKEN": try token ?? self.token()], location)
  }

  /// One request to the API with a token that may do everything.
  func ask(
    _ method: String, _ path: String, token: String? = nil, headers: [String: String] = [:], body: JSON? = nil
  ) throws -> HTTPExchange {
    try HTTPExchange(method, path, at: address, token: try token ?? self.token(), headers: headers, body: body)
  }

  // MARK: - Payments

  func payment(_ amount: Int64 = 100, idempotent: Bool = false) -> JSON {
    var params: JSONObject = [
      "method": "POST", "url": .string("http://\(bank.address)/payments"),
      "body": ["to": "DE02", "amount": .integer(amount), "currency": "EUR", "reference": "test"],
    ]
    if idempotent { params["idempotent"] = true }
    return .object(params)
  }

  /// Proposes a payment and returns its action digest.
  func propose(_ amount: Int64 = 100, idempotent: Bool = false) throws -> String {
    try propose("http.request", payment(amount, idempotent: idempotent))
  }

  /// Proposes an action that stays open.
  func propose(_ type: String, _ params: JSON) throws -> String {
    let ending = try safebox("propose", type, "--params", params.canonicalString(), "--json", expecting: 3)
    return try #require(try ending.json["proposal"]?.string)
  }

  @discardableResult
  func approve(
    _ id: String, by person: String, expecting status: Int32 = 0, _ location: SourceLocation = #_sourceLocation
  ) throws -> SpawnedProcess.Ending {
    try safebox("approve", id, "--key", key(person), "--yes", "--json", expecting: status, location)
  }

  func proposal(_ id: String) throws -> JSON { try ask("GET", "/v1/proposals/\(id)").json() }

  /// Waits until the proposal has this status.
  @discardableResult
  func wait(for status: String, of id: String, within seconds: Double = 150) throws -> JSON {
    let deadline = Deadline(seconds)
    var proposal = try proposal(id)
    while proposal.at("status", "name") != .string(status) {
      // It may be over, and not as the test has it: then nothing more will come.
      let isOver = ["denied", "expired", "failed", "withdrawn"].contains(proposal.at("status", "name").string)
      guard !deadline.hasPassed, !isOver else {
        throw HTTPExchange.Failure(description: "waited for \(status): \(proposal.canonicalString())")
      }
      // The box answers as soon as anything about the proposal changes.
      proposal = try ask("GET", "/v1/proposals/\(id)?wait=20").json()
    }
    return proposal
  }
}
