import CanonicalJSON
import Cryptography

/// What every receipt begins with: entries of the log, each proved against one signed checkpoint.
struct LogProof: Sendable, Hashable {
  /// The signed note.
  let checkpoint: String
  /// Base64 of r||s, the box's ES256 signature over the note's text, for browsers.
  let es256: String
  /// Ascending by index, each with a role.
  let entries: [Receipt.Item]

  static let safeIndex = 0...JSON.maxSafeInteger

  static func items(
    _ reader: inout ObjectReader, maxCount: Int
  ) throws(FieldError) -> [Receipt.Item] {
    var items: [Receipt.Item] = []
    for (number, json) in try reader.array("entries", maxCount: maxCount).enumerated() {
      items.append(try item(json, path: "entries[\(number)]"))
    }
    guard !items.isEmpty else { throw FieldError(field: "entries", expected: "at least one entry", actual: "none") }
    return items
  }

  /// One entry with its proof: `{"index","entry","proof"}`.
  static func item(_ json: JSON, path: String) throws(FieldError) -> Receipt.Item {
    var item = try ObjectReader(json, path: path)
    let index = try item.integer("index", in: safeIndex)
    let entry = try item.string("entry", maxBytes: 65_535)
    var proof: [SHA256Digest] = []
    for value in try item.array("proof", maxCount: Receipt.Limits.proofHashes) {
      guard let text = value.string, let bytes = Base64.decode(text), let hash = SHA256Digest(bytes) else {
        throw FieldError(field: "\(path).proof", expected: "base64 of 32 bytes", actual: value.summary)
      }
      proof.append(hash)
    }
    try item.finish()
    return Receipt.Item(index: UInt64(index), entry: Array(entry.utf8), proof: proof)
  }

  /// Entries ascend, each has a role, and each role an entry.
  func check(roles: Set<UInt64>) throws(CheckFailure) {
    for (one, next) in zip(entries, entries.dropFirst()) where next.index <= one.index {
      throw CheckFailure("format.entry-order", expected: "an index above \(one.index)", actual: "\(next.index)")
    }
    let indices = Set(entries.map(\.index))
    for index in roles.sorted() where !indices.contains(index) {
      throw CheckFailure("format.role", expected: "a role that names an entry of the receipt", actual: "\(index)")
    }
    for index in indices.sorted() where !roles.contains(index) {
      throw CheckFailure("format.entry-without-role", expected: "entries that a role names", actual: "\(index)")
    }
  }

  /// The member `entries` of a receipt.
  var itemsJSON: JSON {
    .array(entries.map(Self.json))
  }

  static func json(_ item: Receipt.Item) -> JSON {
    [
      "index": number(item.index), "entry": .string(String(decoding: item.entry, as: UTF8.self)),
      "proof": .array(item.proof.map { .string(Base64.encode($0.bytes)) }),
    ]
  }

  static func number(_ index: UInt64) -> JSON { .integer(Int64(clamping: index)) }
}

/// The file of a receipt of either kind.
enum ReceiptFile {
  /// Strict I-JSON within the limits. Failures have the codes `format.size` and `format.json`.
  static func json(_ bytes: [UInt8]) throws(CheckFailure) -> JSON {
    guard bytes.count <= Receipt.Limits.bytes else {
      throw CheckFailure("format.size", expected: "at most \(Receipt.Limits.bytes) bytes", actual: "\(bytes.count)")
    }
    do {
      let limits = JSONLimits(maxBytes: Receipt.Limits.bytes, maxStringBytes: Receipt.Limits.stringBytes)
      return try JSON(parsing: bytes, limits: limits)
    } catch {
      throw CheckFailure("format.json", expected: "strict I-JSON", actual: "\(error)")
    }
  }
}
