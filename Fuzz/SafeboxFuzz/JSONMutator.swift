import CanonicalJSON

/// Mutations of JSON as a tree, written back without the care of the canonical writer: names repeat, white space and
/// escapes vary, numbers take other spellings.
enum JSONMutator {
  static let tokens = [
    "{}", "[]", ",", ":", "null", "true", "false", "\"", "\\u0000", "\\ud83d\\ude00", "\\ud800", "\\uffff", "\u{FEFF}",
    "-0",
    "1e400", "1e-400", "9007199254740991", "9007199254740992", "0.1", "1E+2", "\u{E000}", "\u{1F600}", "[[[[[[[[",
    "]]]]]]]]",
    "{\"a\":", "\\\"", "\\\\", " ", "\n", "\u{7F}", "é",
  ]

  /// A mutation of a JSON text; a text that does not parse is returned as it is.
  static func mutate(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    let limits = JSONLimits(maxBytes: 1 << 20, maxDepth: JSONLimits.deepest, allowsNoncharacters: true)
    guard let json = try? JSON(parsing: bytes, limits: limits) else { return bytes }
    var writer = Writer(generator: generator)
    writer.write(json)
    generator = writer.generator
    return writer.bytes
  }

  /// Writes a value and changes something here and there.
  private struct Writer {
    var generator: SeededGenerator
    var bytes: [UInt8] = []

    mutating func write(_ json: JSON) {
      space()
      if generator.below(40) == 0 {
        emit(Self.replacements[generator.below(Self.replacements.count)])
        return
      }
      switch json {
      case .array(var elements):
        if !elements.isEmpty, generator.below(12) == 0 { elements.remove(at: generator.below(elements.count)) }
        if !elements.isEmpty, generator.below(12) == 0 { elements.append(elements[generator.below(elements.count)]) }
        separated(elements.count, "[", "]") { writer, index in writer.write(elements[index]) }
      case .object(let object):
        var members = object.map { ($0.key, $0.value) }
        if !members.isEmpty, generator.below(12) == 0 { members.remove(at: generator.below(members.count)) }
        if !members.isEmpty, generator.below(20) == 0 { members.append(members[generator.below(members.count)]) }
        if members.count > 1, generator.below(4) == 0 {
          members.swapAt(generator.below(members.count), generator.below(members.count))
        }
        if members.count > 1, generator.below(16) == 0 {
          members[generator.below(members.count)].1 = members[generator.below(members.count)].1
        }
        separated(members.count, "{", "}") { writer, index in
          writer.write(text: members[index].0)
          writer.emit(":")
          writer.write(members[index].1)
        }
      case .string(let text): write(text: text)
      case .integer(let value):
        switch generator.below(12) {
        case 0: emit("\(value).0")
        case 1: emit("\(value)e0")
        case 2: emit("\(value &+ Int64(generator.below(3)) &- 1)")
        default: emit("\(value)")
        }
      default: bytes += json.canonicalBytes()
      }
      space()
    }

    private static let replacements = [
      "null", "true", "0", "-1", "9007199254740991", "9007199254740992", "1.5", "1e400", "\"\"", "\"a\"", "[]", "{}",
      "[[]]",
      "{\"a\":1,\"a\":2}",
    ]

    private mutating func emit(_ text: String) { bytes += Array(text.utf8) }

    private mutating func space() {
      if generator.below(8) == 0 { bytes.append([0x20, 0x0A, 0x0D, 0x09][generator.below(4)]) }
    }

    private mutating func separated(_ count: Int, _ open: String, _ close: String, _ body: (inout Writer, Int) -> Void)
    {
      emit(open)
      for index in 0..<count {
        if index > 0 { emit(",") }
        body(&self, index)
      }
      emit(close)
    }

    private mutating func write(text: String) {
      emit("\"")
      for unit in text.unicodeScalars {
        let mustEscape = unit.value < 0x20 || unit == "\"" || unit == "\\"
        if mustEscape || generator.below(24) == 0 {
          for code in String(unit).utf16 {
            let digits = String(code, radix: 16)
            emit("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
          }
        } else {
          emit(String(unit))
        }
      }
      emit("\"")
    }
  }
}
