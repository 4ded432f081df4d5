import CanonicalJSON
import Cryptography
import Storage

/// Documents by their SHA-256: sources of tools, manifests of models and packages, evidence. They are no secrets of a community:
/// whoever approves them reads them, and they lie in the blob store like everything else that is too long for the log.
struct ContentStore: Sendable {
  enum Kind: String, Sendable {
    case source
    case manifest
    case evidence
    case appraisal
  }

  static let maxBytes = 1 << 20

  let kind: Kind
  let blobs: BlobStore
  let blocking: BlockingWork

  /// Keeps a document durably and returns its digest.
  func keep(_ document: [UInt8]) async throws -> SHA256Digest {
    let digest = SHA256.hash(document)
    let (blobs, community) = (blobs, community(digest))
    try await blocking.run {
      guard try blobs.list(community: community).isEmpty else { return }
      _ = try blobs.put(document, community: community)
    }
    return digest
  }

  /// The document, or `nil`.
  func document(_ digest: SHA256Digest) async throws -> [UInt8]? {
    let (blobs, community) = (blobs, community(digest))
    return try await blocking.run {
      guard let blob = try blobs.list(community: community).first else { return nil }
      let bytes = try blobs.get(blob.id, community: community)
      guard SHA256.hash(bytes) == digest else { return nil }
      return bytes
    }
  }

  private func community(_ digest: SHA256Digest) -> String { "\(kind.rawValue)/\(digest.hex)" }
}
