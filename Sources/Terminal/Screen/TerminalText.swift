/// Makes text from elsewhere harmless to show. An approver decides by what the screen says: a proposal must not be able to
/// move the cursor, recolour, reorder, hide or overwrite anything.
public enum TerminalText {
  /// Escapes as `\n`, `\t`, `\u{202e}` everything that is not plainly visible where it stands: control and format
  /// characters (ANSI sequences, bidirectional overrides and isolates, zero-width characters, tags), line separators,
  /// blanks other than the ASCII space, private and unassigned code points, and piles of combining marks. A backslash
  /// becomes `\\`, so an escape cannot be faked and the text can be read back.
  public static func escaped(_ text: String) -> String {
    var result = ""
    var marks = maxMarks
    for scalar in text.unicodeScalars {
      let isMark = isCombining(scalar)
      if isVisible(scalar), !isMark || marks < maxMarks {
        result.unicodeScalars.append(scalar)
      } else {
        result += escape(scalar)
      }
      marks = isMark ? marks + 1 : scalar == "\\" || !isVisible(scalar) ? maxMarks : 0
    }
    return result
  }

  /// As `escaped`, and also everything outside ASCII: for names whose look-alikes matter, such as hosts, amounts and
  /// account numbers.
  public static func asciiOnly(_ text: String) -> String {
    text.unicodeScalars.map { $0.isASCII && isVisible($0) ? String($0) : escape($0) }.joined()
  }

  /// As `escaped`, line by line: line feeds remain.
  public static func escapedLines(_ text: String) -> String {
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
      .map { escaped(String(String.UnicodeScalarView($0))) }.joined(separator: "\n")
  }

  /// Cut to a number of columns, with `…` where something is missing. The text must be harmless already.
  public static func cut(_ text: String, toColumns columns: Int) -> String {
    guard self.columns(of: text) > columns else { return text }
    guard columns > 0 else { return "" }
    var (result, used) = ("", 0)
    for character in text {
      let width = self.columns(of: String(character))
      guard used + width < columns else { break }
      result.append(character)
      used += width
    }
    return result + "…"
  }

  /// How many columns a terminal uses for visible text.
  public static func columns(of text: String) -> Int {
    text.unicodeScalars.reduce(0) { $0 + (isCombining($1) ? 0 : isWide($1) ? 2 : 1) }
  }

  // More marks than this on one letter climb over the lines above.
  private static let maxMarks = 2

  private static func isCombining(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark: true
    default: false
    }
  }

  private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == "\\" { return false }
    if scalar.isASCII { return (0x20...0x7e).contains(scalar.value) }
    if scalar.properties.isDefaultIgnorableCodePoint || scalar.properties.isBidiControl { return false }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .surrogate, .privateUse,
      .unassigned:
      return false
    // Braille blank: a letter-like symbol without ink.
    default: return scalar.value != 0x2800
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\\": "\\\\"
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    default: "\\u{\(String(scalar.value, radix: 16))}"
    }
  }

  // UAX #11 wide and fullwidth, by block.
  private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf,
      0xa960...0xa97f, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6,
      0x1_f300...0x1_f64f, 0x1_f680...0x1_f6ff, 0x1_f900...0x1_f9ff, 0x1_fa70...0x1_faff, 0x2_0000...0x3_fffd:
      true
    default: false
    }
  }
}
