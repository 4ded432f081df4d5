import Cryptography
import TestSupport
import Testing

@testable import TransparencyLog

@Suite struct TileTests {
  struct Layout: Decodable {
    struct IndexPath: Decodable {
      let n: UInt64
      let path: String
    }
    struct Width: Decodable {
      let size: UInt64
      let level: Int
      let full: UInt64
      let partial: Int
    }
    let indexPaths: [IndexPath]
    let partialWidths: [Width]
  }

  @Test(.enabled(if: Vectors.available, Vectors.absence)) func layout() throws {
    let layout = try vector("generated/tile_layout.json", as: Layout.self)
    for wanted in layout.indexPaths {
      #expect(TilePath.encode(index: wanted.n) == wanted.path)
      let path = try #require(TilePath(parsing: "tile/entries/\(wanted.path)"))
      #expect(path.index == wanted.n && path.content == .entries && path.width == 256)
    }
    for wanted in layout.partialWidths {
      #expect(TileLayout.fullTiles(level: wanted.level, size: wanted.size) == wanted.full)
      #expect(TileLayout.partialWidth(level: wanted.level, size: wanted.size) == wanted.partial)
    }
  }

  @Test func pathsHaveOneSpelling() throws {
    let cases: [(TilePath.Content, UInt64, Int, String)] = [
      (.hashes(level: 0), 0, 256, "tile/0/000"), (.hashes(level: 63), 5, 1, "tile/63/005.p/1"),
      (.entries, 1_234_067, 256, "tile/entries/x001/x234/067"), (.entries, 1000, 255, "tile/entries/x001/000.p/255"),
      (.hashes(level: 1), .max, 8, "tile/1/x018/x446/x744/x073/x709/x551/615.p/8"),
    ]
    for (content, index, width, text) in cases {
      let path = try #require(TilePath(content, index: index, width: width))
      #expect(path.path == text)
      #expect(TilePath(parsing: text) == path)
    }
    let refused = [
      "", "tile", "tile/0", "tile/0/", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/64/000", "tile/-1/000",
      "tile/0/x000/000", "tile/0/x000/001", "tile/0/001/000", "tile/0/x001", "tile/0/x1/000", "tile/0/000.p/0",
      "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p", "tile/0/.p/1", "/tile/0/000",
      "tile/0/000/", "tile//000", "tile/0/000.P/1", "tile/entries/abc", "tile/entries/000.p/1/", "tile/Entries/000",
      "tile/0/x018/x446/x744/x073/x709/x551/616", "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
      "tile/0/\u{FF10}00", "tile/0/../000", "tile/0/000.p/1.p/1", "tile/0/x000.p/1",
      String(repeating: "tile/", count: 100),
    ]
    for text in refused { #expect(TilePath(parsing: text) == nil, "\(text)") }
    #expect(TilePath(.hashes(level: 64), index: 0) == nil)
    #expect(TilePath(.entries, index: 0, width: 0) == nil)
    #expect(TilePath(.entries, index: 0, width: 257) == nil)
  }

  struct Manifests: Decodable {
    struct Log: Decodable {
      let size: UInt64
      let root: String
      let resources: [Resource]
    }
    struct Resource: Decodable {
      let path: String
      let bytes: Int
      let sha256: String
    }
    let logs: [Log]
  }

  /// Every resource of logs of up to 70,000 entries: the same paths, the same octets, nothing missing, nothing more.
  @Test(.enabled(if: Vectors.available, Vectors.absence)) func logsOfAllSizes() throws {
    let manifests = try vector("generated/manifests.json", as: Manifests.self)
    let tree = TestTree(count: manifests.logs.map(\.size).max() ?? 0)
    #expect(manifests.logs.count == 15)
    for log in manifests.logs {
      #expect(try tree.root(size: log.size) == digest(log.root))
      let paths = TileLayout.resources(growingFrom: 0, to: log.size)
      #expect(Set(paths.map(\.path)) == Set(log.resources.map(\.path)), "size \(log.size)")
      #expect(paths.count == log.resources.count)
      for resource in log.resources {
        let bytes = try tree.bytes(of: #require(TilePath(parsing: resource.path)))
        #expect(bytes.count == resource.bytes)
        #expect(SHA256.hash(bytes).hex == resource.sha256, "\(resource.path) at size \(log.size)")
      }
    }
  }

  /// Growing in steps writes in the end what growing at once does.
  @Test func growthIsTheDifference() {
    for (old, new): (UInt64, UInt64) in [
      (0, 0), (0, 1), (1, 2), (255, 256), (255, 257), (256, 256), (300, 700), (3, 66_000),
    ] {
      let before = Set(TileLayout.resources(growingFrom: 0, to: old))
      let after = Set(TileLayout.resources(growingFrom: 0, to: new))
      let growth = Set(TileLayout.resources(growingFrom: old, to: new))
      #expect(growth == after.subtracting(before), "\(old) to \(new)")
    }
    #expect(TileLayout.resources(growingFrom: 5, to: 3).isEmpty)
  }

  /// Roots and proofs out of the stored files of a log that Tessera's checker accepts.
  @Test(.enabled(if: Vectors.available, Vectors.absence)) func readsAStoredLog() throws {
    let keys = try TestKeys.load()
    let log = "tlog/generated/log_600/"
    let signed = try SignedCheckpoint(parsing: Vectors.bytes(log + "checkpoint"))
    let checkpoint = try signed.verified(log: keys.logKeys(), requiring: .everyKey).checkpoint
    let reader = TileHashReader(size: checkpoint.size) { try Vectors.bytes(log + $0.path) }
    #expect(try reader.root(size: checkpoint.size) == checkpoint.root)
    let tree = TestTree(count: 600)
    for size: UInt64 in [1, 255, 256, 257, 512, 599, 600] {
      #expect(try reader.root(size: size) == tree.root(size: size))
      #expect(try reader.frontier(size: size) == tree.frontier(size: size))
      #expect(try reader.consistencyProof(from: size, to: 600) == tree.consistencyProof(from: size, to: 600))
    }
    for index in stride(from: UInt64(0), to: 600, by: 7) {
      #expect(try reader.inclusionProof(index: index, size: 600) == tree.inclusionProof(index: index, size: 600))
    }
    for path in TileLayout.resources(growingFrom: 0, to: 600) where path.content == .entries {
      let bundle = try EntryBundle(parsing: Vectors.bytes(log + path.path), width: path.width)
      for (offset, entry) in bundle.entries.enumerated() {
        #expect(MerkleTree.leafHash(entry) == tree.leaves[Int(path.index) * 256 + offset])
      }
    }
  }

  /// A log written by Tessera: each of its checkpoints, 0 to 15, is signed, is the root of its tiles and continues the last.
  @Test(.enabled(if: Vectors.available, Vectors.absence)) func readsALogOfTessera() throws {
    let directory = "tlog/tessera_testdata_log/"
    let key = try VerifierKey(parsing: Vectors.text(directory + "vkey.txt").filter { $0 != "\n" })
    let log = try LogKeys(origin: key.name, keys: [key])
    var previous: Checkpoint?
    for size in 0...15 {
      let signed = try SignedCheckpoint(parsing: Vectors.bytes(directory + "checkpoint.\(size)"))
      let checkpoint = try signed.verified(log: log, requiring: .everyKey).checkpoint
      #expect(checkpoint.size == UInt64(size))
      let reader = TileHashReader(size: checkpoint.size) { try Vectors.bytes(directory + $0.path) }
      #expect(try reader.root(size: checkpoint.size) == checkpoint.root)
      if size > 0 {
        let entries = try EntryBundle(
          parsing: Vectors.bytes(directory + "tile/entries/000.p/\(size)"), width: size
        ).entries
        #expect(MerkleTree.root(ofLeafHashes: entries.map(MerkleTree.leafHash)) == checkpoint.root)
      }
      if let previous, previous.size > 0 {
        try reader.consistencyProof(from: previous.size, to: checkpoint.size)
          .verify(oldRoot: previous.root, newRoot: checkpoint.root)
      }
      previous = checkpoint
    }
  }

  /// What a hostile store hands out is noticed: by its length at once, by its content at the root.
  @Test func tamperedTilesAreNoticed() throws {
    let tree = TestTree(count: 600)
    let root = try tree.root(size: 600)
    let path = try #require(TilePath(parsing: "tile/0/001"))
    for change in 0..<2 {
      let reader = TileHashReader(size: 600) { asked in
        var bytes = try tree.bytes(of: asked)
        if asked == path { if change == 0 { bytes[77] ^= 1 } else { bytes.removeLast() } }
        return bytes
      }
      if change == 0 {
        let proof = try reader.inclusionProof(index: 300, size: 600)
        #expect(throws: ProofError.self) { try proof.verify(leafHash: tree.leaves[300], root: root) }
      } else {
        #expect(throws: TileHashReader.Failure.malformed(path, bytes: 8191)) {
          try reader.inclusionProof(index: 300, size: 600)
        }
      }
    }
  }

  @Test func asksForEachTileOnce() throws {
    let tree = TestTree(count: 70_000)
    var asked: [TilePath] = []
    let reader = TileHashReader(size: 70_000) { path in
      asked.append(path)
      return try tree.bytes(of: path)
    }
    let proof = try reader.inclusionProof(index: 65_000, size: 70_000)
    try proof.verify(leafHash: tree.leaves[65_000], root: tree.root(size: 70_000))
    #expect(Set(asked).count == asked.count)
    #expect(Set(asked.map(\.path)).isSubset(of: try tree.resources().keys))
    #expect(throws: TileHashReader.Failure.outsideTree(level: 0, index: 70_000, size: 70_000)) {
      try reader.hash(level: 0, index: 70_000)
    }
    #expect(throws: TileHashReader.Failure.outsideTree(level: 17, index: 0, size: 70_000)) {
      try reader.hash(level: 17, index: 0)
    }
  }

  @Test func bundlesAreExact() throws {
    let bundle = try EntryBundle(entries: [[1, 2, 3], [], [UInt8](repeating: 7, count: 65_535)])
    #expect(try EntryBundle(parsing: bundle.bytes, width: 3) == bundle)
    #expect(throws: EntryBundle.Failure.trailing(bytes: 65_537)) { try EntryBundle(parsing: bundle.bytes, width: 2) }
    #expect(throws: EntryBundle.Failure.truncated(position: 3)) { try EntryBundle(parsing: bundle.bytes, width: 4) }
    #expect(throws: EntryBundle.Failure.truncated(position: 2)) {
      try EntryBundle(parsing: bundle.bytes.dropLast(), width: 3)
    }
    #expect(throws: EntryBundle.Failure.count(expected: 1...256, actual: 0)) { try EntryBundle(parsing: [], width: 0) }
    #expect(throws: EntryBundle.Failure.entryTooLong(position: 0, bytes: 65_536)) {
      try EntryBundle(entries: [[UInt8](repeating: 0, count: 65_536)])
    }
    #expect(throws: EntryBundle.Failure.count(expected: 1...256, actual: 257)) {
      try EntryBundle(entries: [[UInt8]](repeating: [], count: 257))
    }
  }

  @Test func tilesAreExact() throws {
    let hashes = TestTree(count: 9).leaves
    let tile = try #require(Tile(hashes: hashes))
    #expect(Tile(tile.bytes, width: 9) == tile)
    #expect(Tile(tile.bytes, width: 8) == nil)
    #expect(Tile([], width: 0) == nil)
    #expect(Tile(hashes: []) == nil)
    #expect(tile.hash(height: 3, index: 0) == TestTree(count: 8).frontier.root)
    #expect(tile.hash(height: 3, index: 1) == nil)
    #expect(tile.hash(height: 0, index: 9) == nil)
    #expect(tile.hash(height: 9, index: 0) == nil)
    #expect(tile.hash(height: 0, index: -1) == nil)
  }
}
