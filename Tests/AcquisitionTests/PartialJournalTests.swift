import Cryptography
import Testing

@testable import Acquisition

struct PartialJournalTests {
  private let manifest = SHA256.hash(utf8: "a manifest")

  private func text(_ records: [PartialJournal.Record]) -> [UInt8] {
    Array((PartialJournal(manifest: manifest).header + records.map { $0.line(manifest: manifest) }.joined()).utf8)
  }

  private let records: [PartialJournal.Record] = [
    .held(file: 0, 0..<100), .held(file: 2, 50..<70), .dropped(file: 0), .held(file: 0, 10..<20),
    .held(file: 0, 20..<30),
  ]

  @Test func whatIsWrittenIsRead() {
    let journal = PartialJournal(manifest: manifest, text: text(records))
    #expect(journal.held == [0: ByteRanges([10..<30]), 2: ByteRanges([50..<70])])
  }

  /// Wherever a crash tears the file, what was written before the torn line stands, and nothing else.
  @Test func aTornJournalHoldsTheLinesBefore() {
    let whole = text(records)
    for end in 0..<whole.count {
      let lines = whole[..<end].filter { $0 == UInt8(ascii: "\n") }.count
      var expected = PartialJournal(manifest: manifest)
      for record in records.prefix(max(0, lines - 1)) { expected.apply(record) }
      #expect(PartialJournal(manifest: manifest, text: Array(whole[..<end])) == expected)
    }
  }

  @Test func anAlteredLineEndsTheJournal() {
    let whole = text(records)
    let second = whole.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    for index in second..<whole.count {
      var altered = whole
      altered[index] ^= 1
      let journal = PartialJournal(manifest: manifest, text: altered)
      #expect(journal != PartialJournal(manifest: manifest, text: whole))
      // Never bytes that no record names.
      #expect(journal.held.keys.allSatisfy { [0, 2].contains($0) })
    }
  }

  @Test func anotherManifestsJournalIsNone() {
    #expect(PartialJournal(manifest: SHA256.hash(utf8: "another"), text: text(records)).held.isEmpty)
    #expect(PartialJournal(manifest: manifest, text: Array("rubbish\n".utf8)).held.isEmpty)
    #expect(PartialJournal(manifest: manifest, text: []).held.isEmpty)
  }

  @Test(arguments: ["held 0 5 5", "held 0 -1 5", "held -1 0 5", "held 0 00 5", "held 0 9 5", "kept 0 0 5", "held 0 0"])
  func impossibleRecordsAreRefused(words: String) {
    var hash = SHA256()
    hash.update(manifest)
    hash.update(utf8: words)
    let line = words + " " + hash.finalize().hex.prefix(16)
    #expect(PartialJournal.Record(line: line, manifest: manifest) == nil)
  }
}
