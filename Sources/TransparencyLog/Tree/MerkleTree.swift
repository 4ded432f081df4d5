import Cryptography

/// The hash tree of RFC 6962 section 2.1 (the same as RFC 9162 section 2.1): SHA-256, leaves and nodes domain-separated
/// by their first octet, a tree of n leaves split at the largest power of two below n.
public enum MerkleTree {
  /// The root of the tree without leaves: SHA-256 of nothing (RFC 6962 section 2.1).
  public static let emptyRoot = SHA256.hash([])

  /// The hash of a leaf: SHA-256(0x00 || entry).
  ///
  /// The 0x00 keeps an entry that looks like two concatenated hashes from passing for an inner node.
  public static func leafHash(_ entry: [UInt8]) -> SHA256Digest { SHA256.hash(prefix: 0x00, entry) }

  /// The hash of an inner node: SHA-256(0x01 || left || right). Allocates nothing.
  public static func nodeHash(_ left: SHA256Digest, _ right: SHA256Digest) -> SHA256Digest {
    SHA256.hash(prefix: 0x01, left, right)
  }

  /// The root over leaf hashes in order; `emptyRoot` when there are none.
  public static func root(ofLeafHashes leaves: some Sequence<SHA256Digest>) -> SHA256Digest {
    var frontier = Frontier()
    for leaf in leaves { frontier.append(leafHash: leaf) }
    return frontier.root
  }
}
