/// A reader of I-JSON written for being obviously right and not for speed: it works on decoded Unicode scalars, keeps
/// the names of an object in a set and checks numbers against the grammar symbol by symbol. It builds no values.
struct SimpleJSONReader {
  private var rest: ArraySlice<Unicode.Scalar>
  private let isText: Bool

  init(_ bytes: [UInt8]) {
    if let text = String(validating: bytes, as: UTF8.self) {
      rest = Array(text.unicodeScalars)[...]
      isText = true
    } else {
      rest = []
      isText = false
    }
  }

  /// True when the bytes are exactly one value nested no deeper than 256.
  mutating func read() -> Bool {
    guard isText, value(depth: 0) else { return false }
    space()
    return rest.isEmpty
  }

  private mutating func space() {
    rest = rest.drop { $0 == " " || $0 == "\n" || $0 == "\r" || $0 == "\t" }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard rest.first == scalar else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func take(word: String) -> Bool {
    guard rest.starts(with: word.unicodeScalars) else { return false }
    rest.removeFirst(word.unicodeScalars.count)
    return true
  }

  private mutating func value(depth: Int) -> Bool {
    space()
    switch rest.first {
    case "{": return depth < 256 && object(depth: depth + 1)
    case "[": return depth < 256 && array(depth: depth + 1)
    case "\"": return string() != nil
    case "t": return take(word: "true")
    case "f": return take(word: "false")
    case "n": return take(word: "null")
    default: return number()
    }
  }

  private mutating func array(depth: Int) -> Bool {
    guard take("[") else { return false }
    space()
    if take("]") { return true }
    while value(depth: depth) {
      space()
      if take("]") { return true }
      guard take(",") else { return false }
    }
    return false
  }

  private mutating func object(depth: Int) -> Bool {
    guard take("{") else { return false }
    space()
    if take("}") { return true }
    var names: Set<[UInt8]> = []
    while true {
      space()
      guard let name = string(), names.insert(Array(name.utf8)).inserted else { return false }
      space()
      guard take(":"), value(depth: depth) else { return false }
      space()
      if take("}") { return true }
      guard take(",") else { return false }
    }
  }

  /// Collects UTF-16 code units, because that is what escapes denote, and wants them well-formed at the end.
  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var units: [UInt16] = []
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\"":
        guard let text = String(validating: units, as: UTF16.self) else { return nil }
        let isInterchangeable = text.unicodeScalars.allSatisfy { !$0.properties.isNoncharacterCodePoint }
        return isInterchangeable ? text : nil
      case "\\":
        guard let unit = escape() else { return nil }
        units.append(unit)
      case "\0"..."\u{1F}": return nil
      default: units += Array(String(scalar).utf16)
      }
    }
    return nil
  }

  private mutating func escape() -> UInt16? {
    switch rest.popFirst() {
    case "\"": return 0x22
    case "\\": return 0x5C
    case "/": return 0x2F
    case "b": return 8
    case "f": return 12
    case "n": return 10
    case "r": return 13
    case "t": return 9
    case "u":
      let digits = rest.prefix(4)
      guard digits.count == 4, digits.allSatisfy(\.properties.isASCIIHexDigit) else { return nil }
      rest.removeFirst(4)
      return UInt16(digits.map { String($0) }.joined(), radix: 16)
    default: return nil
    }
  }

  private mutating func number() -> Bool {
    var text = ""
    while let scalar = rest.first, "+-.eE0123456789".unicodeScalars.contains(scalar) {
      text.unicodeScalars.append(scalar)
      rest.removeFirst()
    }
    guard text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/.asciiOnlyDigits()) != nil,
      let value = Double(text), value.isFinite
    else { return false }
    let significand = text.prefix { $0 != "e" && $0 != "E" }
    return value != 0 || !significand.contains { ("1"..."9").contains($0) }
  }
}
