import CanonicalJSON
import Cryptography
import Governance

/// What a stranger can check offline of one run of a tool: every entry that the log has of it, and those by which the
/// tool was registered (docs/formats.md section 9). A value of this type is well formed; ``ReceiptVerifier`` says
/// whether it holds.
public struct RunReceipt: Sendable, Hashable {
  /// The only format there is.
  public static let format = "safebox-run-receipt/v1"

  public enum Limits {
    /// The whole file in bytes: 4 MiB, as of every receipt. What a run of some 3000 answers comes to.
    public static let bytes = Receipt.Limits.bytes
    public static let entries = 8192
  }

  /// Which entry plays which part, by index.
  public struct Roles: Sendable, Hashable {
    /// `box.created`.
    public let genesis: UInt64
    /// The `proposal.opened` that asked for the tool.
    public let proposed: UInt64
    /// The `execution.finished` by which it was registered.
    public let registered: UInt64
    public let started: UInt64
    /// Ascending.
    public let resumed: [UInt64]
    /// Ascending: every answer that was delivered.
    public let called: [UInt64]
    public let finished: UInt64

    public init(
      genesis: UInt64, proposed: UInt64, registered: UInt64, started: UInt64, resumed: [UInt64], called: [UInt64],
      finished: UInt64
    ) {
      self.genesis = genesis
      self.proposed = proposed
      self.registered = registered
      self.started = started
      self.resumed = resumed
      self.called = called
      self.finished = finished
    }

    /// Every index that plays a part.
    public var indices: Set<UInt64> { Set([genesis, proposed, registered, started, finished] + resumed + called) }
  }

  /// The signed note.
  public let checkpoint: String
  /// Base64 of r||s, the box's ES256 signature over the note's text, for browsers.
  public let es256: String
  /// Ascending by index, each with a role.
  public let entries: [Receipt.Item]
  public let roles: Roles
  /// The box's identity at that time, and its evidence; nil where it claimed none.
  public let attested: Attested?

  init(checkpoint: String, es256: String, entries: [Receipt.Item], roles: Roles, attested: Attested?) {
    self.attested = attested
    self.checkpoint = checkpoint
    self.es256 = es256
    self.entries = entries
    self.roles = roles
  }

  var proof: LogProof { LogProof(checkpoint: checkpoint, es256: es256, entries: entries) }

  public var json: JSON {
    let number = LogProof.number
    var object: JSONObject = [
      "format": .string(Self.format), "checkpoint": .string(checkpoint), "es256": .string(es256),
      "entries": proof.itemsJSON,
      "roles": [
        "genesis": number(roles.genesis), "proposed": number(roles.proposed), "registered": number(roles.registered),
        "started": number(roles.started), "resumed": .array(roles.resumed.map(number)),
        "called": .array(roles.called.map(number)), "finished": number(roles.finished),
      ],
    ]
    for (name, value) in Attested.members(attested) { object[name] = value }
    return .object(object)
  }

  /// The file: canonical, so that equal receipts are equal files.
  public var bytes: [UInt8] { json.canonicalBytes() }

  /// Whether a file is one of a run: what a reader asks before it reads.
  public static func isOne(_ bytes: [UInt8]) -> Bool {
    (try? ReceiptFile.json(bytes))?["format"] == .string(format)
  }
}

extension RunReceipt {
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
      checkpoint = try reader.string("checkpoint", maxBytes: Receipt.Limits.checkpointBytes)
      es256 = try reader.string("es256", maxBytes: 128)
      entries = try LogProof.items(&reader, maxCount: Limits.entries)
      roles = try Self.roles(&reader)
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
    func indices(_ name: String) throws(FieldError) -> [UInt64] {
      var indices: [UInt64] = []
      for value in try roles.array(name, maxCount: Limits.entries) {
        guard let index = value.integer, LogProof.safeIndex.contains(index) else {
          throw FieldError(field: "roles.\(name)", expected: "indices", actual: value.summary)
        }
        indices.append(UInt64(index))
      }
      return indices
    }
    let read = Roles(
      genesis: try index("genesis"), proposed: try index("proposed"), registered: try index("registered"),
      started: try index("started"), resumed: try indices("resumed"), called: try indices("called"),
      finished: try index("finished"))
    try roles.finish()
    return read
  }
}
