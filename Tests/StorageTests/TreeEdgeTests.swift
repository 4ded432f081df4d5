import Cryptography
import Testing
import TransparencyLog

@testable import Storage

@Suite struct TreeEdgeTests {
  private static func leaf(_ index: UInt64) -> SHA256Digest { MerkleTree.leafHash(Array(String(index).utf8)) }

  /// Batches of many widths, so that every position of a tile boundary in a batch occurs.
  @Test(arguments: [1, 2, 3, 7, 64, 255, 256, 257, 300, 1024])
  func proofsOfABatchVerify(batch: Int) throws {
    var edge = TreeEdge()
    var frontier = Frontier()
    var next: UInt64 = 0
    while next < 1100 {
      edge.beginBatch()
      let first = next
      for _ in 0..<batch {
        edge.append(leafHash: Self.leaf(next))
        frontier.append(leafHash: Self.leaf(next))
        next += 1
      }
      #expect(try edge.frontier() == frontier)
      let proofs = try edge.proofs(from: first)
      #expect(proofs.map(\.index) == Array(first..<next))
      for proof in proofs {
        #expect(proof.size == next)
        try proof.verify(leafHash: Self.leaf(proof.index), root: frontier.root)
      }
    }
  }

  /// What the batches report as changed is the whole set of tiles, and an edge made from them goes on like the first.
  @Test(arguments: [100, 256, 300, 65_300] as [Int])
  func changedTilesRebuildTheEdge(batch: Int) throws {
    var edge = TreeEdge()
    var tiles: [TilePath.Content: [UInt64: [SHA256Digest]]] = [:]
    var leaves: [SHA256Digest] = []
    var writes = 0
    for _ in 0..<(batch > 60_000 ? 2 : 12) {
      edge.beginBatch()
      for _ in 0..<batch {
        leaves.append(Self.leaf(UInt64(leaves.count)))
        edge.append(leafHash: leaves[leaves.count - 1])
      }
      for tile in edge.changedTiles() {
        tiles[.hashes(level: tile.level), default: [:]][tile.number] = tile.hashes
        writes += tile.level == 0 ? 1 : 0
      }
    }
    // Each full tile of level 0 is written exactly once.
    #expect(writes == leaves.count / 256)
    let partial = (0..<8).map { level -> [SHA256Digest] in
      if level == 0 { return Array(leaves.suffix(leaves.count % 256)) }
      let number = TileLayout.fullTiles(level: level, size: edge.size)
      let width = TileLayout.partialWidth(level: level, size: edge.size)
      return Array((tiles[.hashes(level: level)]?[number] ?? []).prefix(width))
    }
    var rebuilt = try #require(TreeEdge(size: edge.size, partialTiles: partial))
    #expect(try rebuilt.frontier() == edge.frontier())
    edge.beginBatch()
    for _ in 0..<300 {
      let hash = Self.leaf(UInt64(leaves.count))
      leaves.append(hash)
      edge.append(leafHash: hash)
      rebuilt.append(leafHash: hash)
    }
    #expect(try rebuilt.frontier() == edge.frontier())
    #expect(try rebuilt.proofs(from: edge.size - 300) == edge.proofs(from: edge.size - 300))
    #expect(try edge.frontier().root == MerkleTree.root(ofLeafHashes: leaves))
  }

  @Test func tilesThatDoNotFitTheSizeAreRefused() {
    #expect(TreeEdge(size: 5, partialTiles: [[Self.leaf(0)]]) == nil)
    #expect(TreeEdge(size: 0, partialTiles: [[Self.leaf(0)]]) == nil)
    #expect(TreeEdge(size: 256, partialTiles: []) == nil)
  }
}
