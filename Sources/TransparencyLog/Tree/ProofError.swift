import Cryptography

/// Why a Merkle proof does not hold.
public enum ProofError: Error, Hashable, CustomStringConvertible {
  /// The leaf's index is not below the size of the tree.
  case indexBeyondTree(index: UInt64, size: UInt64)
  /// The older tree is larger than the newer one.
  case sizesOutOfOrder(old: UInt64, new: UInt64)
  /// Consistency with the empty tree proves nothing.
  case emptyTree
  /// `start..<end` is not a subtree: the start is not a multiple of the smallest power of two that holds the range.
  case notASubtree(start: UInt64, end: UInt64)
  /// More or fewer hashes than this place in this tree needs.
  case wrongLength(actual: Int)
  /// The proof leads to another root of the (newer) tree.
  case rootMismatch(expected: SHA256Digest, actual: SHA256Digest)
  /// The proof leads to another root of the older tree or subtree.
  case oldRootMismatch(expected: SHA256Digest, actual: SHA256Digest)

  public var description: String {
    switch self {
    case .indexBeyondTree(let index, let size): "index \(index) is not in a tree of size \(size)"
    case .sizesOutOfOrder(let old, let new): "old size \(old) is above new size \(new)"
    case .emptyTree: "a proof against the empty tree proves nothing"
    case .notASubtree(let start, let end): "[\(start), \(end)) is not a subtree"
    case .wrongLength(let actual): "a proof of \(actual) hashes does not fit"
    case .rootMismatch(let expected, let actual): "expected root \(expected.hex), the proof leads to \(actual.hex)"
    case .oldRootMismatch(let expected, let actual):
      "expected old root \(expected.hex), the proof leads to \(actual.hex)"
    }
  }
}
