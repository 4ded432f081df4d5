import CanonicalJSON
import Cryptography
import Foundation
import HTTPClient
import ObjectStorage
import TestSupport
import Testing

@testable import AuditExport

@Suite(.timeLimit(.minutes(5)))
struct FileSinkTests {
  @Test func linesArriveAndFilesArePutAside() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("audit.jsonl")
    let sink = FileSink(.init(path: path, rotateBytes: 1500, keep: 2))
    for first in stride(from: UInt64(0), to: 50, by: 5) { try await sink.deliver(TestEntries.batch(first..<first + 5)) }
    await sink.close()
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    // The two newest of those put aside, and the one that grows: together the end of the log without a gap.
    #expect(names.count == 3 && names[0] == "audit.jsonl", "\(names)")
    let indexes = try (names.dropFirst() + names.prefix(1)).flatMap { try Self.indexes(directory.read($0)) }
    let first = try #require(indexes.first)
    let growing = try #require(Self.indexes(directory.read(names[0])).first)
    #expect(indexes == Array(first...49) && names[2].hasSuffix(String(growing)))
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func aNameThatIsTakenIsNotWrittenOver() async throws {
    let directory = try TemporaryDirectory()
    let taken = String(repeating: "0", count: 19) + "2"
    try directory.write(Array("precious".utf8), to: "audit.\(taken)")
    let sink = FileSink(.init(path: directory.file("audit"), rotateBytes: 1))
    try await sink.deliver(TestEntries.batch(0..<2))
    try await sink.deliver(TestEntries.batch(2..<3))
    #expect(try directory.read("audit.\(taken)") == Array("precious".utf8))
    #expect(try Self.indexes(directory.read("audit.\(taken)-1")) == [0, 1])
    #expect(try Self.indexes(directory.read("audit")) == [2])
  }

  @Test func aTornLineIsCutOff() async throws {
    let directory = try TemporaryDirectory()
    let whole = try JSONLines.line(TestEntries.event(0))
    // Longer than what is looked through at a time.
    try directory.write(whole + [UInt8](repeating: 0x7B, count: 200_000), to: "audit")
    try await FileSink(.init(path: directory.file("audit"))).deliver(TestEntries.batch(1..<2))
    #expect(try Self.indexes(directory.read("audit")) == [0, 1])
    try directory.write([UInt8](repeating: 0x7B, count: 200_000), to: "torn")
    try await FileSink(.init(path: directory.file("torn"))).deliver(TestEntries.batch(0..<1))
    #expect(try Self.indexes(directory.read("torn")) == [0])
  }

  @Test func aFileThatWasTakenAwayIsMadeAgain() async throws {
    let directory = try TemporaryDirectory()
    let sink = FileSink(.init(path: directory.file("audit")))
    try await sink.deliver(TestEntries.batch(0..<1))
    try FileManager.default.moveItem(atPath: directory.file("audit"), toPath: directory.file("audit.1"))
    try await sink.deliver(TestEntries.batch(1..<2))
    #expect(try Self.indexes(directory.read("audit")) == [1] && Self.indexes(directory.read("audit.1")) == [0])
  }

  @Test func onlyARegularFileIsWritten() async throws {
    let directory = try TemporaryDirectory()
    try directory.write([], to: "victim")
    try FileManager.default.createSymbolicLink(
      atPath: directory.file("link"), withDestinationPath: directory.file("victim"))
    #expect(mkfifo(directory.file("pipe"), 0o600) == 0)
    for name in ["link", "pipe", "absent/audit", "/dev/full"] {
      let path = name.hasPrefix("/") ? name : directory.file(name)
      let fault = await failure { try await FileSink(.init(path: path)).deliver(TestEntries.batch(0..<1)) }
      guard case .file? = fault else {
        Issue.record("\(name): \(String(describing: fault))")
        continue
      }
    }
    #expect(try directory.read("victim").isEmpty)
  }

