import Cryptography
import HTTPClient
import HTTPServer
import Storage
import TestSupport
import Testing
import TransparencyLog

@testable import Witness

@Suite(.timeLimit(.minutes(5))) struct WitnessServiceTests {
  private func configuration(_ directory: TemporaryDirectory, _ log: TestLog, prefix: String = "") throws
    -> WitnessConfiguration
  {
    WitnessConfiguration(
      name: "w.example/1", keyFile: directory.file("key.pem"), directory: directory.file("data"),
      endpoint: .tcp(address: "127.0.0.1", port: 0), prefix: prefix, logs: [try log.keys])
  }

  /// Runs a witness as a process would, talks to it over HTTP, and cancels it.
  private func serving<T: Sendable>(
    _ configuration: WitnessConfiguration, startsFresh: Bool = false,
    _ body: @Sendable (_ url: String, _ key: VerifierKey) async throws -> T
  ) async throws -> T {
    let (ready, announce) = AsyncStream.makeStream(of: WitnessService.Running.self)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { announce.finish() }
        try await WitnessService.run(configuration: configuration, startsFresh: startsFresh) { announce.yield($0) }
      }
      var iterator = ready.makeAsyncIterator()
      guard let running = await iterator.next(), case .tcp(_, let port) = running.address else {
        try await group.waitForAll()
        throw CancellationError()
      }
      let result = try await body("http://127.0.0.1:\(port)\(configuration.prefix)", running.verifierKey)
      group.cancelAll()
      try await group.waitForAll()
      return result
    }
  }

  @Test(arguments: ["", "/w/1"]) func overHTTP(prefix: String) async throws {
    let log = try TestLog()
    let directory = try TemporaryDirectory()
    let configuration = try configuration(directory, log, prefix: prefix)
    let http = HTTPClient()
    var keys: [VerifierKey] = []
    for (old, size): (UInt64, UInt64) in [(0, 40), (40, 64)] {
      // Twice: the second process finds key and records of the first.
      let key = try await serving(configuration) { url, key in
        let port = try #require(UInt16(url.dropFirst("http://127.0.0.1:".count).prefix { $0 != "/" }))
        let transport = WitnessTransport.http(http, egress: .only([(host: "127.0.0.1", port: port)]))
        let policy = try WitnessPolicy(
          parsing: Array("log \(log.signer.verifierKey)\nwitness w \(key) \(url)\nquorum w\n".utf8))
        let client = WitnessClient(policy: policy, transport: transport)
        let before = await client.survey(try log.signed(size), log: try log.keys)
        #expect(before.isQuorumReached && before.silent.isEmpty)
        if old > 0 {
          #expect(
            before.views == [WitnessView(name: "w", memory: .checkpoint(size: old, root: try log.root(size: old)))])
        }
        let result = await client.cosign(try log.signed(size), proofs: log.proofs)
        #expect(result.isQuorumMet, "\(result.outcomes)")
        let unknown = try await transport.send(.init(method: "GET", url: "\(url)/00/checkpoint", body: []))
        #expect(unknown.status == 404)
        let wrong = try await transport.send(.init(method: "GET", url: "\(url)/add-checkpoint", body: []))
        #expect(wrong.status == 405)
        let junk = try await transport.send(.init(method: "POST", url: "\(url)/add-checkpoint", body: [1, 2, 3]))
        #expect(junk.status == 400)
        let rollback = try await transport.send(
          .init(method: "POST", url: "\(url)/add-checkpoint", body: try log.request(from: 0, to: 1)))
        #expect(rollback.status == 409 && rollback.contentType == "text/x.tlog.size")
        #expect(rollback.body == Array("\(size)\n".utf8))
        return key
      }
      keys.append(key)
    }
    #expect(keys[0] == keys[1])
    http.shutDown()
  }

  @Test func lostRecordsAreNotReplacedBySilence() async throws {
    let log = try TestLog()
    let directory = try TemporaryDirectory()
    let configuration = try configuration(directory, log)
    _ = try WitnessService.open(configuration, startsFresh: false) { _ in }
    let database = directory.file("data/\(WitnessDatabase.fileName)")
    for suffix in ["", "-wal", "-shm"] { _ = unlinkIfPresent(database + suffix) }
    #expect(throws: WitnessService.Failure.self) { try WitnessService.open(configuration, startsFresh: false) { _ in } }
    // Said expressly, it may begin anew.
    _ = try WitnessService.open(configuration, startsFresh: true) { _ in }
  }

  @Test func lostKeysAreNotReplacedEither() async throws {
    let log = try TestLog()
    let directory = try TemporaryDirectory()
    let configuration = try configuration(directory, log)
    do {
      let witness = try WitnessService.open(configuration, startsFresh: false) { _ in }
      #expect(await witness.addCheckpoint(try log.request(from: 0, to: 1)).status == 200)
    }
    #expect(unlinkIfPresent(configuration.keyFile))
    #expect(throws: WitnessService.Failure.self) { try WitnessService.open(configuration, startsFresh: false) { _ in } }
  }

  /// A crash after the records were made and before the key was: nothing was cosigned, so the start is made again.
  @Test func aFirstStartThatCrashedIsRepeated() async throws {
    let log = try TestLog()
    let directory = try TemporaryDirectory()
    let configuration = try configuration(directory, log)
    do { _ = try WitnessDatabase(directory: configuration.directory, creating: true) }
    let witness = try WitnessService.open(configuration, startsFresh: false) { _ in }
    #expect(await witness.addCheckpoint(try log.request(from: 0, to: 1)).status == 200)
  }

  @Test func keysOfOthersEyesAreRefused() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("key.pem")
    let key = try WitnessKeyFile.create(path)
    #expect(try WitnessKeyFile.read(path).publicKey == key.publicKey)
    #expect(throws: SystemCallError.self) { try WitnessKeyFile.create(path) }
    setMode(path, 0o644)
    #expect(throws: SystemCallError.self) { try WitnessKeyFile.read(path) }
    #expect(throws: WitnessKeyFile.Failure.self) { try WitnessKeyFile.read(directory.file("none")) }
    let other = try directory.write(
      Array("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".utf8), to: "x")
    setMode(other, 0o600)
    #expect(throws: WitnessKeyFile.Failure.self) { try WitnessKeyFile.read(other) }
  }

  /// The key that OpenSSL makes is the key that we read.
  @Test(.enabled(if: Subprocess.find("openssl") != nil, "openssl not found"))
  func keysOfOpenSSLAreRead() throws {
    let directory = try TemporaryDirectory()
    let openssl = try #require(Subprocess.find("openssl"))
    let path = directory.file("key.pem")
    #expect(try Subprocess.run(openssl, ["genpkey", "-algorithm", "ed25519", "-out", path]).status == 0)
    setMode(path, 0o600)
    let spki = try Subprocess.run(openssl, ["pkey", "-in", path, "-pubout", "-outform", "DER"]).output
    #expect(try WitnessKeyFile.read(path).publicKey.bytes == Array(spki.suffix(32)))
    // And the other way round.
    let ours = directory.file("ours.pem")
    let key = try WitnessKeyFile.create(ours)
    #expect(
      try Subprocess.run(openssl, ["pkey", "-in", ours, "-pubout", "-outform", "DER"]).output.suffix(32)
        == key.publicKey.bytes[...])
  }
}
