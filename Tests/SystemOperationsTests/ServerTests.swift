import CLinux
import CanonicalJSON
import Cryptography
import Glibc
import Governance
import HTTPServer
import OpenClaims
import TestSupport
import Testing

@testable import SystemOperations

/// The socket, in the hands of somebody who may do anything with it but sign for the owners.
@Suite struct ServerTests {
  /// A machine that listens.
  private struct Listening {
    let machine: Machine
    let server: SystemServer
    let client: SystemClient
    let socket: String

    init(
      _ machine: Machine, uids: Set<UInt32> = [geteuid()], runners: (any RunnerControl)? = nil,
      deadlines: HTTPServerConfiguration.Deadlines = SystemServer.deadlines
    ) throws {
      self.machine = machine
      socket = machine.directory.file("s")
      server = SystemServer(
        machine.desk, access: .init(socket: socket, mode: 0o600, uids: uids), runners: runners, version: "test",
        deadlines: deadlines)
      try server.start()
      client = SystemClient(socket: socket)
    }

    func stop() async { await server.shutDown(deadline: .seconds(5)) }

    func follow(_ log: BoxLog) async throws -> LogPosition {
      try await client.follow(size: log.size, checkpoint: log.checkpoint()) { range in
        Array(log.entries[Int(range.lowerBound)..<Int(range.upperBound)])
      }
    }
  }

