import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import TransparencyLog

/// The configuration of the privileged process: a file of root's that says which box it serves, and to whom. Unknown
/// members are refused, so that a misspelt name cannot leave a default in place.
public struct SystemConfiguration: Sendable {
  /// The file's `format`.
  public static let format = "safebox-system/v1"
  /// The most bytes that the file may have.
  public static let maxBytes = 256 << 10
  /// Where it is unless somebody says otherwise.
  public static let standardPath = "/etc/safebox/system.json"
  public static let standardRoot = "/var/lib/safebox-system"
  public static let standardSocket = "/run/safebox-system/system.sock"

  /// The box's name, which is the origin of its log.
  public var box: String
  /// Its keys, as its `public.json` has them.
  public var keys: BoxKeys
  /// Leaf hash of entry 0.
  public var genesis: SHA256Digest
  /// Absolute path of the root directory.
  public var root: String
  /// Absolute path of the unix socket.
  public var socket: String
  /// Users who are answered.
  public var uids: [UInt32]
  /// C2SP tlog-policy text; nil demands no witness.
  public var witnesses: String?
  /// How far in the future an entry may lie, in seconds.
  public var tolerance: Int64 = 60
  /// How long after its start an operation may begin, in seconds.
  public var recency: Int64 = 900
  /// The most bytes that the copy of the log may have.
  public var maxLogBytes: Int64 = 64 << 30
  /// Settings of the operator's for executors; read by them.
  public var acquisition: JSONObject = [:]
  public var runners: JSONObject = [:]
  public var snapshots: JSONObject = [:]

  public init(
    box: String, keys: BoxKeys, genesis: SHA256Digest, root: String = standardRoot, socket: String = standardSocket,
    uids: [UInt32], witnesses: String? = nil
  ) {
    self.box = box
    self.keys = keys
    self.genesis = genesis
    self.root = root
    self.socket = socket
    self.uids = uids
    self.witnesses = witnesses
  }

  public init(parsing bytes: [UInt8]) throws {
    let json = try JSON(parsing: bytes, limits: JSONLimits(maxBytes: Self.maxBytes, integersOnly: true))
    var reader = try ObjectReader(json)
    let format = try reader.string("format", maxBytes: 64)
    guard format == Self.format else {
      throw FieldError(field: "format", expected: Self.format, actual: JSON.string(format).summary)
    }
    box = try reader.string("box", maxBytes: 255)
    var keys = try reader.object("keys")
    self.keys = BoxKeys(
      ed25519: try keys.string("ed25519", maxBytes: 512), es256: try keys.string("es256", maxBytes: 512))
    try keys.finish()
    let hex = try reader.string("genesis", maxBytes: 64)
    guard let genesis = SHA256Digest(hex: hex) else {
      throw FieldError(field: "genesis", expected: "64 hexadecimal digits", actual: JSON.string(hex).summary)
    }
    self.genesis = genesis
    root = try Self.path(&reader, "root", maxBytes: 200)
    socket = try Self.path(&reader, "socket", maxBytes: 107)
    uids = try reader.array("uids", maxCount: 16).enumerated().map { index, value throws(FieldError) in
      guard let uid = value.integer, let uid = UInt32(exactly: uid) else {
        throw FieldError(field: "uids[\(index)]", expected: "a user's number", actual: value.summary)
      }
      return uid
    }
    guard !uids.isEmpty else { throw FieldError(field: "uids", expected: "at least one user", actual: "none") }
    switch try reader.json("witnesses") {
    // Written out: nobody forgets witnesses by leaving a line away.
    case .null: witnesses = nil
    case .string(let text): witnesses = text
    case let other: throw FieldError(field: "witnesses", expected: "a policy or null", actual: other.summary)
    }
    tolerance = try reader.integer("clockToleranceSeconds", in: 0...3600)
    recency = try reader.integer("recencySeconds", in: 30...86_400)
    maxLogBytes = try reader.integer("maxLogBytes", in: (1 << 20)...(1 << 44))
    acquisition = try Self.object(&reader, "acquisition")
    runners = try Self.object(&reader, "runners")
    snapshots = try Self.object(&reader, "snapshots")
    try reader.finish()
    _ = try pins()
  }

