import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// The office of examples/tools: a box whose owners have set up the community `acme`, what its tools talk to, and the
/// tools with the addresses of this test in them.
final class Office {
  static let examples = Vectors.packageRoot + "/examples/tools"

  let box: TestBox
  let token: String
  let directory: TemporaryDirectory
  private let peers: SpawnedProcess
  private let mailbox: SpawnedProcess
  private let addresses: [(example: String, here: String)]

  /// - Parameter settings: whether the owners have decided the settings of `acme` and its secret.
  init(settings isSet: Bool = true, options: [String] = []) throws {
    directory = try TemporaryDirectory()
    box = try TestBox(example: "tools", options: options)
    token = try box.token("read", "propose", "vote", "openings", "run")
    try Data().write(to: URL(fileURLWithPath: directory.file("asked")))
    peers = try SpawnedProcess(
      PythonPeer.interpreter, [Self.examples + "/peers.py", "0", directory.file("asked")])
    mailbox = try SpawnedProcess(
      PythonPeer.interpreter, [Self.examples + "/mailbox.py", "0", directory.file("mail")])
    let peersAt = try #require(peers.firstLine().split(separator: "/").last)
    let mailAt = try #require(mailbox.firstLine().split(separator: "/").last)
    addresses = [
      ("127.0.0.1:8499", box.bank.address), ("127.0.0.1:8480", String(peersAt)), ("127.0.0.1:8425", String(mailAt)),
    ]
    guard isSet else { return }
    let settings = try JSON(parsing: Array(example("settings.json").utf8), limits: .document(maxBytes: 65536))
    let params: JSON = ["community": "acme", "settings": settings]
    try decide(["propose", "community.set", "--params", params.canonicalString()])
    let secret = try directory.write(Array("a-token-of-the-bank".utf8), to: "bank-token")
    try decide([
      "secret", "put", "bank-token", "--community", "acme", "--host", "http://\(box.bank.address)", "--file", secret,
    ])
  }

  /// A file of the example, with the addresses of this test in it.
  func example(_ path: String) throws -> String {
    var text = try String(contentsOfFile: Self.examples + "/" + path, encoding: .utf8)
    for (example, here) in addresses { text = text.replacingOccurrences(of: example, with: here) }
    return text
  }

  /// A directory with the example tool.
  func tool(_ name: String) throws -> String {
    let path = directory.file(name)
    guard !FileManager.default.fileExists(atPath: path) else { return path }
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for file in try FileManager.default.contentsOfDirectory(atPath: Self.examples + "/" + name) {
      try Data(example("\(name)/\(file)").utf8).write(to: URL(fileURLWithPath: "\(path)/\(file)"))
    }
    return path
  }

  /// How often the peers were asked for what contains `text`.
  func asked(_ text: String) throws -> Int {
    try String(contentsOfFile: directory.file("asked"), encoding: .utf8).split(separator: "\n")
      .count { $0.contains(text) }
  }

  /// The mails that were delivered.
  func mails() throws -> [String] {
    let files = try FileManager.default.contentsOfDirectory(atPath: directory.file("mail")).sorted()
    return try files.map { try String(contentsOfFile: directory.file("mail/\($0)"), encoding: .utf8) }
  }

  // MARK: - Commands

  @discardableResult
  func safebox(
    _ arguments: [String], expecting status: Int32 = 0, _ location: SourceLocation = #_sourceLocation
  ) throws -> SpawnedProcess.Ending {
    try Safebox.run(
      arguments, expecting: status, environment: ["SAFEBOX_BOX": "http://\(box.address)", "SAFEBOX_TOKEN": token],
      location)
  }

  /// Proposes something, has two owners approve it, and waits until it is carried out.
  func decide(_ arguments: [String]) throws {
    let proposal = try #require(try safebox(arguments + ["--json"], expecting: 3).json["proposal"]?.string)
    try box.approve(proposal, by: "engineer")
    try box.approve(proposal, by: "auditor")
    try box.wait(for: "executed", of: proposal)
  }

  func register(_ name: String) throws { try decide(["tool", "register", try tool(name)]) }

  func receive(letter: String) throws {
    let text = try String(contentsOfFile: Self.examples + "/letters/\(letter).txt", encoding: .utf8)
    let params: JSON = [
      "community": "acme", "stream": "invoices", "name": .string("\(letter).txt"), "content": ["text": .string(text)],
    ]
    try safebox(["propose", "files.write", "--params", params.canonicalString(), "--wait", "60s"])
  }

  // MARK: - Runs

  /// Starts a run that will need people; its id.
  func start(_ tool: String) throws -> String {
    let ending = try safebox(
      ["run", "start", tool, "--community", "acme", "--input", "\(try self.tool(tool))/input.json", "--json"],
      expecting: 3)
    return try #require(try ending.json["run"]?.string)
  }

  /// Lets a tool that needs nobody come to its end; the run's id.
  func finished(_ tool: String) throws -> String {
    let ending = try safebox([
      "run", "start", tool, "--community", "acme", "--input", "\(try self.tool(tool))/input.json", "--wait", "60s",
      "--json",
    ])
    return try #require(try ending.json["run"]?.string)
  }

  func show(_ run: String) throws -> JSON { try safebox(["run", "show", run, "--json"]).json }

  /// Waits until a run has no worker and waits for a decision; the proposal's action digest.
  func parked(_ run: String, within seconds: Double = 150) throws -> String {
    let deadline = Deadline(seconds)
    while true {
      // Answers early when something about the run changes.
      let view = try box.ask("GET", "/v1/runs/\(run)?wait=1", token: token).json()
      if view["parked"] == true, let proposal = view["waiting"]?.array?.first?["proposal"]?.string { return proposal }
      guard !deadline.hasPassed, ["running", "waiting"].contains(view["status"]?.string) else {
        throw HTTPExchange.Failure(description: "the run does not wait: \(view.canonicalString())")
      }
    }
  }
}
