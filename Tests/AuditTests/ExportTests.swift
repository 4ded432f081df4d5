import Cryptography
import Governance
import Receipts
import Storage
import TestSupport
import Testing
import TransparencyLog

@testable import Audit

@Suite struct ExportTests {
  @Test func honestLogIsAccepted() throws {
    let box = try TestBox.history(rounds: 60)
    #expect(box.log.count > 200)
    let report = try audit(box)
    #expect(report.sentences.first?.hasPrefix("accepted") == true, "\(report.sentences)")
    #expect(report.verdict == .accepted)
    #expect(report.decided == UInt64(box.log.count))
    #expect(report.population.entries == UInt64(box.log.count))
    #expect(report.range == 0..<UInt64(box.log.count))
    #expect(report.epoch == box.state.epoch)
    #expect(report.notProved.contains { $0.hasPrefix("whose log it is") })
    #expect(report.notProved.contains { $0.contains("names no witnesses") })
    // Every proposal is counted once.
    let opened = box.log.count { $0.kind == .proposalOpened }
    #expect(report.proposalsByStatus.values.reduce(0, +) == UInt64(opened))
    #expect((report.proposalsByStatus["executed"] ?? 0) > 10)
    #expect((report.proposalsByStatus["denied"] ?? 0) == 6)
  }

  @Test func oneRangeHasOneArchive() throws {
    let box = try TestBox.history(rounds: 40)
    let log = try MemoryLog(box)
    let one = try log.archive()
    #expect(try one == log.archive())
    #expect(try log.archive(10..<90) == log.archive(10..<90))
    // Any tar reads it: our strict reader agrees on names and order.
    let files = try TarArchive.decode(one)
    #expect(files.map(\.path) == ArchiveLayout.paths(of: 0..<UInt64(box.log.count)))
    let page = String(decoding: files.first { $0.path == "summary.md" }?.bytes ?? [], as: UTF8.self)
    #expect(page.contains("| proposal.opened | \(box.log.count { $0.kind == .proposalOpened }) |"))
    #expect(page.contains("| payments |"))
    #expect(page.contains("| ana |"))
    #expect(page.split(separator: "\n").count < 80)
  }

  @Test func everyRangeVerifies() throws {
    let box = try TestBox.history(rounds: 90)
    let log = try MemoryLog(box)
    let size = UInt64(box.log.count)
    for range in [0..<1, 0..<7, 0..<256, 0..<size, 3..<8, 1..<2, 200..<size, 255..<257, 7..<14, (size - 1)..<size] {
      let report = try audit(log.archive(range))
      #expect(report.verdict == .accepted, "\(range): \(report.sentences)")
      #expect(report.range == range)
      #expect(report.decided == (range.lowerBound == 0 ? UInt64(range.count) : 0))
      #expect(report.checkpoints > 0)
      #expect(report.notProved.contains { $0.hasPrefix("the decisions") } == (range.lowerBound > 0))
    }
    #expect(throws: AuditSourceFailure.range(5..<5, size: size)) { try log.archive(5..<5) }
    #expect(throws: AuditSourceFailure.range(5..<(size + 1), size: size)) { try log.archive(5..<(size + 1)) }
  }

  @Test func tilesOfARunningBoxGiveTheSameEntries() throws {
    let box = try TestBox.history(rounds: 70)
    let log = try MemoryLog(box)
    for range: Range<UInt64>? in [nil, 0..<100, 100..<200] {
      let sink = AuditMemorySink()
      let written = try AuditExport.write(
        source: TiledLogSource { try log.served($0) }, range: range, to: sink)
      let report = try audit(sink.bytes)
      #expect(report.verdict == .accepted, "\(report.sentences)")
      #expect(written.population == report.population)
      let own = try TarArchive.decode(log.archive(range)).filter { $0.path.hasPrefix("entries/") }
      #expect(try TarArchive.decode(sink.bytes).filter { $0.path.hasPrefix("entries/") } == own)
    }
  }

  @Test func pinnedKeysAreHeldAgainstTheLog() throws {
    let box = try TestBox.history(rounds: 5)
    let archive = try MemoryLog(box).archive()
    let right = try [
      ExpectedBox(parsing: TestKeys.box().es256), ExpectedBox(parsing: TestKeys.box().ed25519),
    ]
    let report = try AuditVerifier(expecting: right).verify(archive)
    #expect(report.verdict == .accepted)
    #expect(!report.notProved.contains { $0.hasPrefix("whose log it is") })
    for text in [try TestKeys.box("other").es256, try TestKeys.box("other").ed25519] {
      let wrong = try AuditVerifier(expecting: [ExpectedBox(parsing: text)]).verify(archive)
      #expect(wrong.found == ["keys.not-expected keys.json"])
    }
  }

  @Test func exportsADataDirectoryToAFile() async throws {
    let box = try TestBox.history(rounds: 30)
    let directory = try TemporaryDirectory()
    let signers = try TestKeys.noteSigners()
    let keys = try LogKeys(origin: TestBox.name, keys: signers.map(\.verifierKey))
    let store = try LogStore(path: directory.file("data"), origin: TestBox.name)
    guard case .ready(let writer) = try store.start(trust: StartupGate.Trust(log: keys, witnesses: [])) else {
      Issue.record("the log does not start")
      return
    }
    let log = try GroupCommitLog<Int, [[UInt8]], Int>(
      writer: writer, state: 0, sign: { try SignedCheckpoint($0, signers: signers) },
      decide: { _, entries, _ in AppendPlan(entries: try entries.map { try EntryDraft($0) }, response: 0) })
    for entry in box.log { _ = try await log.submit([entry.bytes]) }
    // The box is still running.
    let reader = try LogReader(path: directory.file("data"))
    let path = directory.file("audit.tar")
    var steps: [UInt64] = []
    let sink = try AuditFileSink(path: path)
    let written = try AuditExport.write(source: reader, to: sink) { done, _ in steps.append(done) }
    await log.close()
    #expect(steps.last == UInt64(box.log.count))
    var done: UInt64 = 0
    let report = try AuditVerifier().verify(path: path) { done = max(done, $0) + ($1 == 0 ? 1 : 0) }
    #expect(report.verdict == .accepted, "\(report.sentences)")
    #expect(done == UInt64(box.log.count))
    #expect(written.manifest == SHA256.hash(try TarArchive.decode(directory.read("audit.tar")).last?.bytes ?? []))
    #expect(report.checkpoints == box.log.count)
    // Of many checkpoints a few are chosen evenly, the first and the last among them.
    let size = UInt64(box.log.count)
    let few = try reader.checkpoints(sizes: 1...size, limit: 8).map(\.checkpoint.size)
    #expect(few.count == 8 && few.first == 1 && few.last == size && few == few.sorted())
    #expect(zip(few, few.dropFirst()).allSatisfy { $1 - $0 <= size / 7 + 1 })
  }

  @Test func abandonedExportLeavesNoFile() throws {
    let directory = try TemporaryDirectory()
    do {
      let sink = try AuditFileSink(path: directory.file("half.tar"))
      try sink.write([1, 2, 3])
    }
    #expect(throws: ArchiveFile.Failure.self) { try ArchiveFile(path: directory.file("half.tar")) }
    #expect(throws: (any Error).self) { try directory.read("half.tar") }
  }
}
