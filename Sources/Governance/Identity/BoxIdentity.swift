import CanonicalJSON
import Cryptography

/// What a box says of itself at a start: the keys that it made, and the evidence that binds them to a machine
/// (docs/formats.md section 16).
@dynamicMemberLookup
public struct BoxIdentity: Sendable, Hashable {
  static let format = "safebox-identity/v1"

  /// Everything for which the evidence was made; it exists before the evidence does.
  public struct Bound: Sendable, Hashable {
    public var box: String
    public var keys: BoxKeys
    /// X25519: a channel ends at whoever has its private half.
    public var channel: [UInt8]
    /// X25519: what is released to this box is encrypted to it.
    public var wrapping: [UInt8]
    /// 32 fresh random bytes.
    public var nonce: [UInt8]
    /// The checkpoint that the box had last signed: the evidence was made after it.
    public var size: UInt64
    public var root: SHA256Digest
    /// What the machine's monotonic counter shows once the claim is recorded; nil where the machine has none.
    public var counter: Int64?

    public init(
      box: String, keys: BoxKeys, channel: [UInt8], wrapping: [UInt8], nonce: [UInt8], size: UInt64,
      root: SHA256Digest, counter: Int64?
    ) {
      self.box = box
      self.keys = keys
      self.channel = channel
      self.wrapping = wrapping
      self.nonce = nonce
      self.size = size
      self.root = root
      self.counter = counter
    }

    /// What the evidence must have been made for: SHA-256 of the RFC 8785 form of all this. Another document never has this
    /// digest, because `format` is one of its members.
    public var binding: SHA256Digest { SHA256.hash(JSON.object(members).canonicalBytes()) }

    fileprivate var members: JSONObject {
      [
        "format": .string(BoxIdentity.format), "box": .string(box), "ed25519": .string(keys.ed25519),
        "es256": .string(keys.es256), "channel": .string(Base64.encode(channel)),
        "wrapping": .string(Base64.encode(wrapping)), "nonce": .string(Hex.encode(nonce)),
        "log": ["size": .integer(Int64(clamping: size)), "root": .string(root.hex)],
        "counter": counter.map { .integer($0) } ?? .null,
      ]
    }
  }

  public var bound: Bound
  /// Digest of the evidence (``Evidence/digest``), which lies in the box's store of documents.
  public var evidence: SHA256Digest

  public init(_ bound: Bound, evidence: SHA256Digest) {
    self.bound = bound
    self.evidence = evidence
  }

  public subscript<Value>(dynamicMember member: WritableKeyPath<Bound, Value>) -> Value {
    get { bound[keyPath: member] }
    set { bound[keyPath: member] = newValue }
  }

  /// What the evidence must have been made for.
  public var binding: SHA256Digest { bound.binding }

  /// The `stm` of the claim.
  public var stm: JSON {
    var object = bound.members
    object["evidence"] = .string(evidence.hex)
    return .object(object)
  }

  public init(stm: JSON, path: String = "stm") throws(FieldError) {
    var reader = try ObjectReader(stm, path: path)
    let format = try reader.string("format", maxBytes: 64)
    guard format == Self.format else {
      throw FieldError(
        field: reader.pathOf("format"), expected: Self.format, actual: JSON.string(format).summary)
    }
    let box = try reader.origin("box")
    let keys = BoxKeys(
      ed25519: try reader.string("ed25519", maxBytes: 512), es256: try reader.string("es256", maxBytes: 512))
    let channel = try Self.key("channel", &reader)
    let wrapping = try Self.key("wrapping", &reader)
    let nonceText = try reader.string("nonce", maxBytes: 64)
    guard let nonce = Hex.decode(nonceText), nonce.count == 32 else {
      throw FieldError(
        field: reader.pathOf("nonce"), expected: "32 bytes in hexadecimal", actual: JSON.string(nonceText).summary)
    }
    var log = try reader.object("log")
    let size = UInt64(try log.integer("size", in: 0...JSON.maxSafeInteger))
    let root = try log.digest("root")
    try log.finish()
    let counter: Int64?
    switch try reader.json("counter") {
    case .null: counter = nil
    case .integer(let value) where (0...JSON.maxSafeInteger).contains(value): counter = value
    case let other:
      throw FieldError(field: reader.pathOf("counter"), expected: "null or a count", actual: other.summary)
    }
    evidence = try reader.digest("evidence")
    try reader.finish()
    bound = Bound(
      box: box, keys: keys, channel: channel, wrapping: wrapping, nonce: nonce, size: size, root: root,
      counter: counter)
  }

  private static func key(_ name: String, _ reader: inout ObjectReader) throws(FieldError) -> [UInt8] {
    let text = try reader.string(name, maxBytes: 64)
    guard let key = Base64.decode(text), key.count == 32 else {
      throw FieldError(
        field: reader.pathOf(name), expected: "32 bytes in base64", actual: JSON.string(text).summary)
    }
    return key
  }
}
