import Cryptography

/// A range of leaves that hashes as a tree of its own: `start` is a multiple of the smallest power of two that is at
/// least the length (draft-ietf-plants-merkle-tree-certs section 4.1).
public struct Subtree: Sendable, Hashable {
  public let start: UInt64
  /// The first index after the range.
  public let end: UInt64

  public init(start: UInt64, end: UInt64) throws(ProofError) {
    guard start <= end else { throw .notASubtree(start: start, end: end) }
    let length = end - start
    if length > 1 {
      // The smallest power of two >= length has 2^(bits of length-1); start must have that many trailing zeros.
      let height = UInt64.bitWidth - (length - 1).leadingZeroBitCount
      guard start == 0 || start.trailingZeroBitCount >= height else { throw .notASubtree(start: start, end: end) }
    }
    self.start = start
    self.end = end
  }
}

/// Proof that a leaf is in a subtree (draft-ietf-plants-merkle-tree-certs section 4.3).
public struct SubtreeInclusionProof: Sendable, Hashable {
  public var index: UInt64
  public var start: UInt64
  public var end: UInt64
  public var hashes: [SHA256Digest]

  public init(index: UInt64, start: UInt64, end: UInt64, hashes: [SHA256Digest]) {
    self.index = index
    self.start = start
    self.end = end
    self.hashes = hashes
  }

  /// Checks that `leafHash` is at `index` (counted in the whole tree) in the subtree with `root`.
  public func verify(leafHash: SHA256Digest, root: SHA256Digest) throws(ProofError) {
    let subtree = try Subtree(start: start, end: end)
    guard index >= subtree.start, index < subtree.end else { throw .indexBeyondTree(index: index, size: end) }
    try InclusionProof(index: index - start, size: end - start, hashes: hashes).verify(leafHash: leafHash, root: root)
  }
}

/// Proof that a tree contains a subtree (draft-ietf-plants-merkle-tree-certs section 4.4). With `start` zero it is the
/// consistency proof of RFC 9162.
public struct SubtreeConsistencyProof: Sendable, Hashable {
  public var start: UInt64
  public var end: UInt64
  /// Number of leaves of the whole tree.
  public var size: UInt64
  public var hashes: [SHA256Digest]

  public init(start: UInt64, end: UInt64, size: UInt64, hashes: [SHA256Digest]) {
    self.start = start
    self.end = end
    self.size = size
    self.hashes = hashes
  }

  /// Checks that the tree with `root` contains the subtree with `subtreeRoot`.
  public func verify(subtreeRoot: SHA256Digest, root: SHA256Digest) throws(ProofError) {
    let subtree = try Subtree(start: start, end: end)
    guard end <= size else { throw .sizesOutOfOrder(old: end, new: size) }
    guard subtree.start < subtree.end else {
      // The empty subtree is in every tree, but only with the empty root and nothing to prove.
      guard hashes.isEmpty else { throw .wrongLength(actual: hashes.count) }
      guard subtreeRoot == MerkleTree.emptyRoot else {
        throw .oldRootMismatch(expected: subtreeRoot, actual: MerkleTree.emptyRoot)
      }
      return
    }
    // First node of the subtree, its last node, and the last node of the tree, all on the current level.
    var first = start
    var lastOfSubtree = end - 1
    var last = size - 1
    // Rise to the largest complete subtree that ends where the subtree ends: that is where the proof begins.
    if lastOfSubtree == last {
      while first != lastOfSubtree { shift(&first, &lastOfSubtree, &last) }
    } else {
      while first != lastOfSubtree && lastOfSubtree & 1 == 1 { shift(&first, &lastOfSubtree, &last) }
    }
    var rest = hashes[...]
    var seed = subtreeRoot
    if first != lastOfSubtree {
      guard let given = rest.popFirst() else { throw .wrongLength(actual: hashes.count) }
      seed = given
    }
    // One walk rebuilds two roots: the subtree's from left siblings alone, the tree's from all of them.
    var subtreeHash = seed
    var treeHash = seed
    for sibling in rest {
      guard last > 0 else { throw .wrongLength(actual: hashes.count) }
      if lastOfSubtree & 1 == 1 || lastOfSubtree == last {
        if first < lastOfSubtree { subtreeHash = MerkleTree.nodeHash(sibling, subtreeHash) }
        treeHash = MerkleTree.nodeHash(sibling, treeHash)
        // Ends: here the subtree's last node is odd, or it is the tree's last node, which is not zero.
        while lastOfSubtree & 1 == 0 { shift(&first, &lastOfSubtree, &last) }
      } else {
        treeHash = MerkleTree.nodeHash(treeHash, sibling)
      }
      shift(&first, &lastOfSubtree, &last)
    }
    guard last == 0 else { throw .wrongLength(actual: hashes.count) }
    guard subtreeHash == subtreeRoot else { throw .oldRootMismatch(expected: subtreeRoot, actual: subtreeHash) }
    guard treeHash == root else { throw .rootMismatch(expected: root, actual: treeHash) }
  }

  private func shift(_ a: inout UInt64, _ b: inout UInt64, _ c: inout UInt64) {
    a >>= 1
    b >>= 1
    c >>= 1
  }
}
