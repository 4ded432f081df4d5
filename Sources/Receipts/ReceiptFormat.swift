import CanonicalJSON
import Cryptography
import Governance

extension Receipt {
  /// Reads the file of a receipt. Failures have the codes `format.*`.
  public init(parsing bytes: [UInt8]) throws(CheckFailure) {
    guard bytes.count <= Limits.bytes else {
      throw CheckFailure("format.size", expected: "at most \(Limits.bytes) bytes", actual: "\(bytes.count)")
    }
    let json: JSON
    do {
      let limits = JSONLimits(maxBytes: Limits.bytes, maxStringBytes: Limits.stringBytes)
      json = try JSON(parsing: bytes, limits: limits)
    } catch {
      throw CheckFailure("format.json", expected: "strict I-JSON", actual: "\(error)")
    }
    try self.init(json: json)
  }

  /// Reads a receipt that is already JSON.
  public init(json: JSON) throws(CheckFailure) {
    guard json["format"] == .string(Self.format) else {
      throw CheckFailure("format.version", expected: Self.format, actual: json["format"]?.summary ?? "nothing")
    }
    do throws(FieldError) {
      var reader = try ObjectReader(json)
      _ = try reader.string("format", maxBytes: 64)
      checkpoint = try reader.string("checkpoint", maxBytes: Limits.checkpointBytes)
      es256 = try reader.string("es256", maxBytes: 128)
      constitution = try reader.json("constitution")
      guard case .object = constitution else {
        throw FieldError(field: "constitution", expected: "an object", actual: constitution.summary)
      }
      entries = try Self.items(&reader)
      roles = try Self.roles(&reader)
      openings = try Self.openings(&reader)
      for name in ["identity", "evidence", "release"] { _ = try reader.json(name) }
      try reader.finish()
    } catch {
      throw CheckFailure("format.field", expected: "\(error.field): \(error.expected)", actual: error.actual)
    }
    for (one, next) in zip(entries, entries.dropFirst()) where next.index <= one.index {
      throw CheckFailure("format.entry-order", expected: "an index above \(one.index)", actual: "\(next.index)")
    }
    let indices = Set(entries.map(\.index))
    for index in roles.indices.sorted() where !indices.contains(index) {
      throw CheckFailure("format.role", expected: "a role that names an entry of the receipt", actual: "\(index)")
    }
    for index in indices.sorted() where !roles.indices.contains(index) {
      throw CheckFailure("format.entry-without-role", expected: "entries that a role names", actual: "\(index)")
    }
    // This version cannot check them, and must not seem to have done so.
    for name in ["identity", "evidence", "release"] {
      guard let value = json[name], value.isNull else {
        throw CheckFailure("format.reserved", expected: "\(name): null", actual: json[name]?.summary ?? "nothing")
      }
    }
  }

  private static let safeIndex = 0...JSON.maxSafeInteger

  private static func items(_ reader: inout ObjectReader) throws(FieldError) -> [Item] {
    var items: [Item] = []
    for (number, json) in try reader.array("entries", maxCount: Limits.entries).enumerated() {
      let path = "entries[\(number)]"
      var item = try ObjectReader(json, path: path)
      let index = try item.integer("index", in: safeIndex)
      let entry = try item.string("entry", maxBytes: 65_535)
      var proof: [SHA256Digest] = []
      for value in try item.array("proof", maxCount: Limits.proofHashes) {
        guard let text = value.string, let bytes = Base64.decode(text), let hash = SHA256Digest(bytes) else {
          throw FieldError(field: "\(path).proof", expected: "base64 of 32 bytes", actual: value.summary)
        }
        proof.append(hash)
      }
      try item.finish()
      items.append(Item(index: UInt64(index), entry: Array(entry.utf8), proof: proof))
    }
    guard !items.isEmpty else { throw FieldError(field: "entries", expected: "at least one entry", actual: "none") }
    return items
  }

  private static func roles(_ reader: inout ObjectReader) throws(FieldError) -> Roles {
    var roles = try reader.object("roles")
    func index(_ name: String) throws(FieldError) -> UInt64 { UInt64(try roles.integer(name, in: safeIndex)) }
    let (genesis, epoch, opened) = (try index("genesis"), try index("epoch"), try index("opened"))
    let (started, finished) = (try index("started"), try index("finished"))
    var approvals: [UInt64] = []
    for value in try roles.array("approvals", maxCount: Limits.entries) {
      guard let index = value.integer, safeIndex.contains(index) else {
        throw FieldError(field: "roles.approvals", expected: "indices", actual: value.summary)
      }
      approvals.append(UInt64(index))
    }
    try roles.finish()
    return Roles(
      genesis: genesis, epoch: epoch, opened: opened, approvals: approvals, started: started, finished: finished)
  }

  private static func openings(_ reader: inout ObjectReader) throws(FieldError) -> [SHA256Digest: Opening] {
    let json = try reader.json("openings")
    guard let object = json.object, object.count <= Limits.openings else {
      throw FieldError(
        field: "openings", expected: "an object of at most \(Limits.openings) members", actual: json.summary)
    }
    var openings: [SHA256Digest: Opening] = [:]
    for (name, value) in object {
      guard let digest = SHA256Digest(hex: name) else {
        throw FieldError(field: "openings", expected: "digests as names", actual: JSON.string(name).summary)
      }
      openings[digest] = try Opening(json: value, path: "openings.\(name)")
    }
    return openings
  }
}
