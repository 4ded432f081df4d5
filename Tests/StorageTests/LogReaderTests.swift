import Cryptography
import TestSupport
import Testing
import TransparencyLog

@testable import Storage

@Suite struct LogReaderTests {
  private let scratch: TemporaryDirectory
  private let test: TestLog

  init() throws {
    scratch = try TemporaryDirectory()
    test = try TestLog(scratch.file("data"))
  }

  @Test func entriesAndCheckpointsAreRead() async throws {
    let receipts = try await test.fill([2, 3, 1])
    let reader = try LogReader(path: test.directory)
    #expect(try reader.size() == 6)
    #expect(try reader.origin() == test.origin)
    #expect(try reader.entry(4)?.bytes == Array("entry 4".utf8))
    #expect(try reader.leafHash(4) == receipts[4].entries[0].leafHash)
    for absent in [6, UInt64(Int64.max), .max] { #expect(try reader.entry(absent) == nil) }
    #expect(try reader.entries(from: 4, limit: 10).map(\.index) == [4, 5])
    #expect(try reader.entries(from: .max, limit: 10) == [])
    #expect(try reader.latestCheckpoint() == receipts[5].checkpoint)
    #expect(try reader.checkpoint(size: 5) == receipts[4].checkpoint)
    #expect(try reader.checkpoint(size: 4) == nil)
    // What a receipt fetched later needs: the checkpoint that its batch was signed with.
    for receipt in receipts { #expect(try reader.checkpoint(covering: receipt.entries[0].index) == receipt.checkpoint) }
    #expect(try reader.checkpoint(covering: 6) == nil)
    #expect(try reader.checkpoints(from: 3, limit: 10).map(\.checkpoint.size) == [5, 6])
  }

  @Test func everyEntryIsVisitedOnceInOrder() async throws {
    try await test.fill([1300])
    let reader = try LogReader(path: test.directory)
    var seen: [UInt64] = []
    try reader.forEachEntry(in: 10..<1300) { seen.append($0.index) }
    #expect(seen == Array(10..<1300))
    #expect(throws: LogReader.Failure.noEntry(index: 1300, size: 1300)) {
      try reader.forEachEntry(in: 1299..<1301) { _ in }
    }
  }

  @Test func proofsOfOldTreesAreMade() async throws {
    let receipts = try await test.fill([200, 500, 100])
    let reader = try LogReader(path: test.directory)
    let latest = try #require(receipts.last?.checkpoint).checkpoint
    for size in [200, 700, 800] as [UInt64] {
      let signed = try reader.checkpoint(size: size)
      let root = try #require(signed).checkpoint.root
      #expect(try reader.root(size: size) == root)
      for index in stride(from: 0, to: size, by: 37) {
        let proof = try reader.inclusionProof(index: index, size: size)
        try proof.verify(leafHash: receipts[Int(index)].entries[0].leafHash, root: root)
      }
      try reader.consistencyProof(from: size, to: 800).verify(oldRoot: root, newRoot: latest.root)
    }
    // A receipt made from the store later is the one that was given out.
    #expect(try reader.inclusionProof(index: 650, size: 700) == receipts[650].entries[0].proof)
    #expect(throws: LogReader.Failure.noTree(size: 801, available: 800)) {
      try reader.inclusionProof(index: 1, size: 801)
    }
  }

  @Test func tilesAreThoseOfTheSpecification() async throws {
    let receipts = try await test.fill([300, 300])
    let reader = try LogReader(path: test.directory)
    let leaves = receipts.map { $0.entries[0].leafHash }
    for width in [1, 87, 88] {
      let path = try #require(TilePath(.hashes(level: 0), index: 2, width: width))
      #expect(try reader.tile(path) == leaves[512..<512 + width].flatMap(\.bytes))
    }
    let roots = [0, 256].map { MerkleTree.root(ofLeafHashes: leaves[$0..<$0 + 256]) }
    #expect(try reader.tile(#require(TilePath(.hashes(level: 1), index: 0, width: 2))) == roots.flatMap(\.bytes))
    #expect(try reader.tile(#require(TilePath(.hashes(level: 1), index: 0, width: 1))) == roots[0].bytes)
    #expect(try reader.tile(#require(TilePath(.hashes(level: 0), index: 1))) == leaves[256..<512].flatMap(\.bytes))
    let stored = try reader.tile(#require(TilePath(.entries, index: 2, width: 88)))
    let bundle = try #require(stored)
    #expect(
      try EntryBundle(parsing: bundle, width: 88).entries == (512..<600).map { Array("entry \($0)".utf8) })
    // What the log does not have yet.
    let beyond: [TilePath?] = [
      TilePath(.hashes(level: 0), index: 2, width: 89), TilePath(.hashes(level: 0), index: 2),
      TilePath(.hashes(level: 0), index: 3, width: 1), TilePath(.hashes(level: 1), index: 0, width: 3),
      TilePath(.hashes(level: 2), index: 0, width: 1), TilePath(.hashes(level: 63), index: .max, width: 1),
      TilePath(.entries, index: 2, width: 89), TilePath(.entries, index: .max, width: 1),
    ]
    for path in beyond { #expect(try reader.tile(#require(path)) == nil) }
  }

  /// Everything that a C2SP client fetches of a log that somebody else generated, byte for byte.
  @Test(.enabled(if: Vectors.available, Vectors.absence))
  func tilesEqualAnIndependentImplementation() async throws {
    let root = "tlog/generated/log_600/"
    let entries = try (0..<3 as Range<UInt64>).flatMap { number in
      let path = try #require(TilePath(.entries, index: number, width: number == 2 ? 88 : 256))
      return try EntryBundle(parsing: Vectors.bytes(root + path.path), width: path.width).entries
    }
    let log = try test.unstarted(
      configure: { $0.maximumBatch = 97 },
      decide: { _, request, next in
        AppendPlan(entries: [try EntryDraft(entries[Int(next)])], response: request.number)
      })
    for _ in entries { log.submit(.init(number: 0, text: "")) { _ in } }
    while log.drain(waiting: false) {}
    let paths = TileLayout.resources(growingFrom: 0, to: 600)
    #expect(paths.count == 7)
    for path in paths {
      #expect(try log.reader.tile(path) == Vectors.bytes(root + path.path), "\(path)")
    }
    let theirs = try Checkpoint(parsing: SignedNote(parsing: Vectors.bytes(root + "checkpoint")).textBytes)
    #expect(try log.reader.latestCheckpoint()?.checkpoint.root == theirs.root)
    await log.close()
  }
}
