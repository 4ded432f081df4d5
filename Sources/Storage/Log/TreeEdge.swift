import Cryptography
import TransparencyLog

/// The right edge of the tree in memory: on each tile level the tile that is still growing, with all its inner nodes.
///
/// The proof of an entry that was appended a moment ago touches only these tiles and those that the same batch filled, so
/// it costs no read and hardly a hash. Memory: 16 KiB for each of at most eight tile levels, and as much for each tile
/// that one batch fills.
struct TreeEdge: HashReader {
  /// A tile and the nodes above its hashes, by height: 256 hashes at height 0 down to 2 at height 7.
  private struct Nodes {
    let number: UInt64
    var heights: [[SHA256Digest]]

    init(number: UInt64) {
      self.number = number
      heights = (0..<8).map { height in
        var nodes: [SHA256Digest] = []
        nodes.reserveCapacity(TilePath.fullWidth >> height)
        return nodes
      }
    }
  }

  /// A tile that a batch changed, for the store to write.
  struct ChangedTile {
    let level: Int
    let number: UInt64
    let hashes: [SHA256Digest]
  }

  /// A node that the edge does not hold: the caller asked for a leaf that is older than the last batch.
  struct NotAtEdge: Error {
    let level: Int
    let index: UInt64
  }

  /// Number of leaves.
  private(set) var size: UInt64 = 0
  private var growing: [Nodes]
  /// Tiles filled since `beginBatch`, by tile level.
  private var filled: [[Nodes]]
  /// Tile levels above 0 whose growing tile changed since `beginBatch`.
  private var grown: [Bool]

  private static let tileLevels = 8

  /// The empty tree.
  init() {
    growing = (0..<Self.tileLevels).map { _ in Nodes(number: 0) }
    filled = Array(repeating: [], count: Self.tileLevels)
    grown = Array(repeating: false, count: Self.tileLevels)
  }

  /// The tree of `size` leaves, from the hashes of the partial tile on each level; nil when their widths do not fit.
  init?(size: UInt64, partialTiles: [[SHA256Digest]]) {
    self.init()
    for level in 0..<Self.tileLevels {
      let hashes = level < partialTiles.count ? partialTiles[level] : []
      guard hashes.count == TileLayout.partialWidth(level: level, size: size) else { return nil }
      let first = TileLayout.fullTiles(level: level, size: size) * UInt64(TilePath.fullWidth)
      growing[level] = Nodes(number: first / UInt64(TilePath.fullWidth))
      for (offset, hash) in hashes.enumerated() {
        insert(hash, level: 8 * level, index: first + UInt64(offset))
      }
    }
    self.size = size
    beginBatch()
  }

  /// The roots of the complete subtrees.
  func frontier() throws -> Frontier { try frontier(size: size) }

  /// Forgets which tiles the batch before changed.
  mutating func beginBatch() {
    for level in 0..<Self.tileLevels {
      // A fresh array gives the memory of a large batch back.
      if !filled[level].isEmpty { filled[level] = [] }
      grown[level] = false
      // Nothing asks for the inside of a full tile but proofs of its own leaves.
      if growing[level].heights[0].count == TilePath.fullWidth {
        growing[level] = Nodes(number: growing[level].number + 1)
      }
    }
  }

  /// Adds one leaf. Costs one node hash on average.
  mutating func append(leafHash: SHA256Digest) {
    insert(leafHash, level: 0, index: size)
    size += 1
  }

  /// Puts a node in its place, and every node above that it completes.
  private mutating func insert(_ node: SHA256Digest, level: Int, index: UInt64) {
    var (node, level, index) = (node, level, index)
    while true {
      let (tileLevel, height) = (level / 8, level % 8)
      if height == 0, growing[tileLevel].heights[0].count == TilePath.fullWidth {
        let next = Nodes(number: growing[tileLevel].number + 1)
        filled[tileLevel].append(growing[tileLevel])
        growing[tileLevel] = next
      }
      growing[tileLevel].heights[height].append(node)
      grown[tileLevel] = true
      // A right child completes its parent. Its sibling lies in the same tile.
      guard index & 1 == 1, let left = lookup(level: level, index: index - 1) else { return }
      node = MerkleTree.nodeHash(left, node)
      level += 1
      index >>= 1
    }
  }

  /// The tiles that the batch changed: on level 0 only those it filled, above also those still growing.
  func changedTiles() -> [ChangedTile] {
    var tiles: [ChangedTile] = []
    for level in 0..<Self.tileLevels where grown[level] {
      for nodes in filled[level] {
        tiles.append(ChangedTile(level: level, number: nodes.number, hashes: nodes.heights[0]))
      }
      let nodes = growing[level]
      if nodes.heights[0].count == TilePath.fullWidth || (level > 0 && !nodes.heights[0].isEmpty) {
        tiles.append(ChangedTile(level: level, number: nodes.number, hashes: nodes.heights[0]))
      }
    }
    return tiles
  }

  /// The tiles above level 0 that are still growing.
  func growingTiles() -> [ChangedTile] {
    (1..<Self.tileLevels).compactMap { level in
      let nodes = growing[level]
      guard (1..<TilePath.fullWidth).contains(nodes.heights[0].count) else { return nil }
      return ChangedTile(level: level, number: nodes.number, hashes: nodes.heights[0])
    }
  }

  func hash(level: Int, index: UInt64) throws -> SHA256Digest {
    guard let hash = lookup(level: level, index: index) else { throw NotAtEdge(level: level, index: index) }
    return hash
  }

  private func lookup(level: Int, index: UInt64) -> SHA256Digest? {
    let (tileLevel, height) = (level / 8, level % 8)
    guard tileLevel < Self.tileLevels else { return nil }
    let shift = UInt64(8 - height)
    let number = index >> shift
    let position = Int(index & ((1 << shift) - 1))
    let current = growing[tileLevel]
    if current.number == number {
      return position < current.heights[height].count ? current.heights[height][position] : nil
    }
    return filled[tileLevel].first { $0.number == number }?.heights[height][position]
  }

  /// The hash over the last leaves that no complete subtree of a level covers, by level; nil where there are none.
  /// The value one past the root's level is the root. Computed once for a batch and shared by its proofs.
  private func rightSpine() throws -> [SHA256Digest?] {
    var spine: [SHA256Digest?] = [nil]
    var level = 0
    while size >> UInt64(level) > 0 {
      let partial = spine[level]
      if (size >> UInt64(level)) & 1 == 1 {
        let left = try hash(level: level, index: (size >> UInt64(level)) - 1)
        spine.append(partial.map { MerkleTree.nodeHash(left, $0) } ?? left)
      } else {
        spine.append(partial)
      }
      level += 1
    }
    return spine
  }

  /// Inclusion proofs of the leaves from `first` to the end, in the tree of all leaves (RFC 9162 section 2.1.3).
  func proofs(from first: UInt64) throws -> [InclusionProof] {
    guard first < size else { return [] }
    let spine = try rightSpine()
    var proofs: [InclusionProof] = []
    proofs.reserveCapacity(Int(size - first))
    for index in first..<size {
      var hashes: [SHA256Digest] = []
      hashes.reserveCapacity(spine.count)
      for level in 0..<(spine.count - 1) {
        let sibling = (index >> UInt64(level)) ^ 1
        let complete = size >> UInt64(level)
        if sibling < complete {
          hashes.append(try hash(level: level, index: sibling))
        } else if sibling == complete, let partial = spine[level] {
          hashes.append(partial)
        }
      }
      proofs.append(InclusionProof(index: index, size: size, hashes: hashes))
    }
    return proofs
  }
}
