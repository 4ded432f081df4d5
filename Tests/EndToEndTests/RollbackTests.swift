import CanonicalJSON
import Foundation
import Glibc
import TestSupport
import Testing

/// A witness on another machine remembers how long the log was.
@Suite struct RollbackTests {
  /// `safebox witness serve` of one log.
  private final class Witness {
    static let name = "witness.example/1"
    private let directory: TemporaryDirectory
    private var process: SpawnedProcess?
    private(set) var key = ""
    private(set) var address: String

    init() throws {
      // The box's policy names it, so the later starts must find it free.
      address = "127.0.0.1:\(try ReservedPort.unassigned())"
      directory = try TemporaryDirectory()
      // The first start makes the key, which the box's policy names.
      try start(logs: [], options: ["--fresh"])
      try stop()
    }

    func start(logs: JSON, options: [String] = []) throws {
      let port = try #require(Int64(address.split(separator: ":").last ?? ""))
      let configuration: JSON = [
        "name": .string(Self.name), "key": .string(directory.file("key.pem")), "data": .string(directory.file("data")),
        "listen": ["address": "127.0.0.1", "port": .integer(port)], "logs": logs,
      ]
      let file = try directory.write(configuration.canonicalBytes(), to: "witness.json")
      let process = try SpawnedProcess(Safebox.path, ["witness", "serve", "--config", file] + options)
      let words = try process.firstLine().split(separator: " ").map(String.init)
      try #require(words.count == 4, "\(words)")
      (key, address) = (words[1], words[3])
      self.process = process
    }

    func stop() throws {
      process?.signal(SIGTERM)
      #expect(try process?.wait().status == 0)
      process = nil
    }

    var policy: String { "witness w1 \(key) http://\(address)\nquorum w1\n" }
  }

  private func box(_ witness: Witness) throws -> TestBox {
    let box = try TestBox(witnessPolicy: witness.policy, starts: false)
    let keys = try JSON(parsing: box.directory.read("data/public.json"), limits: .document(maxBytes: 65536))
    try witness.start(logs: [["origin": .string(TestBox.origin), "keys": [keys.at("ed25519")]]])
    try box.start()
    return box
  }

  /// Waits until the witness has cosigned a log that holds the execution; its receipt then says so.
  private func witnessed(_ box: TestBox, _ id: String) throws -> String {
    let deadline = Deadline(150)
    while true {
      let receipt = try box.ask("GET", "/v1/receipts/\(id)").text
      // Its line in the note; the name alone also stands in the policy of entry 0.
      if receipt.contains("\u{2014} \(Witness.name) ") { return receipt }
      try #require(!deadline.hasPassed, "no cosigned receipt")
    }
  }

  private func pay(_ box: TestBox) throws -> String {
    let id = try box.propose()
    try box.approve(id, by: "engineer")
    try box.approve(id, by: "auditor")
    try box.wait(for: "executed", of: id)
    return id
  }

  @Test func anOlderCopyOfTheLogIsNotServed() async throws {
    try await story {
      let witness = try Witness()
      let box = try box(witness)
      let first = try pay(box)
      _ = try witnessed(box, first)
      try box.stop()
      let backup = box.directory.file("backup")
      try FileManager.default.copyItem(atPath: box.data, toPath: backup)

      try box.start()
      #expect(box.readyLine.contains(" ready; "), "\(box.readyLine)")
      let second = try pay(box)
      let receipt = try box.directory.write(Array(witnessed(box, second).utf8), to: "receipt.json")
      let report = try Safebox.run(["receipt", "verify", receipt, "--box-key", box.publicKeys, "--json"]).json
      #expect(report["steps"]?.array?.contains { $0["id"] == "witnesses" && $0["state"] == "passed" } == true)
      let claims = try HTTPExchange("GET", "/v1/claims", at: box.address).json()["claims"]?.array ?? []
      #expect(claims.contains { $0["title"]?.string?.contains("same log") == true && $0["state"] == "proved" })
      try box.stop()

      // The backup comes back over what has happened since.
      try FileManager.default.removeItem(atPath: box.data)
      try FileManager.default.copyItem(atPath: backup, toPath: box.data)
      try box.start()
      #expect(box.readyLine.contains("read-only"), "\(box.readyLine)")
      let ready = try HTTPExchange("GET", "/readyz", at: box.admin)
      #expect(ready.status == 503)
      #expect(try ready.json()["detail"]?.string?.contains("w1") == true, "\(ready.text)")
      #expect(try box.ask("POST", "/v1/proposals", body: [:]).status == 503)
      #expect(box.bank.asked == [first, second])
      try witness.stop()
    }
  }

  @Test func withoutWitnessesThatAnswerNothingIsAccepted() async throws {
    try await story {
      let witness = try Witness()
      let box = try box(witness)
      let id = try pay(box)
      _ = try witnessed(box, id)
      try box.stop()
      try witness.stop()
      try box.start()
      #expect(box.readyLine.contains("read-only"), "\(box.readyLine)")
      #expect(try HTTPExchange("GET", "/readyz", at: box.admin).status == 503)
    }
  }
}
