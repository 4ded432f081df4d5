import Cryptography

/// Where the hashes of complete subtrees come from: a tile store, a table of nodes, a map in a test.
public protocol HashReader {
  /// The hash of the complete subtree over leaves `[index << level, (index + 1) << level)`; level 0 is the leaf hash.
  ///
  /// Called only for subtrees that lie wholly inside the tree that is being proved.
  func hash(level: Int, index: UInt64) throws -> SHA256Digest
}

extension HashReader {
  /// The root of the first `size` leaves.
  public func root(size: UInt64) throws -> SHA256Digest {
    size == 0 ? MerkleTree.emptyRoot : try hash(of: 0, size)
  }

  /// The frontier of the first `size` leaves.
  public func frontier(size: UInt64) throws -> Frontier {
    var hashes: [SHA256Digest] = []
    try forEachCompleteSubtree(0, size) { level, index in hashes.append(try hash(level: level, index: index)) }
    guard let frontier = Frontier(size: size, hashes: hashes) else {
      preconditionFailure("internal error: \(hashes.count) subtrees for size \(size)")
    }
    return frontier
  }

  /// The proof that leaf `index` is in the tree of the first `size` leaves (RFC 9162 section 2.1.3.1).
  public func inclusionProof(index: UInt64, size: UInt64) throws -> InclusionProof {
    guard index < size else { throw ProofError.indexBeyondTree(index: index, size: size) }
    var hashes: [SHA256Digest] = []
    // Walk down from the root; the half that is not taken is the sibling. The proof lists them upwards.
    var (low, high) = (UInt64(0), size)
    while high - low > 1 {
      let middle = low + splitPoint(high - low)
      if index < middle {
        hashes.append(try hash(of: middle, high))
        high = middle
      } else {
        hashes.append(try hash(of: low, middle))
        low = middle
      }
    }
    return InclusionProof(index: index, size: size, hashes: hashes.reversed())
  }

  /// The proof that the tree of `newSize` leaves continues the tree of `oldSize` leaves (RFC 9162 section 2.1.4.1).
  public func consistencyProof(from oldSize: UInt64, to newSize: UInt64) throws -> ConsistencyProof {
    guard oldSize <= newSize else { throw ProofError.sizesOutOfOrder(old: oldSize, new: newSize) }
    guard oldSize > 0 else { throw ProofError.emptyTree }
    var hashes: [SHA256Digest] = []
    var (low, high) = (UInt64(0), newSize)
    // Walk to the node where the old tree ends at the right edge of a half.
    while high != oldSize {
      let middle = low + splitPoint(high - low)
      if oldSize <= middle {
        hashes.append(try hash(of: middle, high))
        high = middle
      } else {
        hashes.append(try hash(of: low, middle))
        low = middle
      }
    }
    // The verifier knows the old root already, so it is left out when it is a node of the new tree.
    if low > 0 { hashes.append(try hash(of: low, high)) }
    return ConsistencyProof(oldSize: oldSize, newSize: newSize, hashes: hashes.reversed())
  }

  /// The hash of the tree over leaves `[low, high)`; `low` is aligned as the splits of RFC 6962 leave it.
  private func hash(of low: UInt64, _ high: UInt64) throws -> SHA256Digest {
    var hashes: [SHA256Digest] = []
    try forEachCompleteSubtree(low, high) { level, index in hashes.append(try hash(level: level, index: index)) }
    guard var root = hashes.popLast() else { preconditionFailure("internal error: empty range at \(low)") }
    while let left = hashes.popLast() { root = MerkleTree.nodeHash(left, root) }
    return root
  }
}

/// The largest power of two below `count`, for counts of at least two.
private func splitPoint(_ count: UInt64) -> UInt64 {
  1 << UInt64(UInt64.bitWidth - 1 - (count - 1).leadingZeroBitCount)
}

/// The complete subtrees that make up `[low, high)`, from left to right, sizes descending.
private func forEachCompleteSubtree(
  _ low: UInt64, _ high: UInt64, _ body: (_ level: Int, _ index: UInt64) throws -> Void
) rethrows {
  var position = low
  while position < high {
    let level = UInt64.bitWidth - 1 - (high - position).leadingZeroBitCount
    try body(level, position >> UInt64(level))
    position += 1 << UInt64(level)
  }
}
