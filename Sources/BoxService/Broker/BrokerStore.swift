import CanonicalJSON
import Cryptography
import Storage

/// What a broker keeps beside its log, sealed: wrapped keys, keys sealed to boxes, evidence, proofs of enrolments. Each by a
/// name that the log holds.
struct BrokerStore: Sendable {
  enum Kind: String, Sendable {
    /// A data key under the key-encryption key, by the proposal that created it.
    case wrapped = "broker-wrapped"
    /// A data key sealed to a box's attested key, by the release.
    case sealed = "broker-sealed"
    /// Evidence that a broker's nonce was used up for, by that nonce.
    case evidence = "broker-evidence"
    /// What a broker found out about an attestation key, by the digest of the enrolment's params.
    case enrolment = "broker-enrolment"
  }

  let blobs: BlobStore
  let blocking: BlockingWork

  /// Keeps a document durably in the place of the one before.
  func keep(_ kind: Kind, _ name: String, _ bytes: [UInt8]) async throws {
    let (blobs, community) = (blobs, "\(kind.rawValue)/\(name)")
    try await blocking.run {
      let earlier = try blobs.list(community: community).map(\.id)
      let new = try blobs.put(bytes, community: community)
      for id in earlier where id != new { try blobs.erase(id, community: community) }
    }
  }

  /// The document; `nil` where there is none. Throws where it was tampered with.
  func document(_ kind: Kind, _ name: String) async throws -> [UInt8]? {
    let (blobs, community) = (blobs, "\(kind.rawValue)/\(name)")
    return try await blocking.run {
      guard let blob = try blobs.list(community: community).last else { return nil }
      return try blobs.get(blob.id, community: community)
    }
  }
}
