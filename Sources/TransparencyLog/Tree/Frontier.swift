import Cryptography

/// The right edge of a tree: the roots of its complete subtrees, largest first. All that appending needs.
///
/// There is one hash for each bit set in `size`. A copy is 32 bytes for each of them.
public struct Frontier: Sendable, Hashable {
  /// Number of leaves.
  public private(set) var size: UInt64
  /// Roots of the complete subtrees from left to right, sizes descending: one for each set bit of `size`.
  public private(set) var hashes: [SHA256Digest]

  /// The frontier of the empty tree.
  public init() {
    size = 0
    hashes = []
    hashes.reserveCapacity(32)
  }

  /// A stored frontier; nil when the number of hashes does not fit `size`.
  public init?(size: UInt64, hashes: [SHA256Digest]) {
    guard hashes.count == size.nonzeroBitCount else { return nil }
    self.size = size
    self.hashes = hashes
  }

  /// The root of the tree (RFC 6962 section 2.1).
  public var root: SHA256Digest {
    guard var root = hashes.last else { return MerkleTree.emptyRoot }
    for subtree in hashes.dropLast().reversed() { root = MerkleTree.nodeHash(subtree, root) }
    return root
  }

  /// Adds one leaf. Costs one node hash on average.
  public mutating func append(leafHash: SHA256Digest) {
    append(leafHash: leafHash) { _, _, _ in }
  }

  /// Adds one leaf and reports each node that this leaf completes, leaf first: its level (0 = leaf), its index on that
  /// level, and its hash. A store that keeps nodes learns here all that it must write.
  ///
  /// - Precondition: `size` is below 2^64 - 1; no log gets there.
  public mutating func append(
    leafHash: SHA256Digest, completing: (_ level: Int, _ index: UInt64, _ hash: SHA256Digest) throws -> Void
  ) rethrows {
    var hash = leafHash
    var level = 0
    var kept = hashes.count
    try completing(0, size, hash)
    // Like adding one in binary: every trailing set bit of the size is a subtree that the new leaf completes.
    while (size >> UInt64(level)) & 1 == 1 {
      kept -= 1
      hash = MerkleTree.nodeHash(hashes[kept], hash)
      level += 1
      try completing(level, size >> UInt64(level), hash)
    }
    // Only now, so that an observer that throws leaves the frontier as it was.
    hashes.removeSubrange(kept...)
    hashes.append(hash)
    size += 1
  }

  /// Fixed form for storage: the size as 8 octets, big-endian, then the hashes.
  public var encoded: [UInt8] {
    var bytes = size.bigEndianBytes
    bytes.reserveCapacity(8 + 32 * hashes.count)
    for hash in hashes { hash.withUnsafeBytes { bytes.append(contentsOf: $0) } }
    return bytes
  }

  /// Reads `encoded`; nil when the length does not fit the size.
  public init?(encoded: [UInt8]) {
    guard encoded.count >= 8 else { return nil }
    let size = UInt64(bigEndianBytes: encoded.prefix(8))
    guard encoded.count == 8 + 32 * size.nonzeroBitCount else { return nil }
    var hashes: [SHA256Digest] = []
    for start in stride(from: 8, to: encoded.count, by: 32) {
      guard let hash = SHA256Digest(encoded[start..<start + 32]) else { return nil }
      hashes.append(hash)
    }
    self.size = size
    self.hashes = hashes
  }
}
