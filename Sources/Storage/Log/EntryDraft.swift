import Cryptography
import TransparencyLog

/// Bytes that are ready to become an entry: within the limit, and hashed.
///
/// Making one before any state is changed is what keeps an oversize entry from being found out too late.
public struct EntryDraft: Sendable, Hashable {
  /// What an entry bundle of tlog-tiles can hold. Most kinds of entry have a lower limit, which is the entry's own to keep
  /// (docs/formats.md section 3): this room does not know kinds.
  public static let maximumBytes = 65_535

  /// Why bytes cannot become an entry.
  public enum Failure: Error, Hashable, CustomStringConvertible {
    case empty
    case tooLarge(bytes: Int, limit: Int)

    public var description: String {
      switch self {
      case .empty: "an entry holds at least one byte"
      case .tooLarge(let bytes, let limit): "an entry of \(bytes) bytes is over the limit of \(limit)"
      }
    }
  }

  /// The entry, exactly as it is hashed and stored.
  public let bytes: [UInt8]
  /// Its RFC 6962 leaf hash.
  public let leafHash: SHA256Digest

  /// Checks and hashes `bytes`.
  public init(_ bytes: [UInt8]) throws(Failure) {
    guard !bytes.isEmpty else { throw .empty }
    guard bytes.count <= Self.maximumBytes else { throw .tooLarge(bytes: bytes.count, limit: Self.maximumBytes) }
    self.bytes = bytes
    leafHash = MerkleTree.leafHash(bytes)
  }
}

/// An entry of the log with its place.
public struct StoredEntry: Sendable, Hashable {
  /// Zero-based index of the leaf.
  public let index: UInt64
  /// The entry as it was stored.
  public let bytes: [UInt8]

  /// Its RFC 6962 leaf hash, computed here.
  public var leafHash: SHA256Digest { MerkleTree.leafHash(bytes) }

  /// An entry from its parts.
  public init(index: UInt64, bytes: [UInt8]) {
    self.index = index
    self.bytes = bytes
  }
}

/// An entry that is durable, with the proof that it is in the tree of the checkpoint that was signed with it.
public struct CommittedEntry: Sendable, Hashable {
  /// The entry as it was stored.
  public let bytes: [UInt8]
  /// Its RFC 6962 leaf hash.
  public let leafHash: SHA256Digest
  /// Proves it in the tree of its batch's checkpoint.
  public let proof: InclusionProof

  /// Zero-based index of the leaf.
  public var index: UInt64 { proof.index }
}

/// What one commit made durable.
public struct CommittedBatch: Sendable {
  /// The entries in order; empty when every request of the batch was answered without one.
  public let entries: [CommittedEntry]
  /// The checkpoint that covers them; nil only while the log has never had an entry.
  public let checkpoint: SignedCheckpoint?
}
