import Cryptography
import Foundation
import Storage
import Synchronization
import TestSupport
import Testing
import TransparencyLog

@testable import Witness

@Suite struct CheckpointWitnessTests {
  struct Conversation: Decodable {
    struct Request: Decodable {
      let name: String
      let body: String
      let wantStatus: Int
      let wantBodyContains: String
    }
    let origin: String
    let logEd25519PublicKeyHex: String
    let requests: [Request]
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func conversationOfSunlight() async throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let conversation = try decoder.decode(
      Conversation.self, from: Data(Vectors.bytes("tlog/witness_add_checkpoint.json")))
    let key = try Ed25519.PublicKey(#require(Hex.decode(conversation.logEd25519PublicKeyHex)))
    let log = try LogKeys(
      origin: conversation.origin, keys: [VerifierKey(name: conversation.origin, ed25519: key)])
    let directory = try TemporaryDirectory()
    let witness = try makeWitness(
      [log], records: WitnessDatabase(directory: directory.file("data"), creating: true), name: "example.com/witness")
    for wanted in conversation.requests {
      let response = await witness.addCheckpoint(Array(wanted.body.utf8))
      #expect(response.status == wanted.wantStatus, "\(wanted.name)")
      #expect(String(decoding: response.body, as: UTF8.self).contains(wanted.wantBodyContains), "\(wanted.name)")
    }
  }

