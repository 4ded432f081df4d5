/// As much of XML as S3's answers need: elements and text. No DTD, no entities but the five of XML and numbers, no CDATA:
/// what could make a reader fetch, expand or loop is refused, not skipped.
struct S3XML: Sendable, Hashable {
  /// Deepest nesting read.
  static let maxDepth = 16
  /// Most elements read.
  static let maxElements = 32_768

  var name: String
  var text = ""
  var children: [S3XML] = []

  /// The first child of that name.
  func child(_ name: String) -> S3XML? { children.first { $0.name == name } }

  /// The document's root element, or nil for anything that is not such a document.
  static func parse(_ bytes: [UInt8]) -> S3XML? {
    var reader = Reader(bytes: bytes)
    return reader.document()
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0
    var elements = 0

    mutating func document() -> S3XML? {
      skip("\u{FEFF}")
      skipBlanks()
      if skip("<?xml") {
        guard let end = index(of: "?>") else { return nil }
        position = end + 2
      }
      skipBlanks()
      guard let root = element(depth: 0) else { return nil }
      skipBlanks()
      return position == bytes.count ? root : nil
    }

    private mutating func element(depth: Int) -> S3XML? {
      elements += 1
      guard depth < S3XML.maxDepth, elements <= S3XML.maxElements, skip("<"), let name = name() else { return nil }
      // Attributes (namespaces) are passed over; a quoted `>` does not end the tag.
      var quote: UInt8?
      while position < bytes.count {
        let byte = bytes[position]
        if let open = quote {
          if byte == open { quote = nil }
        } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
          quote = byte
        } else if byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/") {
          break
        }
        position += 1
      }
      var result = S3XML(name: name)
      if skip("/>") { return result }
      guard skip(">") else { return nil }
      var text: [UInt8] = []
      while position < bytes.count {
        if skip("</") {
          guard self.name() == name else { return nil }
          skipBlanks()
          guard skip(">"), let decoded = String(validating: text, as: UTF8.self) else { return nil }
          result.text = decoded
          return result
        }
        switch bytes[position] {
        case UInt8(ascii: "<"):
          guard let child = element(depth: depth + 1) else { return nil }
          result.children.append(child)
        case UInt8(ascii: "&"):
          guard let scalar = reference() else { return nil }
          text += Array(String(scalar).utf8)
        default:
          text.append(bytes[position])
          position += 1
        }
      }
      return nil
    }

    private mutating func name() -> String? {
      let start = position
      while position < bytes.count, Self.isNameByte(bytes[position]) { position += 1 }
      guard position > start, position - start <= 128 else { return nil }
      return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func reference() -> Unicode.Scalar? {
      guard let end = bytes[position...].prefix(12).firstIndex(of: UInt8(ascii: ";")) else { return nil }
      let name = String(decoding: bytes[(position + 1)..<end], as: UTF8.self)
      position = end + 1
      switch name {
      case "lt": return "<"
      case "gt": return ">"
      case "amp": return "&"
      case "quot": return "\""
      case "apos": return "'"
      default:
        guard name.hasPrefix("#") else { return nil }
        let digits = name.dropFirst()
        let value = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        return value.flatMap(Unicode.Scalar.init)
      }
    }

    private mutating func skipBlanks() {
      while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    @discardableResult private mutating func skip(_ text: String) -> Bool {
      guard bytes[position...].starts(with: text.utf8) else { return false }
      position += text.utf8.count
      return true
    }

    private func index(of text: String) -> Int? {
      let wanted = Array(text.utf8)
      var start = position
      while start + wanted.count <= bytes.count {
        if bytes[start..<(start + wanted.count)].elementsEqual(wanted) { return start }
        start += 1
      }
      return nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): true
      default: "-_.:".utf8.contains(byte)
      }
    }
  }
}