  @Test func theDaemonFollowsAndHasThingsDone() async throws {
    var log = try BoxLog()
    let listening = try Listening(Machine(log))
    #expect(try await listening.client.position().size == 0)
    #expect(try await listening.follow(log).size == log.size)
    let id = try log.order("directory.create", ["name": "reports"])
    #expect(try await listening.follow(log).size == log.size)
    let seen = Seen()
    let result = try await listening.client.perform(id, action: ("directory.create", ["name": "reports"])) {
      seen.add($0)
    }
    #expect(
      result.result == .executed(["done": "directory.create", "snapshot": ["after": true, "before": "nothing"]]))
    #expect(seen.all == [["stage": "begun"]])
    #expect(try await listening.client.perform(id) == result)
    let status = try await listening.client.status()
    #expect(status["box"]?.string == log.origin)
    #expect(status["key"]?.string == listening.machine.key.text)
    #expect(status["position"]?["size"]?.integer == Int64(log.size))
    #expect(try await listening.client.operations() == OperationsPage.json)
    _ = try SystemReport(
      claim: result.report, key: ClaimKey(parsing: status["key"]?.string ?? ""), box: log.origin, proposal: id,
      result: result.result)
    await listening.stop()
  }

  @Test func aLongLogGoesInParts() async throws {
    var log = try BoxLog()
    let text = JSON.string(String(repeating: "a", count: 60_000))
    for _ in 0..<90 { _ = try log.open("mail.send", ["text": text]) }
    #expect(log.entries.reduce(0) { $0 + $1.count } > SystemClient.pushBytes)
    let listening = try Listening(Machine(log))
    #expect(try await listening.follow(log).size == log.size)
    await listening.stop()
  }

  @Test func whatAnotherLeftHalfPushedIsNoObstacle() async throws {
    var log = try BoxLog()
    for number in 0..<4 { _ = try log.open("directory.create", ["name": "d\(number)"]) }
    let listening = try Listening(Machine(log))
    var other = log
    _ = try other.open("directory.create", ["name": "never"])
    _ = try other.open("directory.create", ["name": "never-either"])
    // Six entries of another continuation wait, and the daemon comes with five of its own.
    let half = LogPush(from: 0, checkpoint: try other.checkpoint(), entries: Array(other.entries.prefix(6)))
    #expect(try await listening.machine.desk.follow(half).next == 6)
    #expect(try await listening.follow(log).size == log.size)
    await listening.stop()
  }

  @Test func aUserWhoIsNotOnTheListIsNotAnswered() async throws {
    var log = try BoxLog()
    let id = try log.order("directory.create", ["name": "reports"])
    let listening = try Listening(Machine(log), uids: [geteuid() + 1])
    _ = try await listening.machine.desk.follow(log.push())
    let client = listening.client
    #expect(await code { _ = try await client.position() } == "peer_refused")
    #expect(await code { _ = try await client.status() } == "peer_refused")
    #expect(await code { _ = try await client.perform(id) } == "peer_refused")
    #expect(await code { _ = try await listening.follow(log) } == "peer_refused")
    #expect(listening.machine.executor.calls.isEmpty)
    await listening.stop()
  }

  @Test func refusalsAreProblemsThatNameTheField() async throws {
    var log = try BoxLog()
    let id = try log.order("package.install", MandateTests.packages)
    let listening = try Listening(Machine(log))
    _ = try await listening.follow(log)
    let (status, body) = try await post(
      listening.socket, "/v1/operations",
      ["proposal": .string(id.hex), "attachments": ["manifest": .string(Base64.encode([1, 2]))]])
    #expect(status == 403)
    #expect(body["code"] == "mandate.field")
    #expect(body["field"] == "attachments.manifest")
    #expect(body["detail"]?.string?.contains(SHA256.hash([1, 2]).hex) == true)
    for (document, field) in [
      (["proposal": "x"], "proposal"), (["proposal": .string(id.hex), "force": true], "force"),
      (["proposal": .string(id.hex), "openings": ["a": 1]], "openings"),
      (["proposal": .string(id.hex), "attachments": ["manifest": "%"]], "attachments"),
    ] as [(JSON, String)] {
      let (status, body) = try await post(listening.socket, "/v1/operations", document)
      #expect(status == 400)
      #expect(body["field"]?.string == field)
    }
    let (conflict, where_) = try await post(
      listening.socket, "/v1/log", LogPush(from: 99, checkpoint: try log.checkpoint(100), entries: []).json)
    #expect(conflict == 409)
    #expect(where_["position"]?["next"]?.integer == Int64(log.size))
    #expect(listening.machine.executor.calls.isEmpty)
    await listening.stop()
  }

  @Test func aSecondOperationIsToldToComeBack() async throws {
    var log = try BoxLog()
    let ids = try ["a", "b"].map { try log.order("directory.create", ["name": .string($0)]) }
    let listening = try Listening(Machine(log))
    _ = try await listening.follow(log)
    let gate = Gate()
    listening.machine.executor.hold(gate)
    let client = listening.client
    let first = ids[0]
    let result = Task { try await client.perform(first) }
    await gate.entered()
    do {
      _ = try await client.perform(ids[1])
      Issue.record("two at once")
    } catch {
      guard case .refused(let status, let code, _, let retryAfter) = error else { throw error }
      #expect(status == 503)
      #expect(code == "busy")
      #expect(retryAfter == 5)
    }
    #expect(try await client.status()["present"]?["subject"]?.string == first.hex)
    await gate.open()
    #expect(try await result.value.result.outcome == .executed)
    await listening.stop()
  }

  @Test func aCallerThatGoesAwayStopsNothing() async throws {
    var log = try BoxLog()
    let id = try log.order("directory.create", ["name": "reports"])
    let listening = try Listening(Machine(log))
    _ = try await listening.follow(log)
    let gate = Gate()
    listening.machine.executor.hold(gate)
    let client = listening.client
    let caller = Task { try await client.perform(id) }
    await gate.entered()
    caller.cancel()
    _ = await caller.result
    await gate.open()
    // It is finished by itself; until then the place is taken.
    var result: ReportedResult?
    while result == nil {
      do {
        result = try await client.perform(id)
      } catch {
        guard case .refused(503, "busy", _, _) = error else { throw error }
        await Task.yield()
      }
    }
    #expect(result?.result.outcome == .executed)
    #expect(listening.machine.executor.performed == 1)
    await listening.stop()
  }

  @Test func whatIsTooLargeIsRefusedUnread() async throws {
    let log = try BoxLog()
    let listening = try Listening(Machine(log))
    for path in ["/v1/log", "/v1/operations"] {
      let head = "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \((8 << 20) + 1)\r\n\r\n"
      let answer = try await exchange(listening.socket, head)
      #expect(answer.hasPrefix("HTTP/1.1 413 "))
    }
    let chunked = try await exchange(
      listening.socket,
      "POST /v1/log HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + String(repeating: "100000\r\n" + String(repeating: " ", count: 1 << 20) + "\r\n", count: 9))
    #expect(chunked.hasPrefix("HTTP/1.1 413 "))
    #expect(
      try await exchange(listening.socket, "GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        .hasPrefix("HTTP/1.1 413 "))
    let header = "GET /v1/status HTTP/1.1\r\nHost: x\r\nA: \(String(repeating: "a", count: 9000))\r\n\r\n"
    #expect(try await exchange(listening.socket, header).hasPrefix("HTTP/1.1 431 "))
    await listening.stop()
  }

  @Test func halfARequestIsCutOffAndHoldsUpNobody() async throws {
    let log = try BoxLog()
    var deadlines = SystemServer.deadlines
    deadlines.header = .milliseconds(200)
    deadlines.body = .milliseconds(200)
    let listening = try Listening(Machine(log), deadlines: deadlines)
    let socket = listening.socket
    let head = Task { try await exchange(socket, "POST /v1/log HTT") }
    let body = Task {
      try await exchange(socket, "POST /v1/log HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    }
    #expect(try await listening.follow(log).size == log.size)
    #expect(try await head.value.hasPrefix("HTTP/1.1 408 "))
    #expect(try await body.value.hasPrefix("HTTP/1.1 408 "))
    await listening.stop()
  }

  @Test func runnersAreThoseThatOughtToRunByTheLog() async throws {
    var log = try BoxLog()
    let manifest = Array("{}".utf8)
    let model = SHA256.hash(manifest)
    let record = ModelRecord(
      manifest: model, name: "m", version: "1", bytes: 1, files: 1, licence: "MIT", runner: SHA256.hash([2]))
    let install = try log.order("model.install", record.params)
    try log.finish(install)
    let start = try log.order("runner.start", ["isolation": "runc", "model": .string(model.hex), "name": "chat"])
    try log.finish(start)
    let control = RecordingControl()
    let machine = try Machine(log, patience: .init(free: 1, first: 60_000, longest: 60_000, memory: 3_600_000))
    let listening = try Listening(machine, runners: control)
    let client = listening.client
    #expect(await code { _ = try await client.restart(runner: "chat") } == "no_runner")
    _ = try await listening.follow(log)
    #expect(try await client.runners()["runners"]?.array == [["name": "chat"]])
    #expect(try await client.restart(runner: "chat")["restarted"] == "chat")
    #expect(await code { _ = try await client.restart(runner: "other") } == "no_runner")
    #expect(await code { _ = try await client.restart(runner: "..%2Fchat") } == "not_found")
    #expect(try await client.log(ofRunner: "chat", tail: 3) == Array("log".utf8))
    #expect(await code { _ = try await client.log(ofRunner: "chat", tail: (1 << 20) + 1) } == "tail")
    // Restarting again and again is held back.
    #expect(try await client.restart(runner: "chat")["restarted"] == "chat")
    #expect(await code { _ = try await client.restart(runner: "chat") } == "churn")
    let without = try Listening(Machine(log))
    #expect(await code { _ = try await without.client.runners() } == "not_available")
    await without.stop()
    await listening.stop()
  }

  // MARK: raw

  private func post(_ socket: String, _ path: String, _ json: JSON) async throws -> (Int, JSON) {
    let body = json.canonicalString()
    let answer = try await exchange(
      socket,
      "POST \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    let status = Int(answer.dropFirst(9).prefix(3)) ?? 0
    let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1)
    let bytes = Array((parts.count > 1 ? parts[1] : "{}").utf8)
    return (status, try JSON(parsing: bytes, limits: .document(maxBytes: 1 << 20)))
  }

  /// Sends bytes and reads until the server closes.
  private func exchange(_ path: String, _ text: String) async throws -> String {
    try await OwnQueue("raw").run {
      let socket = linux_connect_unix(path)
      guard socket >= 0 else { throw SystemFault("connect", path, errno: -socket) }
      defer { close(socket) }
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        let sent = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        // The server may have answered and closed before everything was sent.
        guard sent > 0 else { break }
        rest = rest.dropFirst(sent)
      }
      var answer: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = read(socket, &buffer, buffer.count)
        guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
        answer += buffer[..<count]
        if answer.starts(with: Array("HTTP/1.1 4".utf8)), !text.contains("Connection: close") { break }
      }
      return String(decoding: answer, as: UTF8.self)
    }
  }
}

/// Runners that are only written down.
private struct RecordingControl: RunnerControl {
  func list() async -> [JSONObject] { [["name": "chat"]] }
  func log(_ name: String, tail bytes: Int) async throws -> [UInt8]? {
    name == "chat" ? Array("a log".utf8.suffix(bytes)) : nil
  }
  func restart(_ runner: ApprovedRunner, serving model: ApprovedModel) async throws -> JSONObject {
    ["restarted": .string(runner.record.name)]
  }
}
