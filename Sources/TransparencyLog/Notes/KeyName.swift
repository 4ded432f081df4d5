/// Rules for the names of note keys (C2SP signed-note, "Format").
enum KeyName {
  static let maximumLength = 255

  /// Whether the name is not empty, has neither Unicode spaces, plus signs nor control characters, and is at most 255
  /// octets long. The last two are ours: a name with a line feed could forge a signature line.
  static func isValid(_ name: String) -> Bool {
    guard !name.isEmpty, name.utf8.count <= maximumLength else { return false }
    return name.unicodeScalars.allSatisfy {
      !$0.properties.isWhitespace && $0 != "+" && $0.value >= 0x20 && $0.value != 0x7F
    }
  }
}
