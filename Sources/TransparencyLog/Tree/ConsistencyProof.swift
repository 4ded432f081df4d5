import Cryptography

/// Proof that a tree is an append-only continuation of an older one (RFC 9162 section 2.1.4).
public struct ConsistencyProof: Sendable, Hashable {
  /// Number of leaves of the older tree.
  public var oldSize: UInt64
  /// Number of leaves of the newer tree.
  public var newSize: UInt64
  public var hashes: [SHA256Digest]

  public init(oldSize: UInt64, newSize: UInt64, hashes: [SHA256Digest]) {
    self.oldSize = oldSize
    self.newSize = newSize
    self.hashes = hashes
  }

  /// Checks that the tree with `newRoot` begins with the tree with `oldRoot` (RFC 9162 section 2.1.4.2).
  ///
  /// An `oldSize` of zero is refused: every tree continues the empty one, and a caller that forgot to remember a size
  /// must not be told that something was proved.
  public func verify(oldRoot: SHA256Digest, newRoot: SHA256Digest) throws(ProofError) {
    guard oldSize <= newSize else { throw .sizesOutOfOrder(old: oldSize, new: newSize) }
    guard oldSize > 0 else { throw .emptyTree }
    try SubtreeConsistencyProof(start: 0, end: oldSize, size: newSize, hashes: hashes)
      .verify(subtreeRoot: oldRoot, root: newRoot)
  }
}