  /// On a file system of 256 KiB: what did not fit leaves nothing behind, and goes when there is room.
  @Test(.enabled(if: SmallDisk.canMount, SmallDisk.absence)) func aFullDiskLosesNothing() async throws {
    let disk = try SmallDisk()
    let path = disk.path + "/audit"
    try await FileSink(.init(path: path)).deliver(TestEntries.batch(0..<2))
    try Data(count: 200_000).write(to: URL(fileURLWithPath: disk.path + "/filler"))
    let log = try MemoryLog(300)
    let directory = try TemporaryDirectory()
    let alarms = AlarmList()
    let pump = PumpTests.pump(
      log,
      [
        .init(
          name: "a", sink: FileSink(.init(path: path)), batch: .init(entries: 100),
          alarm: .init(entries: 10, milliseconds: .max))
      ], directory, alarms: alarms)
    try await pump.start()
    await PumpTests.wait { await pump.status()[0].faults > 2 && alarms.all.count == 1 }
    let status = await pump.status()[0]
    #expect(status.fault.map { "\($0)".hasSuffix("No space left on device") } == true, "\(status)")
    // Whole batches, up to the one that the receiver has.
    let written = try Self.indexes([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
    #expect(written == [0, 1] + Array(0..<Int64(status.acknowledged)))
    // Room again, for all of it.
    try FileManager.default.removeItem(atPath: disk.path + "/filler")
    await PumpTests.wait { await pump.status()[0].acknowledged == 300 }
    await pump.stop()
    #expect(try Self.indexes([UInt8](Data(contentsOf: URL(fileURLWithPath: path)))) == [0, 1] + Array(0..<300))
  }

  static func indexes(_ bytes: [UInt8]) throws -> [Int64] {
    try bytes.split(separator: 0x0A).map { line in
      let json = try JSON(parsing: Array(line), limits: .document(maxBytes: 1 << 20))
      return try #require(json["index"]?.integer ?? json["first"]?.integer)
    }
  }
}

@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct HTTPSinkTests {
  @Test func batchesArePostedWithTheirDigest() async throws {
    let peer = try PythonPeer("http_peer", ["answers": [["status": 202], ["status": 500, "body": "{authorization}"]]])
    let sink = try Self.sink(peer, token: "canary-token")
    try await sink.deliver(TestEntries.batch(3..<6))
    let request = try await peer.next()
    let body = try #require(request["body"]?.string.flatMap { Base64.decode($0) })
    #expect(request["method"] == "POST" && request["path"] == "/in?a=b")
    #expect(try body == TestEntries.batch(3..<6).events.flatMap(JSONLines.line))
    let headers = try #require(request["headers"])
    #expect(headers["content-type"] == "application/jsonl" && headers["safebox-entries"] == "3-5")
    #expect(headers["content-digest"]?.string == "sha-256=:\(Base64.encode(SHA256.hash(body).bytes)):")
    #expect(headers["authorization"] == "Bearer canary-token")

    let fault = await failure { try await sink.deliver(TestEntries.batch(6..<7)) }
    #expect(fault == .refused("status 500 from 127.0.0.1:\(peer.ready["port"]?.integer ?? 0)"))
    #expect(!"\(String(describing: fault))".contains("canary") && !sink.destination.contains("canary"))
    var shown = ""
    dump(sink, to: &shown)
    #expect(!shown.contains("canary"))
  }

  @Test func aCollectorThatHangsTimesOut() async throws {
    let peer = try PythonPeer("http_peer", ["answers": [["hang": true]]])
    let sink = try Self.sink(peer, deadline: .milliseconds(300))
    await #expect(throws: ExportFault.timedOut("posting to 127.0.0.1:\(peer.ready["port"]?.integer ?? 0)")) {
      try await sink.deliver(TestEntries.batch(0..<1))
    }
  }

  /// A redirect is no acknowledgement, and nothing goes where it leads.
  @Test func aRedirectIsARefusal() async throws {
    let peer = try PythonPeer("http_peer", ["answers": [["status": 307, "headers": ["Location": "/elsewhere"]]]])
    let sink = try Self.sink(peer)
    guard case .refused? = await failure({ try await sink.deliver(TestEntries.batch(0..<1)) }) else {
      Issue.record("taken for an acknowledgement")
      return
    }
    #expect(try await peer.next()["path"] == "/in?a=b" && peer.pending == 0)
  }

  static func sink(_ peer: PythonPeer, token: String? = nil, deadline: Duration = .seconds(60)) throws -> HTTPSink {
    let port = UInt16(peer.ready["port"]?.integer ?? 0)
    return HTTPSink(
      url: try HTTPURL("http://127.0.0.1:\(port)/in?a=b"), format: .jsonLines,
      token: token.map { SecretBytes(copying: Array($0.utf8)) }, client: HTTPClient(),
      policy: .only([("127.0.0.1", port)]), deadline: deadline)
  }
}

@Suite(.enabled(if: PythonPeer.isReady, PythonPeer.absence), .timeLimit(.minutes(5)))
struct ObjectStoreSinkTests {
  @Test func objectsAreLockedAndCarryTheirCheckpoint() async throws {
    let peer = try PythonPeer("object_store_peer", ["locked": "audit-locked", "plain": "audit-plain"])
    let store = try Self.store(peer, "audit-locked")
    let sink = ObjectStoreSink(store: store, prefix: "box/", retainDays: 30, clock: TestEntries.now)
    try await sink.deliver(TestEntries.batch(0..<3))
    let key = "box/\(String(repeating: "0", count: 20))-\(String(repeating: "0", count: 19))2.jsonl"
    let facts = try await store.head(key)
    let content = try await store.get(key)
    #expect(facts.lockMode == "COMPLIANCE" && facts.sha256 == SHA256.hash(content).hex && facts.retainUntil != nil)
    let lines = content.split(separator: 0x0A).map(Array.init)
    let heading = try JSON(parsing: lines[0], limits: .document(maxBytes: 1 << 16))
    #expect(heading["checkpoint"] == "note" && heading["first"] == 0 && heading["last"] == 2)
    #expect(try lines.dropFirst().map { $0 + [0x0A] } == TestEntries.batch(0..<3).events.map(JSONLines.line))

    // The answer got lost: the same batch again is acknowledged, and is no second version.
    let version = facts.version
    try await sink.deliver(TestEntries.batch(0..<3))
    #expect(try await store.head(key).version == version)
    // Somebody else's object under that name is not taken for ours.
    let other = try #require(ExportBatch(events: TestEntries.batch(0..<3).events, checkpoint: Array("other".utf8)))
    guard case .refused? = await failure({ try await sink.deliver(other) }) else {
      Issue.record("other bytes were taken for an acknowledgement")
      return
    }
  }

