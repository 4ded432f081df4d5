/// Rendering of untrusted text inside error messages: printable ASCII stays, everything else is escaped, so that a
/// member name cannot move a terminal's cursor, forge a log line or reverse the reading direction.
enum TerminalSafe {
  /// The text in double quotes, cut after `limit` scalars.
  static func quoted(_ text: String, limit: Int = 64) -> String {
    var result = "\""
    for (count, scalar) in text.unicodeScalars.enumerated() {
      if count == limit {
        result += "..."
        break
      }
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case " "..."~": result.unicodeScalars.append(scalar)
      default: result += "\\u{\(hex(scalar.value, width: 4))}"
      }
    }
    return result + "\""
  }

  /// A member name inside a path: as it is when it is plain, quoted otherwise.
  static func name(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return isPlain && !text.isEmpty && text.utf8.count <= 64 ? text : quoted(text)
  }

  /// A byte as a quoted character or in hexadecimal.
  static func character(_ byte: UInt8) -> String {
    (0x20...0x7E).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "byte 0x\(hex(UInt32(byte), width: 2))"
  }

  /// Upper-case hexadecimal, padded with zeros.
  static func hex(_ value: UInt32, width: Int) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
