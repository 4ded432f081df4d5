import Cryptography
import Foundation
import TestSupport
import Testing
import TransparencyLog

@testable import Storage

@Suite struct StartupGateTests {
  private let scratch: TemporaryDirectory
  private let test: TestLog

  init() throws {
    scratch = try TemporaryDirectory()
    test = try TestLog(scratch.file("data"))
  }

  /// The verdict's reason, nil when the log may be continued.
  private func reason(_ trust: StartupGate.Trust? = nil, origin: String? = nil) throws -> ReadOnlyReason? {
    let store = try LogStore(path: test.directory, origin: origin ?? test.origin)
    switch try store.start(trust: trust ?? test.trust) {
    case .ready(let writer):
      writer.close()
      return nil
    case .readOnly(let reason):
      // Reading goes on whatever the reason.
      #expect(throws: Never.self) { try store.reader.size() }
      return reason
    }
  }

  /// What somebody with the disk in their hands can do.
  private func tamper(_ statements: String...) throws {
    let connection = try SQLiteConnection(path: test.directory + "/log.sqlite", access: .readWrite)
    for trigger in ["entries_keep", "entries_fixed", "checkpoints_keep", "checkpoints_fixed"] {
      try connection.execute("DROP TRIGGER IF EXISTS \(trigger)")
    }
    for statement in statements { try connection.execute(statement) }
  }

  private func remembers(_ size: UInt64, _ root: SHA256Digest? = nil) -> StartupGate.Trust {
    let memory = root.map { WitnessView.Memory.checkpoint(size: size, root: $0) } ?? .size(size)
    return StartupGate.Trust(log: test.keys, witnesses: [WitnessView(name: "w", memory: memory)])
  }

  @Test(arguments: [[], [1], [256], [255, 2], [700]])
  func anUntouchedLogIsContinued(batches: [Int]) async throws {
    try await test.fill(batches)
    #expect(try reason() == nil)
    try await test.fill([3], from: batches.reduce(0, +))
    #expect(try reason() == nil)
    #expect(try TreeRebuild.check(LogReader(path: test.directory)).faults == [])
  }

