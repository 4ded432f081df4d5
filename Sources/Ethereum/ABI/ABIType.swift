/// A type of the contract ABI.
public indirect enum ABIType: Sendable, Hashable, CustomStringConvertible {
  /// 8 to 256 bits, in steps of 8.
  case uint(bits: Int)
  case int(bits: Int)
  case address
  case bool
  /// 1 to 32 bytes.
  case fixedBytes(Int)
  case bytes
  case string
  case array(ABIType)
  /// At least one element.
  case fixedArray(ABIType, count: Int)
  case tuple([ABIParameter])

  /// Brackets and parentheses within each other.
  public static let maxDepth = 8
  /// Elements of a fixed array, members of a tuple.
  public static let maxElements = 1024

  /// As selectors are made from, without names: `(uint256,address[])[2]`.
  public var description: String {
    switch self {
    case .uint(let bits): "uint\(bits)"
    case .int(let bits): "int\(bits)"
    case .address: "address"
    case .bool: "bool"
    case .fixedBytes(let count): "bytes\(count)"
    case .bytes: "bytes"
    case .string: "string"
    case .array(let element): "\(element)[]"
    case .fixedArray(let element, let count): "\(element)[\(count)]"
    case .tuple(let members): "(\(members.map { "\($0.type)" }.joined(separator: ",")))"
    }
  }

  /// Whether its encoding has a length of its own, and therefore stands at an offset.
  public var isDynamic: Bool {
    switch self {
    case .bytes, .string, .array: true
    case .fixedArray(let element, _): element.isDynamic
    case .tuple(let members): members.contains { $0.type.isDynamic }
    case .uint, .int, .address, .bool, .fixedBytes: false
    }
  }

  /// Bytes that it takes where its siblings stand: 32 for an offset.
  var headBytes: Int {
    if isDynamic { return 32 }
    return switch self {
    case .fixedArray(let element, let count): element.headBytes * count
    case .tuple(let members): members.reduce(0) { $0 + $1.type.headBytes }
    default: 32
    }
  }

  /// An elementary type, and `uint` and `int` for those of 256 bits.
  init(elementary name: some StringProtocol) throws(EthereumError) {
    let text = String(name)
    switch text {
    case "address": self = .address
    case "bool": self = .bool
    case "bytes": self = .bytes
    case "string": self = .string
    case "uint": self = .uint(bits: 256)
    case "int": self = .int(bits: 256)
    default:
      if let bits = Self.number(text, after: "uint"), (8...256).contains(bits), bits.isMultiple(of: 8) {
        self = .uint(bits: bits)
      } else if let bits = Self.number(text, after: "int"), (8...256).contains(bits), bits.isMultiple(of: 8) {
        self = .int(bits: bits)
      } else if let count = Self.number(text, after: "bytes"), (1...32).contains(count) {
        self = .fixedBytes(count)
      } else {
        throw EthereumError("type", "\"\(text.prefix(64))\" is not an ABI type")
      }
    }
  }

  /// Applies `[]` and `[N]` from the left: `base` is the element of the first pair of brackets.
  static func applying(brackets text: some StringProtocol, to base: ABIType) throws(EthereumError) -> ABIType {
    var type = base
    var rest = String(text)[...].utf8
    var depth = 0
    while let first = rest.first {
      depth += 1
      guard first == UInt8(ascii: "["), let end = rest.firstIndex(of: UInt8(ascii: "]")), depth <= maxDepth else {
        throw EthereumError("type", "\"\(text.prefix(64))\" is not a row of at most \(maxDepth) brackets")
      }
      let digits = String(Substring(rest[..<end].dropFirst()))
      rest = rest[rest.index(after: end)...]
      if digits.isEmpty {
        type = .array(type)
      } else {
        // No element takes no room: an array of nothing could claim any length for free.
        guard let count = number(digits, after: ""), (1...maxElements).contains(count) else {
          throw EthereumError("type", "a fixed array has 1-\(maxElements) elements")
        }
        type = .fixedArray(type, count: count)
      }
    }
    return type
  }

  private static func number(_ text: String, after prefix: String) -> Int? {
    guard text.hasPrefix(prefix) else { return nil }
    let digits = text.dropFirst(prefix.count)
    guard (1...4).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
      digits.utf8.first != UInt8(ascii: "0")
    else { return nil }
    return Int(digits)
  }
}

/// A parameter of a function or member of a tuple.
public struct ABIParameter: Sendable, Hashable {
  /// Empty where it has none.
  public var name: String
  public var type: ABIType

  public init(name: String = "", type: ABIType) {
    self.name = name
    self.type = type
  }
}
