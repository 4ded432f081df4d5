import CanonicalJSON
import Cryptography
import Governance

extension Receipt {
  /// Reads the file of a receipt. Failures have the codes `format.*`.
  public init(parsing bytes: [UInt8]) throws(CheckFailure) { try self.init(json: ReceiptFile.json(bytes)) }

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
      entries = try LogProof.items(&reader, maxCount: Limits.entries)
      roles = try Self.roles(&reader)
      openings = try Self.openings(&reader)
      attested = try Attested.read(&reader)
      try reader.finish()
    } catch {
      throw CheckFailure("format.field", expected: "\(error.field): \(error.expected)", actual: error.actual)
    }
    try proof.check(roles: roles.indices)
  }

  private static func roles(_ reader: inout ObjectReader) throws(FieldError) -> Roles {
    var roles = try reader.object("roles")
    func index(_ name: String) throws(FieldError) -> UInt64 { UInt64(try roles.integer(name, in: LogProof.safeIndex)) }
    let (genesis, epoch, opened) = (try index("genesis"), try index("epoch"), try index("opened"))
    let (started, finished) = (try index("started"), try index("finished"))
    var approvals: [UInt64] = []
    for value in try roles.array("approvals", maxCount: Limits.entries) {
      guard let index = value.integer, LogProof.safeIndex.contains(index) else {
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
