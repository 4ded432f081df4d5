import CanonicalJSON
import Cryptography

/// A function of a contract: its name, and what it takes and returns.
public struct FunctionSignature: Sendable, Hashable {
  public var name: String
  public var inputs: [ABIParameter]
  public var outputs: [ABIParameter]

  /// Bytes of a signature's text.
  public static let maxBytes = 2048

  public init(name: String, inputs: [ABIParameter], outputs: [ABIParameter] = []) {
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
  }

  /// Reads `transfer(address,uint256)`, and the longer form with names that Solidity and ethers write:
  /// `function balanceOf(address owner) view returns (uint256 balance)`.
  public init(_ text: String) throws(EthereumError) {
    guard text.utf8.count <= Self.maxBytes else {
      throw EthereumError("function", "expected at most \(Self.maxBytes) bytes")
    }
    var reader = SignatureReader(text)
    var name = try reader.word()
    if name == "function", reader.peek != UInt8(ascii: "(") { name = try reader.word() }
    self.name = name
    inputs = try reader.parameters(depth: 0)
    outputs = []
    while reader.peek != nil {
      let word = try reader.word()
      if word == "returns" {
        outputs = try reader.parameters(depth: 0)
        guard reader.peek == nil else { throw EthereumError("function", "text after the returned types") }
      } else if !Self.modifiers.contains(word) {
        throw EthereumError("function", "\"\(word.prefix(64))\" is not expected there")
      }
    }
  }

  static let modifiers: Set<String> = ["external", "public", "view", "pure", "payable", "nonpayable", "constant"]

  /// Name and types, as the selector is made from.
  public var canonical: String { "\(name)\(ABIType.tuple(inputs))" }

  /// The 4 bytes that a call begins with.
  public var selector: [UInt8] { [UInt8](Keccak256.hash([UInt8](canonical.utf8)).prefix(4)) }

  /// The data of a call.
  public func call(_ arguments: [ABIValue]) throws(EthereumError) -> [UInt8] {
    selector + (try ABIEncoder.encode(arguments, as: inputs))
  }

  /// The arguments in the data of a call; nil where it calls another function.
  public func arguments(of data: [UInt8]) throws(EthereumError) -> [ABIValue]? {
    guard data.starts(with: selector) else { return nil }
    return try ABIDecoder.decode([UInt8](data.dropFirst(4)), as: inputs)
  }

  /// Reads one entry of a contract's JSON interface.
  public init(json: JSON, path: String) throws(FieldError) {
    guard let object = json.object, object["type"] == nil || object["type"] == "function" else {
      throw FieldError(field: path, expected: "the JSON interface of a function", actual: json.summary)
    }
    guard let name = object["name"]?.string, SignatureReader.isName(name) else {
      throw FieldError(
        field: "\(path).name", expected: "the name of a function", actual: object["name"]?.summary ?? "nothing")
    }
    self.name = name
    inputs = try Self.parameters(object["inputs"] ?? [], path: "\(path).inputs", depth: 0)
    outputs = try Self.parameters(object["outputs"] ?? [], path: "\(path).outputs", depth: 0)
  }

  private static func parameters(_ json: JSON, path: String, depth: Int) throws(FieldError) -> [ABIParameter] {
    guard let array = json.array, array.count <= ABIType.maxElements, depth <= ABIType.maxDepth else {
      throw FieldError(field: path, expected: "an array of parameters", actual: json.summary)
    }
    var parameters: [ABIParameter] = []
    for (index, element) in array.enumerated() {
      let path = "\(path)[\(index)]"
      let name = element["name"]?.string ?? ""
      guard let text = element["type"]?.string, name.isEmpty || SignatureReader.isName(name) else {
        throw FieldError(field: path, expected: "an object with name and type", actual: element.summary)
      }
      do {
        let base: ABIType
        let word = text.prefix { $0 != "[" }
        if word == "tuple" {
          let members = try Self.parameters(
            element["components"] ?? .null, path: "\(path).components", depth: depth + 1)
          guard !members.isEmpty else { throw EthereumError("type", "a tuple without members") }
          base = .tuple(members)
        } else {
          base = try ABIType(elementary: word)
        }
        parameters.append(
          ABIParameter(name: name, type: try ABIType.applying(brackets: text.dropFirst(word.count), to: base)))
      } catch let error as FieldError {
        throw error
      } catch {
        throw FieldError(field: "\(path).type", expected: "an ABI type", actual: JSON.string(text).summary)
      }
    }
    return parameters
  }
}

/// Reads the text of a signature from the left.
struct SignatureReader {
  private var rest: Substring.UTF8View

  init(_ text: String) { rest = text[...].utf8 }

  /// The next byte that is no blank.
  var peek: UInt8? { rest.first { $0 != 32 } }

  static func isName(_ text: some StringProtocol) -> Bool {
    guard let first = text.utf8.first, !(48...57).contains(first), text.utf8.count <= 256 else { return false }
    return text.utf8.allSatisfy(isNameByte)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte & 0xDF) || byte == UInt8(ascii: "_")
      || byte == UInt8(ascii: "$")
  }

  private mutating func skipBlanks() { rest = rest.drop { $0 == 32 } }

  /// The next word.
  mutating func word() throws(EthereumError) -> String {
    skipBlanks()
    let word = String(Substring(rest.prefix(while: Self.isNameByte)))
    guard Self.isName(word) else { throw EthereumError("function", "expected a name before \"\(shown)\"") }
    rest = rest.dropFirst(word.utf8.count)
    return word
  }

  private var shown: String { String(Substring(rest.prefix(32))) }

  /// Takes the byte if it is next.
  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard rest.first == byte else { return false }
    rest = rest.dropFirst()
    return true
  }

  /// `(type [location] [name], ...)`.
  mutating func parameters(depth: Int) throws(EthereumError) -> [ABIParameter] {
    guard depth <= ABIType.maxDepth else {
      throw EthereumError("function", "nested more than \(ABIType.maxDepth) deep")
    }
    guard take(UInt8(ascii: "(")) else { throw EthereumError("function", "expected ( before \"\(shown)\"") }
    var parameters: [ABIParameter] = []
    if take(UInt8(ascii: ")")) { return parameters }
    repeat {
      parameters.append(try parameter(depth: depth))
      guard parameters.count <= ABIType.maxElements else { throw EthereumError("function", "too many parameters") }
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: ")")) else { throw EthereumError("function", "expected ) before \"\(shown)\"") }
    return parameters
  }

  private mutating func parameter(depth: Int) throws(EthereumError) -> ABIParameter {
    let base: ABIType
    if peek == UInt8(ascii: "(") {
      let members = try parameters(depth: depth + 1)
      guard !members.isEmpty else { throw EthereumError("type", "a tuple without members") }
      base = .tuple(members)
    } else {
      let word = try word()
      if word == "tuple", peek == UInt8(ascii: "(") {
        base = .tuple(try parameters(depth: depth + 1))
      } else {
        base = try ABIType(elementary: word)
      }
    }
    let brackets = String(Substring(rest.prefix { $0 == 91 || $0 == 93 || (48...57).contains($0) }))
    rest = rest.dropFirst(brackets.utf8.count)
    var parameter = ABIParameter(type: try ABIType.applying(brackets: brackets, to: base))
    while let next = peek, next != UInt8(ascii: ","), next != UInt8(ascii: ")") {
      let word = try word()
      if ["memory", "calldata", "storage", "payable"].contains(word), parameter.name.isEmpty { continue }
      guard parameter.name.isEmpty else { throw EthereumError("function", "two names for one parameter") }
      parameter.name = word
    }
    return parameter
  }
}
