public import CanonicalJSON
public import Cryptography
public import Governance
public import Storage

/// One entry of the log as exporters see it. Everything in it follows from the entry, its place and the box's name: no
/// state, no clock, so the same entry always gives the same event, and a second delivery can be told from a second fact.
public struct AuditEvent: Sendable, Hashable {
  /// Zero-based place in the log.
  public let index: UInt64
  /// When the box recorded it, in Unix milliseconds.
  public let at: Int64
  public let kind: EntryKind
  /// Digests, names and salted commitments; an entry never holds a secret.
  public let body: JSON
  /// The entry as it was hashed and stored.
  public let bytes: [UInt8]
  /// RFC 6962 leaf hash of `bytes`: what an inclusion proof is about.
  public let leafHash: SHA256Digest
  /// The box's name.
  public let box: String
  /// What it means, in the words that formats share.
  public let meaning: AuditMeaning

  /// Reads an entry. Throws for bytes that are none: those stop an export, for passing over them would be a gap.
  public init(_ stored: StoredEntry, box: String) throws(EntryError) {
    let entry = try Entry(parsing: stored.bytes)
    index = stored.index
    at = entry.at
    kind = entry.kind
    body = entry.body
    bytes = entry.bytes
    leafHash = stored.leafHash
    self.box = box
    meaning = AuditMeaning(kind: entry.kind, body: entry.body)
  }
}
