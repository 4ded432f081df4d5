/// The type of a member of typed data.
public indirect enum TypedDataType: Sendable, Hashable, CustomStringConvertible {
  case elementary(ABIType)
  case structure(String)
  /// Of any length, or of exactly `count`.
  case array(TypedDataType, count: Int?)

  /// nil for what is neither an elementary type, a struct that is known, nor an array of such.
  init?(_ text: String, structs: (String) -> Bool) {
    if text.hasSuffix("]") {
      guard let open = text.lastIndex(of: "["), text.utf8.count(where: { $0 == 91 }) <= ABIType.maxDepth,
        let element = TypedDataType(String(text[..<open]), structs: structs)
      else { return nil }
      let digits = text[text.index(after: open)...].dropLast()
      if digits.isEmpty {
        self = .array(element, count: nil)
      } else {
        guard let count = Int(digits), (1...ABIType.maxElements).contains(count), String(count) == digits else {
          return nil
        }
        self = .array(element, count: count)
      }
    } else if structs(text) {
      self = .structure(text)
    } else if text != "uint", text != "int", let type = try? ABIType(elementary: text) {
      // The two aliases are hashed as they are written by some, as 256 bits by others.
      self = .elementary(type)
    } else {
      return nil
    }
  }

  public var description: String {
    switch self {
    case .elementary(let type): "\(type)"
    case .structure(let name): name
    case .array(let element, let count): "\(element)[\(count.map(String.init) ?? "")]"
    }
  }

  /// The struct that it is or holds.
  var structName: String? {
    switch self {
    case .elementary: nil
    case .structure(let name): name
    case .array(let element, _): element.structName
    }
  }
}
