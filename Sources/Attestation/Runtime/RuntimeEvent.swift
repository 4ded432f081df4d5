public import CanonicalJSON
public import Cryptography

/// Code that was measured before its first use while the box ran, or the end of such measurements.
public struct RuntimeEvent: Sendable, Hashable {
  /// What was measured. The numbers are part of the measured bytes and never change.
  public enum Kind: UInt8, Sendable, Hashable, CaseIterable {
    case tool = 1
    case policy = 2
    case model = 3
    case runner = 4
    /// Nothing is measured after it until the machine starts again.
    case lock = 5

    public var name: String {
      switch self {
      case .tool: "tool"
      case .policy: "policy"
      case .model: "model"
      case .runner: "runner"
      case .lock: "lock"
      }
    }

    public init?(name: String) {
      guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
      self = kind
    }
  }

  public static let maxNameBytes = 256
  /// Without it, an event could be read as a measurement of something else that the same register takes.
  static let domain = [UInt8]("safebox/measure/v1\0".utf8)

  public let kind: Kind
  /// For people: 1 to 256 bytes of UTF-8.
  public let name: String
  /// What the code is: the digest that names it in the box's log. For a lock, the digest of the decision to lock.
  public let digest: SHA256Digest

  public init(kind: Kind, name: String, digest: SHA256Digest) throws(FieldError) {
    guard (1...Self.maxNameBytes).contains(name.utf8.count) else {
      throw FieldError(
        field: "name", expected: "1 to \(Self.maxNameBytes) bytes of UTF-8", actual: "\(name.utf8.count) bytes")
    }
    self.kind = kind
    self.name = name
    self.digest = digest
  }

  /// `{"kind","name","digest"}`.
  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let kindName = try reader.string("kind", maxBytes: 16)
    guard let kind = Kind(name: kindName) else {
      throw FieldError(
        field: reader.pathOf("kind"), expected: Kind.allCases.map(\.name).joined(separator: ", "),
        actual: JSON.string(kindName).summary)
    }
    let name = try reader.string("name", maxBytes: Self.maxNameBytes)
    guard !name.isEmpty else {
      throw FieldError(
        field: reader.pathOf("name"), expected: "1 to \(Self.maxNameBytes) bytes of UTF-8", actual: "0 bytes")
    }
    let text = try reader.string("digest", maxBytes: 64)
    guard let digest = SHA256Digest(hex: text) else {
      throw FieldError(
        field: reader.pathOf("digest"), expected: "64 lower-case hexadecimal digits", actual: JSON.string(text).summary)
    }
    try reader.finish()
    self.kind = kind
    self.name = name
    self.digest = digest
  }

  public var json: JSON {
    ["kind": .string(kind.name), "name": .string(name), "digest": .string(digest.hex)]
  }

  /// What is hashed and extended: domain, kind, length of the name (four bytes, big-endian), name, digest.
  var preimage: [UInt8] {
    let nameBytes = [UInt8](name.utf8)
    let count = UInt32(truncatingIfNeeded: nameBytes.count)
    let length = stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: count >> UInt32($0)) }
    return Self.domain + [kind.rawValue] + length + nameBytes + digest.bytes
  }

  /// What is extended into a register of this hash.
  public func registerDigest(_ algorithm: BankAlgorithm) -> [UInt8] { algorithm.hash(preimage) }
}
