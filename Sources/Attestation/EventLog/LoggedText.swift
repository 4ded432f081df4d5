/// Texts in logs: strict, or no text at all.
enum LoggedText {
  /// UTF-8 without zeros.
  static func utf8(_ bytes: some Sequence<UInt8>) -> String? {
    let units = Array(bytes)
    guard !units.contains(0) else { return nil }
    return String(validating: units, as: UTF8.self)
  }

  /// UTF-16, little-endian, without zeros.
  static func utf16(_ bytes: [UInt8]) -> String? {
    guard bytes.count.isMultiple(of: 2) else { return nil }
    let units = stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
    guard !units.contains(0) else { return nil }
    return String(validating: units, as: UTF16.self)
  }

  /// UTF-16, little-endian, with one zero at its end.
  static func terminatedUTF16(_ bytes: [UInt8]) -> String? {
    guard bytes.count >= 4, bytes.suffix(2) == [0, 0] else { return nil }
    return utf16(Array(bytes.dropLast(2)))
  }

  /// A text for people, in quotation marks and at most 256 characters: it comes from whoever wrote the log, and must not move a
  /// terminal's cursor or turn the direction of reading.
  static func shown(_ text: String) -> String {
    var shown = "\""
    for scalar in text.unicodeScalars.prefix(256) {
      if (0x20..<0x7f).contains(scalar.value), scalar != "\"", scalar != "\\" {
        shown.unicodeScalars.append(scalar)
      } else {
        shown += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return shown + (text.unicodeScalars.count > 256 ? "\"…" : "\"")
  }
}
