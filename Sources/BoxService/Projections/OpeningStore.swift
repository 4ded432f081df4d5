import CanonicalJSON
import Cryptography
import Governance
import Storage

/// The private values behind commitments: sealed, erasable one by one, found by the commitment's digest.
///
/// Each opening is its own community in the blob store, so that its key is derived from its own name and erasing it
/// touches nothing else.
final class OpeningStore: Sendable {
  private let blobs: BlobStore
  private let blocking: BlockingWork

  init(blobs: BlobStore, blocking: BlockingWork) {
    self.blobs = blobs
    self.blocking = blocking
  }

  private static func community(_ digest: SHA256Digest) -> String { "opening/\(digest.hex)" }

  /// Keeps openings durably. One that is there already is left as it is.
  func keep(_ openings: [Opening]) async throws {
    let blobs = blobs
    try await blocking.run {
      for opening in openings {
        let community = Self.community(opening.commitment.digest)
        guard try blobs.list(community: community).isEmpty else { continue }
        _ = try blobs.put(opening.json.canonicalBytes(), community: community)
      }
    }
  }

  /// The opening of a commitment; `nil` where it was erased or never given.
  func opening(_ digest: SHA256Digest) async throws -> Opening? {
    let blobs = blobs
    return try await blocking.run {
      let community = Self.community(digest)
      guard let blob = try blobs.list(community: community).first else { return nil }
      let bytes = try blobs.get(blob.id, community: community)
      return try Opening(json: try JSON(parsing: bytes, limits: .document(maxBytes: BlobStore.maximumBytes)))
    }
  }

  /// The openings of every commitment of an action that are still there.
  func openings(of action: Action) async throws -> [SHA256Digest: Opening] {
    var table: [SHA256Digest: Opening] = [:]
    for (_, commitment) in action.commitments {
      table[commitment.digest] = try await opening(commitment.digest)
    }
    return table
  }

  /// Erases the openings behind these members of the action's params.
  func erase(_ members: Set<String>, of action: Action) async throws {
    for digest in action.commitments(in: members) { try await erase(digest) }
  }

  /// Erases an opening; every proof goes on verifying.
  @discardableResult
  func erase(_ digest: SHA256Digest) async throws -> Bool {
    let blobs = blobs
    return try await blocking.run { try blobs.eraseAll(community: Self.community(digest)) > 0 }
  }
}

extension Action {
  /// The commitments within these members of the params.
  func commitments(in members: Set<String>) -> [SHA256Digest] {
    members.sorted().flatMap { name in
      params[name].map { Commitment.all(in: $0).map(\.commitment.digest) } ?? []
    }
  }

  /// The action without those of these members whose commitments nothing opens any more.
  func removing(_ members: Set<String>, notIn openings: [SHA256Digest: Opening]) throws(FieldError) -> Action {
    var params = params
    for name in members where commitments(in: [name]).contains(where: { openings[$0] == nil }) { params[name] = nil }
    return try Action(type: type, params: params, follows: follows)
  }
}
