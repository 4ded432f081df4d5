import CanonicalJSON
import Cryptography

/// Stands for a value within `params` that the log must not carry: `{"$commitment":DIGEST}`.
public struct Commitment: Sendable, Hashable {
  static let member = "$commitment"

  public let digest: SHA256Digest

  public init(digest: SHA256Digest) { self.digest = digest }

  /// The commitment that `json` is; nil for every other value.
  public init?(json: JSON) {
    guard let object = json.object, object.count == 1, let hex = object[Self.member]?.string,
      let digest = SHA256Digest(hex: hex)
    else { return nil }
    self.digest = digest
  }

  public var json: JSON { [Self.member: .string(digest.hex)] }

  /// Every commitment within `value`, with its dotted path below `path`, in canonical order.
  public static func all(in value: JSON, path: String = "params") -> [(path: String, commitment: Commitment)] {
    if let commitment = Commitment(json: value) { return [(path, commitment)] }
    switch value {
    case .array(let elements):
      return elements.enumerated().flatMap { all(in: $0.element, path: "\(path)[\($0.offset)]") }
    case .object(let members): return members.flatMap { all(in: $0.value, path: "\(path).\($0.key)") }
    default: return []
    }
  }

  /// True when `value` is or contains a commitment.
  static func occurs(in value: JSON) -> Bool {
    switch value {
    case .array(let elements): elements.contains(where: occurs)
    case .object(let members): members[member] != nil || members.contains { occurs(in: $0.value) }
    default: false
    }
  }

  /// A member's name in an error: as it is where it is plain, quoted where it could deceive a terminal.
  private static func shown(_ name: String) -> String {
    name.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? name : JSON.string(name).summary
  }

  /// Refuses objects that look like a commitment and are none: a reader that is less strict would take them for one.
  static func checkWellFormed(_ value: JSON, path: String) throws(FieldError) {
    switch value {
    case .array(let elements):
      for (index, element) in elements.enumerated() { try checkWellFormed(element, path: "\(path)[\(index)]") }
    case .object(let members):
      if members[member] != nil {
        guard Commitment(json: value) != nil else {
          throw FieldError(
            field: path, expected: "{\"\(member)\":DIGEST} and nothing else", actual: value.summary)
        }
        return
      }
      for member in members { try checkWellFormed(member.value, path: "\(path).\(shown(member.key))") }
    default: return
    }
  }
}

/// What opens a commitment: the value and the salt that hid it.
public struct Opening: Sendable, Hashable {
  /// 32 random bytes; without them a short value could be guessed from its digest.
  public let salt: [UInt8]
  public let value: JSON

  public static let saltBytes = 32

  /// An opening to commit to; `salt` must be 32 random bytes.
  public init(value: JSON, salt: [UInt8]) throws(FieldError) {
    guard salt.count == Self.saltBytes else {
      throw FieldError(field: "salt", expected: "\(Self.saltBytes) bytes", actual: "\(salt.count)")
    }
    self.value = value
    self.salt = salt
  }

  public init(json: JSON, path: String = "") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let hex = try reader.string("salt", maxBytes: 128)
    guard let salt = Hex.decode(hex), salt.count == Self.saltBytes else {
      throw FieldError(
        field: reader.pathOf("salt"), expected: "\(Self.saltBytes) bytes in hexadecimal",
        actual: JSON.string(hex).summary)
    }
    self.salt = salt
    value = try reader.json("value")
    try reader.finish()
  }

  public var json: JSON { ["salt": .string(Hex.encode(salt)), "value": value] }

  /// The commitment that this opens.
  public var commitment: Commitment { Commitment(digest: .of(json)) }
}

extension Action {
  /// Every commitment within the parameters, with its path from the action, for example `params.body`.
  public var commitments: [(path: String, commitment: Commitment)] { Commitment.all(in: .object(params)) }

  /// The parameters with every commitment replaced by the value that opens it. Throws ``CommitmentError`` for one that
  /// has no opening, or whose opening is of another value: an executor must act on exactly what was approved.
  public func opened(with openings: [SHA256Digest: Opening]) throws(CommitmentError) -> JSONObject {
    var result = JSONObject()
    for member in params {
      result[member.key] = try Self.opened(member.value, path: "params.\(member.key)", openings)
    }
    return result
  }

  private static func opened(
    _ value: JSON, path: String, _ openings: [SHA256Digest: Opening]
  ) throws(CommitmentError) -> JSON {
    if let commitment = Commitment(json: value) {
      guard let opening = openings[commitment.digest] else { throw .notOpened(path: path, commitment.digest) }
      let actual = opening.commitment.digest
      guard actual == commitment.digest else {
        throw .differs(path: path, expected: commitment.digest, actual: actual)
      }
      // Left as it is an executor would take it for a value that nobody opened, and approvers for one that was.
      guard !Commitment.occurs(in: opening.value) else { throw .nested(path: path, commitment.digest) }
      return opening.value
    }
    switch value {
    case .array(let elements):
      var opened: [JSON] = []
      for (index, element) in elements.enumerated() {
        opened.append(try Self.opened(element, path: "\(path)[\(index)]", openings))
      }
      return .array(opened)
    case .object(let members):
      var opened = JSONObject()
      for member in members {
        opened[member.key] = try Self.opened(member.value, path: "\(path).\(member.key)", openings)
      }
      return .object(opened)
    default: return value
    }
  }
}

/// Why committed parameters cannot be used.
public enum CommitmentError: Error, Sendable, Hashable, CustomStringConvertible {
  /// No opening was given; it may have been erased.
  case notOpened(path: String, SHA256Digest)
  case differs(path: String, expected: SHA256Digest, actual: SHA256Digest)
  /// The opened value has a commitment within.
  case nested(path: String, SHA256Digest)

  public var description: String {
    switch self {
    case .notOpened(let path, let digest): "\(path): nothing opens the commitment \(digest)"
    case .differs(let path, let expected, let actual):
      "\(path): the opening belongs to the commitment \(actual), not \(expected)"
    case .nested(let path, let digest): "\(path): what opens the commitment \(digest) has a commitment within"
    }
  }
}
