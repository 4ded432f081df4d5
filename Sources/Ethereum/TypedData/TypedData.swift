import CanonicalJSON
import Cryptography

/// Structured data to be signed (EIP-712). Stricter than the standard's readers: a value that no type names is refused,
/// since it would be shown to an approver and not be signed; so are types that nothing uses.
public struct TypedData: Sendable, Hashable {
  /// A member of a struct type.
  public struct Member: Sendable, Hashable {
    public var name: String
    public var type: TypedDataType
  }

  /// Struct types by name, `EIP712Domain` among them.
  public let types: [String: [Member]]
  public let primaryType: String
  public let domain: JSONObject
  public let message: JSONObject

  public static let domainType = "EIP712Domain"
  public static let maxTypes = 64
  public static let maxMembers = 128
  /// Arrays and structs within each other.
  static let maxDepth = 32

  /// The `types`, `primaryType`, `domain` and `message` of `eth_signTypedData_v4`. Where `EIP712Domain` is not among the
  /// types it is what the domain's members make it.
  public init(json: JSON, path: String = "typedData") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let typesJSON = try reader.json("types")
    primaryType = try reader.string("primaryType", maxBytes: 256)
    let domainJSON = try reader.json("domain")
    let messageJSON = try reader.json("message")
    try reader.finish()
    guard let domain = domainJSON.object else {
      throw FieldError(field: "\(path).domain", expected: "an object", actual: domainJSON.summary)
    }
    guard let message = messageJSON.object else {
      throw FieldError(field: "\(path).message", expected: "an object", actual: messageJSON.summary)
    }
    self.domain = domain
    self.message = message
    var types = try Self.types(typesJSON, path: "\(path).types")
    let standard = try Self.domainMembers(domain, path: "\(path).domain")
    if let given = types[Self.domainType] {
      guard given == standard else {
        throw FieldError(
          field: "\(path).types.\(Self.domainType)",
          expected: "the members of the domain, in the order and of the types of EIP-712",
          actual: given.map { "\($0.type) \($0.name)" }.joined(separator: ", "))
      }
    }
    types[Self.domainType] = standard
    self.types = types
    guard types[primaryType] != nil, primaryType != Self.domainType else {
      throw FieldError(
        field: "\(path).primaryType", expected: "one of the types", actual: JSON.string(primaryType).summary)
    }
    let used = Set(dependencies(of: primaryType)).union([primaryType, Self.domainType])
    if let unused = types.keys.sorted().first(where: { !used.contains($0) }) {
      throw FieldError(field: "\(path).types.\(unused)", expected: "a type that is used", actual: "one that is not")
    }
    // Throws for whatever does not fit, so that the digest of a value that exists always exists.
    let separator = try hash(.object(domain), as: Self.domainType, path: "\(path).domain", depth: 0)
    let structHash = try hash(.object(message), as: primaryType, path: "\(path).message", depth: 0)
    domainSeparator = separator
    digest = Keccak256.hash([0x19, 0x01] + separator + structHash)
    self.structHash = structHash
  }

  /// `hashStruct` of the domain.
  public private(set) var domainSeparator: [UInt8] = []
  /// `hashStruct` of the message.
  public private(set) var structHash: [UInt8] = []
  /// What is signed: 32 bytes.
  public private(set) var digest: [UInt8] = []

  private static func types(_ json: JSON, path: String) throws(FieldError) -> [String: [Member]] {
    guard let object = json.object, (1...maxTypes).contains(object.count) else {
      throw FieldError(field: path, expected: "an object of 1-\(maxTypes) types", actual: json.summary)
    }
    var types: [String: [Member]] = [:]
    for (name, value) in object {
      // An elementary type's name would be two types of one name.
      guard SignatureReader.isName(name), (try? ABIType(elementary: name)) == nil else {
        throw FieldError(field: path, expected: "names of struct types", actual: JSON.string(name).summary)
      }
      let path = "\(path).\(name)"
      guard let array = value.array, array.count <= maxMembers else {
        throw FieldError(field: path, expected: "an array of at most \(maxMembers) members", actual: value.summary)
      }
      var members: [Member] = []
      for (index, element) in array.enumerated() {
        var reader = try ObjectReader(element, path: "\(path)[\(index)]")
        let name = try reader.string("name", maxBytes: 256)
        let text = try reader.string("type", maxBytes: 256)
        try reader.finish()
        guard SignatureReader.isName(name), !members.contains(where: { $0.name == name }) else {
          throw FieldError(
            field: reader.pathOf("name"), expected: "a name, given once", actual: JSON.string(name).summary)
        }
        guard let type = TypedDataType(text, structs: { object[$0] != nil && $0 != domainType }) else {
          throw FieldError(
            field: reader.pathOf("type"), expected: "an ABI type, one of the types, or an array of them",
            actual: JSON.string(text).summary)
        }
        members.append(Member(name: name, type: type))
      }
      types[name] = members
    }
    return types
  }

  /// The members of EIP-712's domain that are given, in its order.
  private static func domainMembers(_ domain: JSONObject, path: String) throws(FieldError) -> [Member] {
    let all: [(String, ABIType)] = [
      ("name", .string), ("version", .string), ("chainId", .uint(bits: 256)), ("verifyingContract", .address),
      ("salt", .fixedBytes(32)),
    ]
    if let other = domain.keys.first(where: { key in !all.contains { $0.0 == key } }) {
      throw FieldError(
        field: path, expected: "only name, version, chainId, verifyingContract and salt",
        actual: JSON.string(other).summary)
    }
    return all.filter { domain[$0.0] != nil }.map { Member(name: $0.0, type: .elementary($0.1)) }
  }
}
