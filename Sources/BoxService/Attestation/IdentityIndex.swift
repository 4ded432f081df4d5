import CanonicalJSON
import Governance
import Receipts
import Storage
import TransparencyLog

/// Where in the log the identities are, for receipts. Rebuilt from the log whenever `version` changes.
struct IdentityIndex: Sendable {
  static let version: Int64 = 1

  static func projection() throws -> Projection {
    try Projection(
      name: "identities", version: version, schema: ["CREATE TABLE p_identities_list(idx INTEGER PRIMARY KEY)"],
      apply: { stored, connection in
        guard let entry = try? Entry(parsing: stored.bytes), entry.kind == .identityClaimed else { return }
        try connection.statement("INSERT OR IGNORE INTO p_identities_list(idx) VALUES (?)")
          .run(.integer(Int64(stored.index)))
      })
  }

  let reader: LogReader
  let evidence: ContentStore
  let blocking: BlockingWork

  /// The newest identity before an entry, with its evidence, proved against a checkpoint; nil where none was claimed.
  func attested(before index: UInt64, _ checkpoint: SignedCheckpoint) async throws -> Attested? {
    let reader = reader
    let found = try await blocking.run { () -> (Receipt.Item, IdentityClaimed)? in
      let newest = try reader.read { connection in
        try connection.statement("SELECT idx FROM p_identities_list WHERE idx < ? ORDER BY idx DESC LIMIT 1")
          .first(.integer(Int64(index))) { try $0.integer(0) }
      }
      guard let newest, let stored = try reader.entry(UInt64(newest)) else { return nil }
      let proof = try reader.inclusionProof(index: UInt64(newest), size: checkpoint.checkpoint.size)
      return (
        Receipt.Item(index: UInt64(newest), entry: stored.bytes, proof: proof.hashes),
        try IdentityClaimed(body: try Entry(parsing: stored.bytes).body)
      )
    }
    guard let (item, claimed) = found else { return nil }
    // Evidence that is not kept here any more leaves a receipt that says so.
    let document = try await evidence.document(claimed.identity.evidence)
    return Attested(
      identity: item,
      evidence: try document.map { try JSON(parsing: $0, limits: .document(maxBytes: ContentStore.maxBytes)) } ?? .null)
  }
}
