import CanonicalJSON

/// One paragraph of a Debian control file (policy 5.1): what a package says of itself, and what dpkg wrote of one.
struct ControlParagraph: Sendable, Hashable {
  /// By lower-case names.
  private let fields: [String: String]

  subscript(name: String) -> String? { fields[name.lowercased()] }

  /// Reads exactly one paragraph.
  init(parsing text: Substring, path: String) throws(FieldError) {
    var fields: [String: String] = [:]
    var last: String?
    for line in text.split(separator: "\n") {
      if line.first == " " || line.first == "\t" {
        guard let last else { throw FieldError(field: path, expected: "a field", actual: "a continued line") }
        fields[last, default: ""] += "\n" + line
        continue
      }
      guard let colon = line.firstIndex(of: ":"), colon != line.startIndex,
        line[..<colon].utf8.allSatisfy({ (0x21...0x7E).contains($0) })
      else {
        throw FieldError(field: path, expected: "`Name: value`", actual: JSON.string(String(line.prefix(80))).summary)
      }
      let name = line[..<colon].lowercased()
      guard fields[name] == nil else { throw FieldError(field: "\(path).\(name)", expected: "one", actual: "two") }
      fields[name] = line[line.index(after: colon)...].trimmed
      last = name
    }
    guard !fields.isEmpty else { throw FieldError(field: path, expected: "a paragraph", actual: "nothing") }
    self.fields = fields
  }

  /// Reads the paragraphs of a file, which are apart by empty lines.
  static func all(_ text: String, path: String) throws(FieldError) -> [ControlParagraph] {
    var paragraphs: [ControlParagraph] = []
    var start: Substring.Index?
    let whole = text[...]
    var position = whole.startIndex
    while position < whole.endIndex {
      let end = whole[position...].firstIndex(of: "\n") ?? whole.endIndex
      if whole[position..<end].trimmed.isEmpty {
        if let begin = start { paragraphs.append(try ControlParagraph(parsing: whole[begin..<position], path: path)) }
        start = nil
      } else if start == nil {
        start = position
      }
      position = end < whole.endIndex ? whole.index(after: end) : end
    }
    if let begin = start { paragraphs.append(try ControlParagraph(parsing: whole[begin...], path: path)) }
    return paragraphs
  }
}

extension Substring {
  var trimmed: String {
    var text = self
    while let last = text.last, " \t\n\r".contains(last) { text.removeLast() }
    return String(text.drop { " \t\n\r".contains($0) })
  }
}