  /// What the follower is given. Throws ``FieldError`` for a key or a policy that is none.
  public func pins() throws(FieldError) -> LogPins {
    LogPins(
      log: try logKeys(), genesis: genesis, witnesses: try policy(), tolerance: tolerance * 1000,
      recency: recency * 1000, maxLogBytes: Int(maxLogBytes))
  }

  private func logKeys() throws(FieldError) -> LogKeys {
    guard Name.isOrigin(box) else {
      throw FieldError(field: "box", expected: "the name of a box", actual: JSON.string(box).summary)
    }
    let es256 = try ClaimKey(parsing: keys.es256, path: "keys.es256")
    do {
      let ed25519 = try VerifierKey(parsing: keys.ed25519)
      guard ed25519.algorithm == .ed25519 else {
        throw FieldError(field: "keys.ed25519", expected: "an Ed25519 key", actual: "\(ed25519.algorithm)")
      }
      return try LogKeys(
        origin: box, keys: [ed25519, VerifierKey(name: box, es256: es256.publicKey)])
    } catch let error as FieldError {
      throw error
    } catch {
      throw FieldError(field: "keys", expected: "the keys of \(box)", actual: "\(error)")
    }
  }

  private func policy() throws(FieldError) -> WitnessPolicy? {
    guard let witnesses else { return nil }
    do {
      let policy = try WitnessPolicy(parsing: Array(witnesses.utf8))
      guard policy.quorum != nil else {
        throw FieldError(field: "witnesses", expected: "a quorum, or null instead of the policy", actual: "quorum none")
      }
      return policy
    } catch let error as FieldError {
      throw error
    } catch {
      throw FieldError(field: "witnesses", expected: "a C2SP tlog-policy", actual: "\(error)")
    }
  }

  /// An absolute path in its shortest spelling: it also stands in a unit of systemd, where a blank would end it.
  private static func path(_ reader: inout ObjectReader, _ name: String, maxBytes: Int) throws(FieldError) -> String {
    let text = try reader.string(name, maxBytes: maxBytes)
    guard SystemPath.isPlain(text) else {
      throw FieldError(
        field: name, expected: "an absolute path of letters, digits and ./_-", actual: JSON.string(text).summary)
    }
    return text
  }

  private static func object(_ reader: inout ObjectReader, _ name: String) throws(FieldError) -> JSONObject {
    let value = try reader.json(name)
    guard let object = value.object else {
      throw FieldError(field: name, expected: "an object", actual: value.summary)
    }
    return object
  }

  /// What ``init(parsing:)`` reads.
  public var bytes: [UInt8] {
    JSON.object([
      "format": .string(Self.format), "box": .string(box),
      "keys": ["ed25519": .string(keys.ed25519), "es256": .string(keys.es256)], "genesis": .string(genesis.hex),
      "root": .string(root), "socket": .string(socket), "uids": .array(uids.map { .integer(Int64($0)) }),
      "witnesses": witnesses.map(JSON.string) ?? .null, "clockToleranceSeconds": .integer(tolerance),
      "recencySeconds": .integer(recency), "maxLogBytes": .integer(maxLogBytes), "acquisition": .object(acquisition),
      "runners": .object(runners), "snapshots": .object(snapshots),
    ]).canonicalBytes() + [0x0A]
  }
}

/// Paths that mean the same to a shell, to sudo and to systemd.
enum SystemPath {
  static func isPlain(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard text.hasPrefix("/"), parts.count > 1 else { return false }
    return parts.dropFirst().allSatisfy { part in
      !part.isEmpty && part != "." && part != ".." && !part.hasPrefix("-")
        && part.utf8.allSatisfy { byte in
          switch byte {
          case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
          default: false
          }
        }
    }
  }
}
