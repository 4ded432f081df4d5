import CanonicalJSON
import Cryptography
import Governance
import Testing
import TransparencyLog

@testable import Audit

/// Every change of an archive is found and named, although its manifest was made anew.
@Suite struct TamperingTests {
  static func history() throws -> (box: TestBox, archive: [UInt8]) {
    let box = try TestBox.history(rounds: 80)
    return (box, try MemoryLog(box).archive())
  }

  /// An execution that finished well: its result can be changed without anything else noticing.
  private static func finished(_ box: TestBox, after: Int = 0) throws -> Int {
    try #require(
      box.log.indices.first {
        $0 > after && box.log[$0].kind == .executionFinished && box.log[$0].body["epoch"] == nil
      })
  }

  @Test func alteredEntryIsNamed() throws {
    let (box, archive) = try Self.history()
    for start in [0, 100, 250] {
      let index = try Self.finished(box, after: start)
      var tampering = try Tampering(archive)
      var entries = try tampering.entries()
      entries[index] = entries[index].replacing("\"status\":200", with: "\"status\":201")
      try tampering.replaceEntries(entries)
      let report = try tampering.report()
      // The fold takes the entry as it is now, so nothing else is wrong.
      #expect(report.found == ["entry.altered \(index)"])
      #expect(report.notProved.contains { $0.hasPrefix("the summary") })
    }
  }

  @Test func alteredApprovalIsNamedWithWhatFollows() throws {
    let (box, archive) = try Self.history()
    let index = try #require(box.log.firstIndex { $0.kind == .proposalApproved && $0.body["signer"] == "emil" })
    var tampering = try Tampering(archive)
    var entries = try tampering.entries()
    entries[index] = entries[index].replacing("\"iss\":\"emil\"", with: "\"iss\":\"dora\"")
    try tampering.replaceEntries(entries)
    let report = try tampering.report()
    #expect(
      Array(report.found.prefix(3)) == [
        "entry.altered \(index)", "claim.issuer \(index)", "execution.not-approved \(index + 1)",
      ])
    #expect(report.faults.dropFirst().allSatisfy { $0.follows == 1 })
    #expect(report.faults[1].expected == "emil" && report.faults[1].actual == "dora")
  }

  @Test func removedEntryIsNamed() throws {
    let (box, archive) = try Self.history()
    for index in [1, 57, 255, 256, box.log.count - 1] {
      var tampering = try Tampering(archive)
      var entries = try tampering.entries()
      entries.remove(at: index)
      try tampering.replaceEntries(entries)
      let report = try tampering.report()
      #expect(report.found.filter { $0.hasPrefix("entry.") } == ["entry.removed \(index)"], "\(report.found)")
      #expect(report.verdict == .refused)
    }
  }

  @Test func reorderedEntriesAreNamed() throws {
    let (box, archive) = try Self.history()
    for (one, two) in [(57, 58), (10, 200), (3, box.log.count - 1)] {
      var tampering = try Tampering(archive)
      var entries = try tampering.entries()
      entries.swapAt(one, two)
      try tampering.replaceEntries(entries)
      let report = try tampering.report()
      let moved = report.faults.filter { $0.code == "entry.moved" }.compactMap(\.entry)
      #expect(!moved.isEmpty && Set(moved).isSubset(of: [UInt64(one), UInt64(two)]), "\(report.found)")
      // Everything is there and is folded in the order that was signed.
      #expect(report.found.allSatisfy { $0.hasPrefix("entry.moved") })
      #expect(report.decided == UInt64(box.log.count))
    }
  }

  @Test func doubledAndInsertedEntriesAreNamed() throws {
    let (_, archive) = try Self.history()
    var tampering = try Tampering(archive)
    var entries = try tampering.entries()
    entries.insert(entries[20], at: 90)
    try tampering.replaceEntries(entries)
    #expect(try tampering.report().found == ["entry.doubled 90"])
    entries[90] = Array("{\"at\":1,\"body\":{},\"kind\":\"x\"}".utf8)
    try tampering.replaceEntries(entries)
    #expect(try tampering.report().found == ["entry.inserted 90"])
  }

  @Test func everythingAtOnceIsNamed() throws {
    let (box, archive) = try Self.history()
    var tampering = try Tampering(archive)
    var entries = try tampering.entries()
    let altered = try Self.finished(box, after: 150)
    entries[altered] = entries[altered].replacing("200", with: "404")
    entries.insert(entries[5], at: 120)
    entries.remove(at: 60)
    try tampering.replaceEntries(entries)
    let found = try tampering.report().found.filter { $0.hasPrefix("entry.") }
    #expect(found == ["entry.removed 60", "entry.doubled 120", "entry.altered \(altered)"])
  }

  @Test func alteredLeafIsNamed() throws {
    let (box, archive) = try Self.history()
    var tampering = try Tampering(archive)
    var leaves = tampering.leaves()
    leaves[77] = SHA256.hash([1])
    try tampering.replaceLeaves(leaves)
    let report = try tampering.report()
    #expect(report.found == ["leaf.altered 77"])
    #expect(report.decided == UInt64(box.log.count))
    leaves.remove(at: 77)
    try tampering.replaceLeaves(leaves)
    #expect(try tampering.report().found.first == "leaf.altered 77")
  }

  @Test func entryAndLeafAlteredTogetherAreNarrowedByCheckpoints() throws {
    let (box, archive) = try Self.history()
    let index = try Self.finished(box, after: 100)
    var tampering = try Tampering(archive)
    var entries = try tampering.entries()
    entries[index] = entries[index].replacing("200", with: "201")
    try tampering.replaceEntries(entries)
    try tampering.replaceLeaves(entries.map { MerkleTree.leafHash($0) })
    let report = try tampering.report()
    // A checkpoint every seven entries: the fault names the seven.
    #expect(report.found == ["tree.root \(index / 7 * 7)"])
    #expect(report.notProved.contains { $0.contains("later checkpoints") })
  }

  @Test func checkpointsMustBeSignedByBothKeysForThisLog() throws {
    let (box, archive) = try Self.history()
    let log = try MemoryLog(box)
    let notes = log.checkpoints(sizes: 1...UInt64(box.log.count), limit: 1000)
    func report(_ change: (inout [SignedCheckpoint]) throws -> Void) throws -> AuditReport {
      var notes = notes
      try change(&notes)
      var tampering = try Tampering(archive)
      let texts = notes.map { String(decoding: $0.note.bytes, as: UTF8.self) }
      tampering["checkpoints.txt"] = Array(texts.joined(separator: "====\n").utf8)
      return try tampering.report()
    }
    let signers = try TestKeys.noteSigners()
    func signed(_ size: UInt64, _ root: SHA256Digest, _ signers: [NoteSigner], box: String = TestBox.name) throws
      -> SignedCheckpoint
    { try SignedCheckpoint(Checkpoint(origin: box, size: size, root: root), signers: signers) }

    let honest = try report { _ in }
    #expect(honest.verdict == .accepted)
    let second = notes[1].checkpoint
    let other = SHA256.hash([9])
    #expect(try report { $0[1] = try signed(second.size, other, signers) }.found == ["checkpoint.root checkpoints.txt"])
    #expect(
      try report { $0.insert(try signed(second.size, other, signers), at: 2) }.found
        == ["checkpoint.contradiction checkpoints.txt"])
    #expect(
      try report { $0[1] = try signed(second.size, second.root, Array(signers.prefix(1))) }.found
        == ["checkpoint.missing-signature checkpoints.txt"])
    #expect(
      try report { $0[1] = try signed(second.size, second.root, TestKeys.noteSigners("other")) }.found
        == ["checkpoint.signature checkpoints.txt"])
    let elsewhere = "elsewhere.example/box"
    let strangers = try TestKeys.noteSigners(box: elsewhere)
    #expect(
      try report { $0[1] = try signed(second.size, second.root, strangers, box: elsewhere) }.found
        == ["checkpoint.origin checkpoints.txt"])
    #expect(try report { $0.swapAt(1, 2) }.found == ["checkpoint.order checkpoints.txt"])
    #expect(
      try report { $0.removeLast() }.found.contains("checkpoint.coverage checkpoints.txt"))
    #expect(try report { $0.removeAll() }.found.contains("checkpoint.none checkpoints.txt"))
  }

  @Test func smallFilesMustFollowFromTheEntries() throws {
    let (_, archive) = try Self.history()
    func found(_ path: String, _ old: String, _ new: String) throws -> [String] {
      var tampering = try Tampering(archive)
      let bytes = tampering[path].replacing(old, with: new)
      #expect(bytes != tampering[path], "\(path) does not contain \(old)")
      tampering[path] = bytes
      return try tampering.report().found
    }
    #expect(try found("summary.md", "| payments | ", "| payments | 1") == ["summary.differs summary.md"])
    #expect(
      try found("constitution.json", "\"delay\":7200", "\"delay\":7201") == ["constitution.differs constitution.json"])
    let (mine, theirs) = try (TestKeys.box().es256, TestKeys.box("other").es256)
    #expect(try found("keys.json", mine, theirs) == ["keys.mismatch keys.json"])
    #expect(try found("consistency.json", "\"from\":7", "\"from\":8") == ["consistency.missing consistency.json"])
    var tampering = try Tampering(archive)
    var proof = try ConsistencyFile(parsing: tampering["consistency.json"])
    proof.proofs[0].hashes[0] = SHA256.hash([3])
    tampering["consistency.json"] = proof.bytes
    #expect(try tampering.report().found == ["consistency.proof consistency.json"])
  }

  @Test func rangesAreBoundToTheirCheckpoint() throws {
    let box = try TestBox.history(rounds: 40)
    let log = try MemoryLog(box)
    // 10..<45 ends between the checkpoints of 42 and 49.
    let archive = try log.archive(10..<45)
    #expect(try audit(archive).verdict == .accepted)
    var tampering = try Tampering(archive)
    var frontier = try FrontierFile(parsing: tampering["frontier.json"]).frontier
    frontier = try #require(Frontier(size: 10, hashes: [frontier.hashes[0], SHA256.hash([7])]))
    tampering["frontier.json"] = FrontierFile(frontier).bytes
    #expect(try tampering.report().faultsByCode.keys.contains("tree.root"))
    // The last entry lies beyond the last checkpoint within the range.
    tampering = try Tampering(archive)
    var entries = try tampering.entries()
    entries[34] = Array("{}".utf8)
    try tampering.replaceEntries(entries)
    #expect(try tampering.report().found.contains("entry.altered 44"))
    try tampering.replaceLeaves(entries.map { MerkleTree.leafHash($0) })
    #expect(try tampering.report().found.contains("consistency.range consistency.json"))
    // Backdating is seen without the fold.
    var entry = box.log.map(\.bytes)
    entry[30] = try Entry(at: 5, kind: box.log[30].kind, body: box.log[30].body).bytes
    #expect(try audit(MemoryLog(entry).archive(10..<45)).found == ["order.time-reversed 30"])
  }

  @Test func archivesOfAnotherFormAreNamed() throws {
    let (_, archive) = try Self.history()
    let honest = try Tampering(archive)
    var tampering = honest
    tampering.files.insert(TarArchive.File(path: "notes.txt", bytes: [1]), at: 3)
    #expect(try tampering.report().faultsByCode.keys.contains("archive.extra"))
    tampering = honest
    tampering.files.swapAt(1, 2)
    #expect(try tampering.report().faultsByCode.keys.contains("archive.order"))
    for file in honest.files {
      tampering = honest
      tampering.files.removeAll { $0.path == file.path }
      let report = try tampering.report()
      #expect(report.found.contains("archive.missing \(file.path)") || file.path == "manifest.json", "\(file.path)")
      #expect(report.verdict == .refused)
    }
    // The manifest itself, not made anew.
    tampering = honest
    tampering["summary.md"] = Array("nothing happened\n".utf8)
    #expect(try audit(TarArchive.encode(tampering.files)).found.contains("manifest.digest summary.md"))
    #expect(try audit(archive + [0]).found == ["archive.form -"])
    var bytes = archive
    bytes[100] = UInt8(ascii: "1")
    #expect(try audit(bytes).found == ["archive.form -"])
    #expect(try audit([]).verdict == .refused)
  }

  @Test func anyChangedByteIsFound() throws {
    let box = try TestBox.history(rounds: 6)
    let archive = try MemoryLog(box).archive()
    var numbers = Numbers(7)
    for _ in 0..<150 {
      let place = Int.random(in: archive.indices, using: &numbers)
      var bytes = archive
      bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
      #expect(try audit(bytes).verdict == .refused, "byte \(place)")
    }
    for _ in 0..<40 {
      let length = Int.random(in: archive.indices, using: &numbers)
      #expect(try audit(Array(archive.prefix(length))).verdict == .refused, "length \(length)")
    }
  }
}