  @Test func anotherOriginIsRefused() async throws {
    try await test.fill([3])
    let other = "other.example/log"
    let keys = try LogKeys(
      origin: other, keys: [VerifierKey(name: other, ed25519: Ed25519.PrivateKey.generate().publicKey)])
    #expect(
      try reason(StartupGate.Trust(log: keys, witnesses: [])) == .originMismatch(expected: other, actual: test.origin))
  }

  @Test func everyKeyMustHaveSigned() async throws {
    try await test.fill([3])
    let stranger = try VerifierKey(name: test.origin, ed25519: Ed25519.PrivateKey.generate().publicKey)
    for keys in [[stranger], test.keys.keys + [stranger]] {
      let trust = StartupGate.Trust(log: try LogKeys(origin: test.origin, keys: keys), witnesses: [])
      guard case .unverified = try reason(trust) else {
        Issue.record("a checkpoint that a configured key did not sign was accepted")
        continue
      }
    }
  }

  @Test func anAlteredTailIsRefused() async throws {
    let receipts = try await test.fill([300])
    try tamper("UPDATE entries SET bytes = x'00' WHERE idx = 299")
    guard case .frontierMismatch(let stored, _) = try reason() else {
      Issue.record("an altered entry was accepted")
      return
    }
    #expect(stored == receipts[0].checkpoint?.checkpoint.root)
  }

  @Test func anAlteredTailWithAMatchingFrontierIsRefused() async throws {
    try await test.fill([300])
    try tamper("UPDATE entries SET bytes = x'00' WHERE idx = 299")
    // The forger also fixes what can be computed without the key.
    let store = try test.store()
    try store.rebuildTiles()
    guard case .readOnly(.rootMismatch) = try store.start(trust: test.trust) else {
      Issue.record("an altered entry with a recomputed frontier was accepted")
      return
    }
  }

  @Test func anAlteredOldEntryIsFoundByTheRebuild() async throws {
    try await test.fill([100, 600])
    try tamper("UPDATE entries SET bytes = x'00' WHERE idx = 7")
    // The gate replays the tail, not the whole log: the check of the whole log finds it.
    let faults = try TreeRebuild.check(LogReader(path: test.directory)).faults
    #expect(faults.contains(.tile(level: 0, number: 0)))
    #expect(faults.contains(.tile(level: 1, number: 0)))
    #expect(faults.contains(.frontier))
    #expect(faults.contains { if case .checkpoint(100, _, _) = $0 { true } else { false } })
    #expect(faults.contains { if case .checkpoint(700, _, _) = $0 { true } else { false } })
  }

  @Test func appendedUnsignedEntriesAreRefused() async throws {
    try await test.fill([3])
    try tamper("INSERT INTO entries VALUES (3, x'00')")
    #expect(try reason() == .tailMissing(expected: 3, actual: 4))
    try tamper("UPDATE head SET size = 4")
    guard case .frontierMismatch = try reason() else {
      Issue.record("a head whose frontier does not fit was accepted")
      return
    }
    // With all that can be computed without the key in place, the missing signature remains.
    let store = try test.store()
    try store.rebuildTiles()
    guard case .readOnly(let reason) = try store.start(trust: test.trust) else {
      Issue.record("an unsigned entry was accepted")
      return
    }
    #expect(reason == .checkpointSizeMismatch(log: 4, checkpoint: 3))
  }

  @Test func aMissingTailIsRefused() async throws {
    try await test.fill([3])
    try tamper("DELETE FROM entries WHERE idx = 2")
    guard case .damaged = try reason() else {
      Issue.record("a log without its last entry was accepted")
      return
    }
  }

  @Test func aMissingCheckpointIsRefused() async throws {
    try await test.fill([2, 3])
    try tamper("DELETE FROM checkpoints WHERE size = 5")
    #expect(try reason() == .checkpointSizeMismatch(log: 5, checkpoint: 2))
    try tamper("DELETE FROM checkpoints")
    #expect(try reason() == .unsigned(size: 5))
  }

  @Test func aBrokenTileIsRefusedAndRebuilt() async throws {
    try await test.fill([700])
    try tamper("UPDATE tiles SET hashes = zeroblob(64) WHERE key = (1 << 56)")
    guard case .frontierMismatch = try reason() else {
      Issue.record("a broken tile was accepted")
      return
    }
    let store = try test.store()
    try store.rebuildTiles()
    #expect(try TreeRebuild.check(store.reader).faults == [])
    guard case .ready(let writer) = try store.start(trust: test.trust) else {
      Issue.record("a rebuilt log was refused")
      return
    }
    writer.close()
  }

  @Test func aWitnessThatRemembersMoreMakesItReadOnly() async throws {
    let receipts = try await test.fill([4])
    let root = try #require(receipts[0].checkpoint).checkpoint.root
    #expect(try reason(remembers(4)) == nil)
    #expect(try reason(remembers(4, root)) == nil)
    #expect(try reason(remembers(5)) == .witnessAhead(name: "w", remembered: 5, local: 4))
    #expect(try reason(remembers(5, root)) == .witnessAhead(name: "w", remembered: 5, local: 4))
  }

  @Test func anEmptyDirectoryIsNotAFreshStartWhenAWitnessRemembers() throws {
    #expect(try reason(remembers(1)) == .witnessAhead(name: "w", remembered: 1, local: 0))
  }

  @Test func aWitnessThatRemembersOtherEntriesMakesItReadOnly() async throws {
    let receipts = try await test.fill([4, 4])
    let old = try #require(receipts[0].checkpoint).checkpoint.root
    #expect(try reason(remembers(4, old)) == nil)
    let other = SHA256.hash([1])
    #expect(
      try reason(remembers(4, other)) == .witnessDiverges(name: "w", size: 4, remembered: other, local: old))
  }

  /// The data directory is put back to an older copy while a witness lives.
  @Test func aRolledBackDirectoryIsReadOnly() async throws {
    try await test.fill([10])
    try FileManager.default.copyItem(atPath: test.directory, toPath: scratch.file("snapshot"))
    let later = try await test.fill([10], from: 10)
    let seen = try #require(later.last?.checkpoint).checkpoint
    #expect(try reason(remembers(seen.size, seen.root)) == nil)

    try FileManager.default.removeItem(atPath: test.directory)
    try FileManager.default.moveItem(atPath: scratch.file("snapshot"), toPath: test.directory)
    // Without witnesses an older copy is a perfectly good log: that is why there are witnesses.
    #expect(try reason() == nil)
    #expect(try reason(remembers(seen.size, seen.root)) == .witnessAhead(name: "w", remembered: 20, local: 10))
  }

  @Test func aNewerSchemaIsRefused() async throws {
    try await test.fill([1])
    try tamper("PRAGMA user_version = 2")
    #expect(throws: LogSchema.Failure.newer(found: 2, supported: 1)) { try test.store() }
    #expect(throws: LogSchema.Failure.newer(found: 2, supported: 1)) { try LogReader(path: test.directory) }
  }

  @Test func aForeignDatabaseIsRefused() throws {
    try FileManager.default.createDirectory(atPath: test.directory, withIntermediateDirectories: true)
    try SQLiteConnection(path: test.directory + "/log.sqlite", access: .create).execute("CREATE TABLE theirs(a)")
    #expect(throws: LogSchema.Failure.foreign(applicationID: 0)) { try test.store() }
  }

  @Test func aSecondStoreOnTheSameDirectoryIsRefused() throws {
    let first = try test.store()
    #expect(throws: ProcessLock.Failure.held(path: test.directory + "/lock", holder: getpid())) { try test.store() }
    withExtendedLifetime(first) {}
  }

  @Test func entriesAndCheckpointsCannotBeChangedByAccident() async throws {
    try await test.fill([2])
    let connection = try SQLiteConnection(path: test.directory + "/log.sqlite", access: .readWrite)
    for statement in [
      "UPDATE entries SET bytes = x'00'", "DELETE FROM entries", "UPDATE checkpoints SET note = x'00'",
      "DELETE FROM checkpoints",
    ] {
      #expect(throws: SQLiteError.self) { try connection.execute(statement) }
    }
  }
}
