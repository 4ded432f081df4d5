import Cryptography

/// Proof that a leaf is at an index of a tree (RFC 9162 section 2.1.3).
public struct InclusionProof: Sendable, Hashable {
  /// Zero-based index of the leaf.
  public var index: UInt64
  /// Number of leaves of the tree.
  public var size: UInt64
  /// Siblings from the leaf's up to the root's child.
  public var hashes: [SHA256Digest]

  public init(index: UInt64, size: UInt64, hashes: [SHA256Digest]) {
    self.index = index
    self.size = size
    self.hashes = hashes
  }

  /// Checks that `leafHash` is at `index` in the tree with `root` (RFC 9162 section 2.1.3.2). Allocates nothing.
  public func verify(leafHash: SHA256Digest, root: SHA256Digest) throws(ProofError) {
    let actual = try computedRoot(leafHash: leafHash)
    guard actual == root else { throw .rootMismatch(expected: root, actual: actual) }
  }

  /// The root to which the proof leads from `leafHash`. It proves something only when compared with a trusted root.
  public func computedRoot(leafHash: SHA256Digest) throws(ProofError) -> SHA256Digest {
    guard index < size else { throw .indexBeyondTree(index: index, size: size) }
    // Node and last node on the current level. Once they meet, the path runs along the right edge.
    var node = index
    var last = size - 1
    var hash = leafHash
    for sibling in hashes {
      guard last > 0 else { throw .wrongLength(actual: hashes.count) }
      if node & 1 == 1 || node == last {
        hash = MerkleTree.nodeHash(sibling, hash)
        if node & 1 == 0 {
          // On the right edge a lone left child has no sibling: it rises unhashed to where it is a right child.
          let rise = UInt64(node.trailingZeroBitCount)
          node >>= rise
          last >>= rise
        }
      } else {
        hash = MerkleTree.nodeHash(hash, sibling)
      }
      node >>= 1
      last >>= 1
    }
    guard last == 0 else { throw .wrongLength(actual: hashes.count) }
    return hash
  }
}
