import CanonicalJSON
import Cryptography
import Foundation
import Governance
import Storage
import TestSupport
import Testing
import TransparencyLog
import Witness

@testable import BoxService

/// A log that is wrong is shown and not continued, and everybody is told why.
@Suite struct ReadOnlyTests {
  private static func filled() async throws -> TestBox.Home {
    let home = try await TestBox.Home()
    let box = try await TestBox(home)
    _ = try await box.open("note.single", ["n": 1])
    _ = try await box.open("note.single", ["n": 2])
    await box.stop()
    return home
  }

  /// Holds that the box of `home` reads and does not write, and gives the reason back.
  private static func reason(_ home: TestBox.Home) async throws -> String {
    let box = try await TestBox(home)
    do {
      let reason = try await reason(box)
      await box.stop()
      return reason
    } catch {
      await box.stop()
      throw error
    }
  }

  private static func reason(_ box: TestBox) async throws -> String {
    let ready = try await box.call("GET", "/readyz", as: nil, at: box.admin)
    #expect(ready.status == 503)
    #expect(ready.code == "read_only")
    #expect(try await box.call("GET", "/healthz", as: nil, at: box.admin).status == 200)
    #expect(try await box.call("GET", "/metrics", as: nil, at: box.admin).text.contains("\nsafebox_ready 0\n"))
    let zero = String(repeating: "0", count: 64)
    for (method, path) in [
      ("POST", "/v1/proposals"), ("POST", "/v1/proposals/\(zero)/approvals"), ("GET", "/v1/proposals"),
      ("GET", "/v1/receipts/\(zero)"), ("GET", "/v1/policies"),
    ] {
      let answer = try await box.call(method, path, method == "POST" ? ["action": 1] : nil)
      #expect(answer.status == 503, "\(path)")
      #expect(answer.code == "read_only", "\(path)")
      #expect(answer.json["next_steps"]?.array?.isEmpty == false)
    }
    // Authentication comes first: a stranger is not told what is wrong with a write.
    #expect(try await box.call("POST", "/v1/proposals", [:], as: nil).status == 401)
    #expect(try await box.get("/log/checkpoint", as: nil).status == 200)
    #expect(try await box.get("/v1/entries/0").status == 200)
    #expect(try await box.get("/v1/claims", as: nil).status == 200)
    let status = try await box.get("/v1/status", as: nil).json
    let mode = try #require(status["mode"]?.string)
    #expect(mode.hasPrefix("read-only: "))
    return mode
  }

  private static func sqlite(_ home: TestBox.Home, _ statement: String) throws {
    let connection = try SQLiteConnection(path: "\(home.directory.logPath)/log.sqlite", access: .readWrite)
    try connection.execute(statement)
  }

  @Test func aChangedEntryMakesItReadOnly() async throws {
    let home = try await Self.filled()
    // One character of the last entry.
    try Self.sqlite(home, "DROP TRIGGER entries_fixed")
    try Self.sqlite(
      home,
      """
      UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), 'note.single', 'note.singlf') AS BLOB)
      WHERE idx = 1
      """)
    let reason = try await Self.reason(home)
    #expect(!reason.isEmpty)
  }

  @Test func anotherKeyMakesItReadOnly() async throws {
    let home = try await Self.filled()
    let file = home.directory.es256Path
    try FileManager.default.removeItem(atPath: file)
    try WholeFile.create(file, with: Array(P256.PrivateKey.generate().pkcs8PEM.utf8), mode: 0o600)
    let reason = try await Self.reason(home)
    #expect(!reason.isEmpty)
  }

  @Test func anAlarmOfAWitnessStopsARunningBox() async throws {
    try await TestBox.with { box in
      let opened = try await box.open("note.single")
      box.box.raiseAlarm("a witness remembers another log")
      let answer = try await box.vote(.approve, opened, by: "ana")
      #expect(answer.status == 503)
      #expect(answer.code == "read_only")
      #expect(answer.json["detail"]?.string?.contains("remembers another log") == true)
      #expect(try await box.propose("note.write").code == "read_only")
      #expect(try await box.call("GET", "/readyz", as: nil, at: box.admin).status == 503)
      #expect(try await box.get("/log/checkpoint", as: nil).status == 200)
      #expect(try box.note("note.single").orders.isEmpty)
    }
  }

  @Test func aLogThatAWitnessRemembersAsLargerIsNotContinued() async throws {
    let keys = TestBox.Home.freshKeys()
    let log = try CheckpointSigners(origin: TestConstitution.box, keys: keys).log
    let directory = try TemporaryDirectory()
    let (ready, announce) = AsyncStream.makeStream(of: WitnessService.Running.self)
    let witness = Task {
      try await WitnessService.run(
        configuration: WitnessConfiguration(
          name: "witness.example/1", keyFile: directory.file("key.pem"), directory: directory.file("data"),
          endpoint: .tcp(address: "127.0.0.1", port: 0), logs: [log])
      ) { announce.yield($0) }
    }
    var running = ready.makeAsyncIterator()
    let service = try #require(await running.next())
    let policy =
      log.keys.map { "log \($0)\n" }.joined() + "witness w \(service.verifierKey) http://\(service.address)\nquorum w\n"
    let home = try await TestBox.Home(
      configuration: BoxConfiguration(
        listen: .tcp(address: "127.0.0.1", port: 0), admin: .tcp(address: "127.0.0.1", port: 0), witnessPolicy: policy),
      witnessPolicy: policy, keys: keys)
    let files = FileManager.default
    let copy = home.temporary.file("copy")
    try files.copyItem(atPath: home.directory.logPath, toPath: copy)
    let box = try await TestBox(home)
    let opened = try await box.open("note.write")
    try await box.wait(opened, for: "executed")
    // The receipt carries the witness's line as soon as it has cosigned.
    let deadline = ContinuousClock.now.advanced(by: .seconds(90))
    var receipt = try await box.get("/v1/receipts/\(opened.id)")
    func isCosigned() -> Bool { receipt.json["checkpoint"]?.string?.contains("witness.example/1") ?? false }
    while !isCosigned(), ContinuousClock.now < deadline {
      receipt = try await box.get("/v1/receipts/\(opened.id)")
    }
    #expect(isCosigned())
    #expect(try ReceiptCheck.verdict(receipt, of: box) == .accepted)
    await box.stop()
    // Somebody restores yesterday's log.
    try files.removeItem(atPath: home.directory.logPath)
    try files.copyItem(atPath: copy, toPath: home.directory.logPath)
    let reason = try await Self.reason(home)
    #expect(reason.contains("witness"), "\(reason)")
    witness.cancel()
    try await witness.value
    // With the witness gone nobody can say that this is the newest log.
    let silent = try await Self.reason(home)
    #expect(silent.contains("too few witnesses"), "\(silent)")
  }

  @Test func aProjectionThatIsGoneIsMadeAnew() async throws {
    let home = try await Self.filled()
    let box = try await TestBox(home)
    let before = try await box.get("/v1/proposals").body
    await box.stop()
    try Self.sqlite(home, "DELETE FROM p_proposals_list")
    try Self.sqlite(home, "UPDATE projections SET version = 0")
    let again = try await TestBox(home)
    #expect(try await again.get("/v1/proposals").body == before)
    await again.stop()
    try Self.sqlite(home, "DROP TABLE p_proposals_list")
    let third = try await TestBox(home)
    #expect(try await third.get("/v1/proposals").body == before)
    await third.stop()
  }
}
