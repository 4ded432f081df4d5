import CanonicalJSON
import Cryptography
import TransparencyLog

/// The body of `POST /v1/log`: `{"from","checkpoint","entries"}`. A log that does not fit into one is sent in several, all
/// of them with the checkpoint that covers the last.
public struct LogPush: Sendable {
  /// Index of the first entry.
  public let from: UInt64
  /// The signed note.
  public let checkpoint: [UInt8]
  /// The entries' bytes; at most 65,535 each.
  public let entries: [[UInt8]]

  /// The most bytes that the JSON text may have.
  public static let maxBytes = 8 << 20
  /// The most entries in one.
  public static let maxEntries = 65_536

  public init(from: UInt64, checkpoint: [UInt8], entries: [[UInt8]]) {
    self.from = from
    self.checkpoint = checkpoint
    self.entries = entries
  }

  public init(json: JSON) throws(FieldError) {
    var reader = try ObjectReader(json)
    from = UInt64(try reader.integer("from", in: 0...JSON.maxSafeInteger))
    checkpoint = Array(try reader.string("checkpoint", maxBytes: SignedNote.maximumLength).utf8)
    entries = try reader.array("entries", maxCount: Self.maxEntries).enumerated().map {
      index, value throws(FieldError) in
      guard let text = value.string, let bytes = Base64.decode(text), bytes.count <= LogCopy.maxEntryBytes else {
        throw FieldError(
          field: "entries[\(index)]", expected: "base64 of at most \(LogCopy.maxEntryBytes) bytes",
          actual: value.string.map { "\($0.utf8.count) characters" } ?? value.summary)
      }
      return bytes
    }
    try reader.finish()
  }

  public var json: JSON {
    [
      "from": .integer(Int64(from)), "checkpoint": .string(String(decoding: checkpoint, as: UTF8.self)),
      "entries": .array(entries.map { .string(Base64.encode($0)) }),
    ]
  }
}

/// How far a copy of the log reaches.
public struct LogPosition: Sendable, Hashable {
  /// Entries that a verified checkpoint covers.
  public let size: UInt64
  /// The root of those.
  public let root: SHA256Digest
  /// Where the next push begins: behind `size` while only part of what a checkpoint covers has arrived.
  public let next: UInt64

  public init(size: UInt64, root: SHA256Digest, next: UInt64) {
    self.size = size
    self.root = root
    self.next = next
  }

  public init(json: JSON, path: String = "") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    size = UInt64(try reader.integer("size", in: 0...JSON.maxSafeInteger))
    let hex = try reader.string("root", maxBytes: 64)
    guard let root = SHA256Digest(hex: hex) else {
      throw FieldError(field: reader.pathOf("root"), expected: "a digest", actual: JSON.string(hex).summary)
    }
    self.root = root
    next = UInt64(try reader.integer("next", in: 0...JSON.maxSafeInteger))
    try reader.finish()
  }

  public var json: JSON {
    ["size": .integer(Int64(size)), "root": .string(root.hex), "next": .integer(Int64(next))]
  }
}
