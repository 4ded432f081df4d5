import CanonicalJSON
import Cryptography

/// What is known of a snapshot apart from the snapshot itself.
public struct SnapshotRecord: Sendable, Hashable {
  public let label: SnapshotLabel
  /// The tree when it was taken.
  public let digest: SHA256Digest
  public let entries: Int
  /// Content of its files, in bytes.
  public let bytes: Int64
  /// Unix milliseconds.
  public let takenAt: Int64
  /// No policy removes it.
  public internal(set) var isPinned: Bool

  public init(
    label: SnapshotLabel, digest: SHA256Digest, entries: Int, bytes: Int64, takenAt: Int64, isPinned: Bool = false
  ) {
    self.label = label
    self.digest = digest
    self.entries = entries
    self.bytes = bytes
    self.takenAt = takenAt
    self.isPinned = isPinned
  }

  /// As the index holds it and an operation's result may show it.
  public var json: JSON {
    [
      "bytes": .integer(bytes), "digest": .string(digest.hex), "entries": .integer(Int64(entries)),
      "name": .string(label.text), "pinned": .bool(isPinned), "taken": .integer(takenAt),
    ]
  }

  init(_ json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    label = try reader.label("name")
    let text = try reader.string("digest", maxBytes: 64)
    guard let digest = SHA256Digest(hex: text) else {
      throw FieldError(field: reader.pathOf("digest"), expected: "64 hexadecimal digits", actual: text)
    }
    self.digest = digest
    entries = Int(try reader.integer("entries", in: 1...JSON.maxSafeInteger))
    bytes = try reader.integer("bytes", in: 0...JSON.maxSafeInteger)
    takenAt = try reader.integer("taken")
    isPinned = try reader.bool("pinned")
    try reader.finish()
  }
}

extension ObjectReader {
  mutating func label(_ field: String) throws(FieldError) -> SnapshotLabel {
    let text = try string(field, maxBytes: 64)
    guard let label = SnapshotLabel(valid: text) else {
      throw FieldError(field: pathOf(field), expected: "a name of a snapshot", actual: JSON.string(text).summary)
    }
    return label
  }
}

/// What a rollback shows: three digests of the scope's tree.
public struct RollbackEvidence: Sendable, Hashable {
  public let label: SnapshotLabel
  /// When the snapshot was taken.
  public let before: SHA256Digest
  /// When the rollback began: what the action in between had made of it. Nil when there was no tree that could be digested.
  public let after: SHA256Digest?
  /// After the rollback. Equal to `before`, or there is a fault and no evidence.
  public let restored: SHA256Digest

  public init(label: SnapshotLabel, before: SHA256Digest, after: SHA256Digest?, restored: SHA256Digest) {
    self.label = label
    self.before = before
    self.after = after
    self.restored = restored
  }

  /// For an operation's result.
  public var json: JSON {
    [
      "name": .string(label.text), "before": .string(before.hex), "after": after.map { .string($0.hex) } ?? .null,
      "restored": .string(restored.hex),
    ]
  }
}