  @Test func aBucketWithoutLockAndAWrongSecretAreFaults() async throws {
    let peer = try PythonPeer("object_store_peer", ["locked": "audit-locked", "plain": "audit-plain"])
    for store in try [Self.store(peer, "audit-plain"), Self.store(peer, "audit-locked", secret: "canary")] {
      let sink = ObjectStoreSink(store: store, prefix: "", retainDays: 1, clock: TestEntries.now)
      let fault = await failure { try await sink.deliver(TestEntries.batch(0..<1)) }
      guard case .refused(let reason)? = fault, !reason.contains("canary") else {
        Issue.record("\(String(describing: fault))")
        continue
      }
    }
    #expect(try await Self.store(peer, "audit-plain").list().items.isEmpty)
  }

  static func store(_ peer: PythonPeer, _ bucket: String, secret: String? = nil) throws -> ObjectStore {
    let port = UInt16(peer.ready["port"]?.integer ?? 0)
    let secret = secret ?? peer.ready["secretKey"]?.string ?? ""
    return ObjectStore(
      bucket: try S3Bucket(name: bucket, endpoint: "http://127.0.0.1:\(port)"),
      credentials: try S3Credentials(
        accessKey: peer.ready["accessKey"]?.string ?? "", secretKey: SecretBytes(copying: Array(secret.utf8))),
      client: HTTPClient(), policy: .only([("127.0.0.1", port)]), clock: TestEntries.now)
  }
}

/// A file system of 256 KiB in memory, taken down with the last reference.
final class SmallDisk: Sendable {
  static let canMount = geteuid() == 0 && (try? SmallDisk()) != nil
  static let absence: Comment = "needs the right to mount a tmpfs"

  private let directory: TemporaryDirectory
  var path: String { directory.path }

  init() throws {
    directory = try TemporaryDirectory()
    let run = try Subprocess.run(
      "/bin/mount", ["-t", "tmpfs", "-o", "size=256k,mode=700", "safebox-test", directory.path])
    try #require(run.status == 0, "\(run.errors)")
  }

  deinit { _ = try? Subprocess.run("/bin/umount", [path]) }
}
