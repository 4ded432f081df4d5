import CanonicalJSON
import Cryptography
import Governance

/// What a stranger can check offline: one governed action with everything that shows why the box was allowed to carry it
/// out (docs/formats.md section 9). A value of this type is well formed; ``ReceiptVerifier`` says whether it holds.
public struct Receipt: Sendable, Hashable {
  /// The only format there is.
  public static let format = "safebox-receipt/v1"

  public enum Limits {
    /// The whole file in bytes: 4 MiB.
    public static let bytes = 4 * 1024 * 1024
    /// One string in it: 2 MiB.
    public static let stringBytes = 2 * 1024 * 1024
    /// The checkpoint with its signatures.
    public static let checkpointBytes = 256 * 1024
    public static let entries = 256
    public static let proofHashes = 63
    public static let openings = 64
  }

  /// One entry of the log with its inclusion path.
  public struct Item: Sendable, Hashable {
    public let index: UInt64
    /// The bytes as the log has them.
    public let entry: [UInt8]
    /// From the leaf's sibling up to the root's child.
    public let proof: [SHA256Digest]

    public init(index: UInt64, entry: [UInt8], proof: [SHA256Digest]) {
      self.index = index
      self.entry = entry
      self.proof = proof
    }
  }

  /// Which entry plays which part, by index.
  public struct Roles: Sendable, Hashable {
    /// `box.created`.
    public let genesis: UInt64
    /// What opened the statement's epoch: 0 for the first.
    public let epoch: UInt64
    public let opened: UInt64
    /// Exactly the approvals that `execution.started` counts, ascending.
    public let approvals: [UInt64]
    public let started: UInt64
    public let finished: UInt64

    public init(
      genesis: UInt64, epoch: UInt64, opened: UInt64, approvals: [UInt64], started: UInt64, finished: UInt64
    ) {
      self.genesis = genesis
      self.epoch = epoch
      self.opened = opened
      self.approvals = approvals
      self.started = started
      self.finished = finished
    }

    /// Every index that plays a part.
    public var indices: Set<UInt64> { Set([genesis, epoch, opened, started, finished] + approvals) }
  }

  /// The signed note.
  public let checkpoint: String
  /// Base64 of r||s, the box's ES256 signature over the note's text, for browsers.
  public let es256: String
  /// Ascending by index, each with a role.
  public let entries: [Item]
  public let roles: Roles
  /// The constitution of the statement's epoch.
  public let constitution: JSON
  /// The private values that whoever made the receipt discloses, by the digests of their commitments.
  public let openings: [SHA256Digest: Opening]
  /// The box's identity at that time, and its evidence; nil where it claimed none.
  public let attested: Attested?

  init(
    checkpoint: String, es256: String, entries: [Item], roles: Roles, constitution: JSON,
    openings: [SHA256Digest: Opening], attested: Attested?
  ) {
    self.attested = attested
    self.checkpoint = checkpoint
    self.es256 = es256
    self.entries = entries
    self.roles = roles
    self.constitution = constitution
    self.openings = openings
  }

  var proof: LogProof { LogProof(checkpoint: checkpoint, es256: es256, entries: entries) }

  /// The entry that stands at `index`.
  public func entry(at index: UInt64) -> Item? { entries.first { $0.index == index } }

  public var json: JSON {
    let number = LogProof.number
    var object: JSONObject = [
      "format": .string(Self.format), "checkpoint": .string(checkpoint), "es256": .string(es256),
      "entries": proof.itemsJSON,
      "roles": [
        "genesis": number(roles.genesis), "epoch": number(roles.epoch), "opened": number(roles.opened),
        "approvals": .array(roles.approvals.map(number)), "started": number(roles.started),
        "finished": number(roles.finished),
      ],
      "constitution": constitution,
      "openings": .object(JSONObject(openings.map { ($0.key.hex, $0.value.json) })),
    ]
    for (name, value) in Attested.members(attested) { object[name] = value }
    return .object(object)
  }

  /// The file: canonical, so that equal receipts are equal files.
  public var bytes: [UInt8] { json.canonicalBytes() }
}
