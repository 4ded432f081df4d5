import CanonicalJSON
import Cryptography

extension TypedData {
  /// The struct types that a type refers to, directly or not, itself left out; sorted.
  func dependencies(of name: String) -> [String] {
    var found: Set<String> = []
    var open = [name]
    while let next = open.popLast() {
      for member in types[next] ?? [] {
        if let inner = member.type.structName, found.insert(inner).inserted { open.append(inner) }
      }
    }
    return found.subtracting([name]).sorted()
  }

  /// A struct type and those that it refers to, as text.
  public func encodeType(_ name: String) -> String {
    ([name] + dependencies(of: name)).map { type in
      "\(type)(\((types[type] ?? []).map { "\($0.type) \($0.name)" }.joined(separator: ",")))"
    }.joined()
  }

  /// Keccak-256 of ``encodeType(_:)``.
  public func typeHash(_ name: String) -> [UInt8] { Keccak256.hash([UInt8](encodeType(name).utf8)) }

  /// `hashStruct`: Keccak-256 of the type's hash and each member's word.
  func hash(_ json: JSON, as name: String, path: String, depth: Int) throws(FieldError) -> [UInt8] {
    guard depth <= Self.maxDepth else {
      throw FieldError(field: path, expected: "at most \(Self.maxDepth) levels", actual: "more")
    }
    var reader = try ObjectReader(json, path: path)
    var bytes = typeHash(name)
    for member in types[name] ?? [] {
      let value = try reader.json(member.name)
      bytes += try word(of: value, as: member.type, path: reader.pathOf(member.name), depth: depth + 1)
    }
    try reader.finish()
    return Keccak256.hash(bytes)
  }

  /// `encodeData` of one value: 32 bytes.
  private func word(
    of json: JSON, as type: TypedDataType, path: String, depth: Int
  ) throws(FieldError) -> [UInt8] {
    switch type {
    case .structure(let name): return try hash(json, as: name, path: path, depth: depth)
    case .array(let element, let count):
      guard let array = json.array, count == nil || count == array.count, depth <= Self.maxDepth else {
        throw FieldError(
          field: path, expected: count.map { "an array of \($0)" } ?? "an array", actual: json.summary)
      }
      var bytes: [UInt8] = []
      for (index, value) in array.enumerated() {
        bytes += try word(of: value, as: element, path: "\(path)[\(index)]", depth: depth + 1)
      }
      return Keccak256.hash(bytes)
    case .elementary(let type):
      let value = try ABIValue(json: json, as: type, path: path)
      switch value {
      case .bytes(let bytes) where type == .bytes: return Keccak256.hash(bytes)
      case .string(let text): return Keccak256.hash([UInt8](text.utf8))
      default: break
      }
      do {
        return try ABIEncoder.encode(value, as: type)
      } catch {
        throw FieldError(field: path, expected: "\(type)", actual: json.summary)
      }
    }
  }
}
