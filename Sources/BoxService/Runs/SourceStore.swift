import CanonicalJSON
import Cryptography
import Storage

/// Sources of tools, by their SHA-256. They are no secrets of a community: whoever approves a tool reads its source, and
/// it lies in the blob store like everything else that is too long for the log.
struct SourceStore: Sendable {
  static let maxBytes = 1 << 20

  let blobs: BlobStore
  let blocking: BlockingWork

  /// Keeps a source durably and returns its digest.
  func keep(_ source: [UInt8]) async throws -> SHA256Digest {
    let digest = SHA256.hash(source)
    let blobs = blobs
    try await blocking.run {
      guard try blobs.list(community: Self.community(digest)).isEmpty else { return }
      _ = try blobs.put(source, community: Self.community(digest))
    }
    return digest
  }

  /// The source, or `nil`.
  func source(_ digest: SHA256Digest) async throws -> [UInt8]? {
    let blobs = blobs
    return try await blocking.run {
      guard let blob = try blobs.list(community: Self.community(digest)).first else { return nil }
      let bytes = try blobs.get(blob.id, community: Self.community(digest))
      guard SHA256.hash(bytes) == digest else { return nil }
      return bytes
    }
  }

  private static func community(_ digest: SHA256Digest) -> String { "source/\(digest.hex)" }
}
