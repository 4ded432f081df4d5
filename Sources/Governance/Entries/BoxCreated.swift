import CanonicalJSON
import Cryptography

/// Entry 0: which box this log belongs to and the first constitution.
public struct BoxCreated: EntryBody {
  /// The only format there is.
  public static let format = "safebox/v1"

  /// The box's name, which is the log's origin.
  public var box: String
  public var keys: BoxKeys
  public var constitution: Constitution
  /// The witness policy (C2SP tlog-policy) as text; nil is written `null` and says that there are no witnesses.
  public var witnesses: String?

  public init(box: String, keys: BoxKeys, constitution: Constitution, witnesses: String?) {
    self.box = box
    self.keys = keys
    self.constitution = constitution
    self.witnesses = witnesses
  }

  public init(body: JSON) throws(FieldError) {
    var reader = try ObjectReader(body)
    let format = try reader.string("format", maxBytes: 64)
    guard format == Self.format else {
      throw FieldError(field: "format", expected: Self.format, actual: JSON.string(format).summary)
    }
    box = try reader.origin("box")
    keys = try BoxKeys(reader.json("keys"), path: "keys", box: box)
    constitution = try Constitution(json: reader.json("constitution"), path: "constitution")
    switch try reader.json("witnesses") {
    case .null: witnesses = nil
    case .string(let text) where (1...8192).contains(text.utf8.count): witnesses = text
    case let other:
      throw FieldError(field: "witnesses", expected: "null or a policy of 1-8192 bytes", actual: other.summary)
    }
    try reader.finish()
  }

  public var kind: EntryKind { .boxCreated }

  public var body: JSON {
    [
      "format": .string(Self.format), "box": .string(box), "keys": keys.json, "constitution": constitution.json,
      "witnesses": witnesses.map(JSON.string) ?? .null,
    ]
  }
}

/// The two keys with which a box signs its checkpoints.
public struct BoxKeys: Sendable, Hashable {
  /// A C2SP verifier key of type 0x01: `<box>+<8 hex digits>+<base64>`.
  public var ed25519: String
  /// `data:key/es256;base64,<SPKI DER>`.
  public var es256: String

  public init(ed25519: String, es256: String) {
    self.ed25519 = ed25519
    self.es256 = es256
  }

  init(_ json: JSON, path: String, box: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    ed25519 = try reader.string("ed25519", maxBytes: 512)
    es256 = try reader.string("es256", maxBytes: 512)
    try reader.finish()
    guard Self.isVerifierKey(ed25519, of: box) else {
      throw FieldError(
        field: reader.pathOf("ed25519"), expected: "a verifier key named \(box)", actual: JSON.string(ed25519).summary)
    }
    guard Self.isES256Key(es256) else {
      throw FieldError(
        field: reader.pathOf("es256"), expected: "data:key/es256;base64,...", actual: JSON.string(es256).summary)
    }
  }

  var json: JSON { ["ed25519": .string(ed25519), "es256": .string(es256)] }

  /// C2SP signed-note: the key id is the start of SHA-256(name || LF || type || key).
  private static func isVerifierKey(_ text: String, of box: String) -> Bool {
    let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == box, let id = Hex.decode(parts[1]), let key = Base64.decode(parts[2]),
      key.count == 33, key[0] == 0x01
    else { return false }
    return id == Array(SHA256.hash(Array(box.utf8) + [0x0A] + key).bytes.prefix(4))
  }

  private static func isES256Key(_ text: String) -> Bool {
    let prefix = "data:key/es256;base64,"
    guard text.utf8.starts(with: prefix.utf8), let der = Base64.decode(text.dropFirst(prefix.count)) else {
      return false
    }
    return (try? P256.PublicKey(spkiDER: der)) != nil
  }
}