  @Test func cosignsGrowthAndShowsIt() async throws {
    let log = try TestLog()
    let witness = try makeWitness([log.keys], records: FaultyRecords(.init()))
    let hash = SHA256.hash(Array(log.origin.utf8)).hex
    #expect(await witness.checkpoint(originHash: hash) == nil)
    var known: UInt64 = 0
    for size: UInt64 in [0, 1, 1, 40, 64] {
      let response = await witness.addCheckpoint(try log.request(from: known, to: size))
      guard case .cosigned(let lines) = response else {
        Issue.record("\(response)")
        return
      }
      let shown = try SignedCheckpoint(parsing: #require(await witness.checkpoint(originHash: hash)))
      let verified = try shown.verified(log: log.keys, requiring: .everyKey, witnesses: [witness.verifierKey])
      #expect(verified.checkpoint.size == size)
      #expect(verified.cosignatures.map(\.timestamp) == [testTime])
      #expect(shown.note.signatures.suffix(1) == lines)
      known = size
    }
    #expect(await witness.checkpoint(originHash: hash.uppercased()) == nil)
    #expect(await witness.checkpoint(originHash: SHA256.hash([UInt8]()).hex) == nil)
  }

  /// Lines of strangers under a good checkpoint are neither kept nor shown: they could say anything.
  @Test func linesOfStrangersAreNotKept() async throws {
    let log = try TestLog()
    let witness = try makeWitness([log.keys], records: FaultyRecords(.init()))
    var note = try log.signed(8).note
    try note.add(#require(NoteSignature(name: "stranger.example", keyID: 1, signature: [1, 2, 3])))
    let request = AddCheckpointRequest(oldSize: 0, hashes: [], checkpoint: try SignedCheckpoint(note: note))
    #expect(await witness.addCheckpoint(request.bytes).status == 200)
    let shown = try #require(await witness.checkpoint(originHash: SHA256.hash(Array(log.origin.utf8)).hex))
    #expect(try SignedNote(parsing: shown).signatures.map(\.name) == [log.origin, "w.example/1"])
  }

  @Test func refusals() async throws {
    let key = Ed25519.PrivateKey.generate()
    let log = try TestLog(key: key)
    let fork = try TestLog(key: key, salt: 1)
    let stranger = try TestLog()
    let unknown = try TestLog(origin: "log.example/2")
    let witness = try makeWitness([log.keys], records: FaultyRecords(.init()))
    #expect(await witness.addCheckpoint(try log.request(from: 0, to: 40)).status == 200)
    let cases: [(String, [UInt8], Int)] = [
      ("empty", [], 400), ("no note", Array("old 0\n\n".utf8), 400),
      ("unknown log", try unknown.request(from: 0, to: 1), 404),
      ("stranger's key", try stranger.request(from: 40, to: 64), 403),
      ("rollback from zero", try log.request(from: 0, to: 39), 409),
      ("rollback to an older size", try log.request(from: 39, to: 39), 409),
      ("rollback from the known size", try log.request(from: 40, to: 39), 400),
      ("fork at the same size", try fork.request(from: 40, to: 40), 422),
      ("fork beyond it", try fork.request(from: 40, to: 64), 422),
      ("growth from a guessed size", try log.request(from: 50, to: 64), 409),
    ]
    for (name, body, status) in cases {
      let response = await witness.addCheckpoint(body)
      #expect(response.status == status, "\(name)")
      if status == 409 {
        #expect(response.contentType == "text/x.tlog.size" && response.body == Array("40\n".utf8), "\(name)")
      }
    }
    #expect(await witness.addCheckpoint(try log.request(from: 40, to: 64)).status == 200)
  }

  /// The race that the specification spells out: of all requests from one size, one wins; the record never goes back.
  @Test func racesAreDecidedOnce() async throws {
    let log = try TestLog(count: 200)
    let directory = try TemporaryDirectory()
    let witness = try makeWitness(
      [log.keys], records: WitnessDatabase(directory: directory.file("data"), creating: true))
    #expect(await witness.addCheckpoint(try log.request(from: 0, to: 1)).status == 200)
    var known: UInt64 = 1
    while known < 190 {
      let targets = (1...8).map { known + $0 }
      let start = known
      let statuses = try await withThrowingTaskGroup(of: (UInt64, Int).self) { group in
        for target in targets {
          let body = try log.request(from: start, to: target)
          group.addTask { (target, await witness.addCheckpoint(body).status) }
        }
        return try await group.reduce(into: [UInt64: Int]()) { $0[$1.0] = $1.1 }
      }
      let winners = statuses.filter { $0.value == 200 }.map(\.key)
      #expect(winners.count == 1)
      #expect(statuses.values.allSatisfy { $0 == 200 || $0 == 409 })
      known = try #require(winners.first)
      let shown = try #require(await witness.checkpoint(originHash: SHA256.hash(Array(log.origin.utf8)).hex))
      #expect(try SignedCheckpoint(parsing: shown).checkpoint.size == known)
    }
  }

  @Test func remembersAfterARestart() async throws {
    let log = try TestLog()
    let directory = try TemporaryDirectory()
    let path = directory.file("data")
    let key = Ed25519.PrivateKey.generate()
    do {
      let witness = try makeWitness([log.keys], records: WitnessDatabase(directory: path, creating: true), key: key)
      #expect(await witness.addCheckpoint(try log.request(from: 0, to: 40)).status == 200)
    }
    let witness = try makeWitness([log.keys], records: WitnessDatabase(directory: path, creating: false), key: key)
    #expect(await witness.addCheckpoint(try log.request(from: 0, to: 30)) == .conflict(size: 40))
    #expect(await witness.addCheckpoint(try log.request(from: 40, to: 64)).status == 200)
  }

  /// The files as they lie at the instant of the answer are what a crash leaves: the answer must be in them.
  @Test func whatWasAnsweredSurvivesACrash() async throws {
    let log = try TestLog()
    let directory = try TemporaryDirectory()
    let path = directory.file("data")
    let witness = try makeWitness([log.keys], records: WitnessDatabase(directory: path, creating: true))
    var known: UInt64 = 0
    for size: UInt64 in [3, 40, 64] {
      #expect(await witness.addCheckpoint(try log.request(from: known, to: size)).status == 200)
      known = size
      let crashed = directory.file("crash-\(size)")
      try FileManager.default.copyItem(atPath: path, toPath: crashed)
      let revived = try makeWitness([log.keys], records: WitnessDatabase(directory: crashed, creating: false))
      #expect(await revived.addCheckpoint(try log.request(from: 0, to: 1)) == .conflict(size: size))
    }
    #expect(await witness.addCheckpoint(try log.request(from: 0, to: 1)) == .conflict(size: 64))
  }

  /// A commit that fails stops the witness whether or not it took effect; what was not durable was not revealed.
  @Test(arguments: [FaultyRecords.Fault.beforeWriting, .afterWriting])
  func stopsWhenRecordsFail(fault: FaultyRecords.Fault) async throws {
    let log = try TestLog()
    let disk = FaultyRecords.Disk()
    let key = Ed25519.PrivateKey.generate()
    let failures = Mutex(0)
    let witness = try makeWitness([log.keys], records: FaultyRecords(disk), key: key) { _ in
      failures.withLock { $0 += 1 }
    }
    #expect(await witness.addCheckpoint(try log.request(from: 0, to: 8)).status == 200)
    disk.fault.withLock { $0 = fault }
    let failed = await witness.addCheckpoint(try log.request(from: 8, to: 40))
    #expect(failed.status == 500 && !String(decoding: failed.body, as: UTF8.self).contains("\u{2014}"))
    // The disk is well again; a witness that does not know what it holds still refuses everything.
    disk.fault.withLock { $0 = .none }
    for (old, new): (UInt64, UInt64) in [(8, 8), (8, 40), (40, 64), (0, 1)] {
      #expect(await witness.addCheckpoint(try log.request(from: old, to: new)).status == 500)
    }
    #expect(failures.withLock { $0 } == 1 && disk.writes.withLock { $0 } == (fault == .afterWriting ? 2 : 1))
    // What it shows is what was durable when it was revealed.
    let shown = try #require(await witness.checkpoint(originHash: SHA256.hash(Array(log.origin.utf8)).hex))
    #expect(try SignedCheckpoint(parsing: shown).checkpoint.size == 8)
    let restarted = try makeWitness([log.keys], records: FaultyRecords(disk), key: key)
    let size: UInt64 = fault == .afterWriting ? 40 : 8
    #expect(await restarted.addCheckpoint(try log.request(from: 0, to: 1)) == .conflict(size: size))
    #expect(await restarted.addCheckpoint(try log.request(from: size, to: 64)).status == 200)
  }

  @Test func twoWitnessesCannotShareRecords() async throws {
    let log = try TestLog()
    let directory = try TemporaryDirectory()
    let path = directory.file("data")
    let witness = try makeWitness([log.keys], records: WitnessDatabase(directory: path, creating: true))
    #expect(throws: ProcessLock.Failure.self) { try WitnessDatabase(directory: path, creating: false) }
    #expect(await witness.addCheckpoint(try log.request(from: 0, to: 1)).status == 200)
    await witness.close()
    #expect(await witness.addCheckpoint(try log.request(from: 1, to: 2)).status == 500)
    #expect(try WitnessDatabase(directory: path, creating: false).load().count == 1)
  }

  /// The second line of defence behind the lock: a commit that does not find the record it was decided from.
  @Test func changedRecordsAreNotOverwritten() throws {
    let directory = try TemporaryDirectory()
    let records = try WitnessDatabase(directory: directory.file("data"), creating: true)
    try records.replace(nil, with: [1], origin: [9])
    #expect(throws: WitnessDatabase.Failure.self) { try records.replace(nil, with: [2], origin: [9]) }
    #expect(throws: WitnessDatabase.Failure.self) { try records.replace([3], with: [2], origin: [9]) }
    #expect(throws: WitnessDatabase.Failure.self) { try records.replace([1], with: [2], origin: [8]) }
    try records.replace([1], with: [2], origin: [9])
    #expect(try records.load() == [[9]: [2]])
  }

  @Test func damagedRecordsAreNotBelieved() async throws {
    let log = try TestLog()
    let other = try TestLog(origin: "log.example/2")
    let key = Ed25519.PrivateKey.generate()
    let origin = Array(log.origin.utf8)
    let disk = FaultyRecords.Disk()
    let witness = try makeWitness([log.keys], records: FaultyRecords(disk), key: key)
    #expect(await witness.addCheckpoint(try log.request(from: 0, to: 40)).status == 200)
    let good = try #require(disk.notes.withLock { $0[origin] })
    // Rolled back by hand: the text says 39, the cosignature was over 40.
    let rolled = try SignedNote(
      textBytes: log.signed(39).note.textBytes, signatures: SignedNote(parsing: good).signatures
    ).bytes
    for bad in [rolled, Array(good.dropLast()), [], try other.signed(1).note.bytes] {
      disk.notes.withLock { $0[origin] = bad }
      #expect(throws: CheckpointWitness.Failure.self) {
        try makeWitness([log.keys], records: FaultyRecords(disk), key: key)
      }
    }
    disk.notes.withLock { $0[origin] = good }
    // A new key of the witness does not forget.
    let renewed = try makeWitness([log.keys], records: FaultyRecords(disk), key: .generate())
    #expect(await renewed.addCheckpoint(try log.request(from: 0, to: 1)) == .conflict(size: 40))
    #expect(throws: CheckpointWitness.Failure.self) {
      try makeWitness([log.keys, log.keys], records: FaultyRecords(.init()))
    }
  }
}
