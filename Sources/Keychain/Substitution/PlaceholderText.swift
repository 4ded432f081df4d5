/// A text taken apart at its placeholders, once: what a value brings in is never looked at again.
struct PlaceholderText {
  enum Piece: Hashable {
    case plain(String)
    case placeholder(Placeholder)
  }

  /// Placeholders of one text.
  static let maxPlaceholders = 64

  let pieces: [Piece]

  init(parsing text: String) throws(SecretFailure) {
    var pieces: [Piece] = []
    var count = 0
    let bytes = Array(text.utf8)
    var position = 0
    while let start = Self.find(Placeholder.opening, in: bytes, from: position) {
      if start > position { pieces.append(.plain(String(decoding: bytes[position..<start], as: UTF8.self))) }
      let inner = start + Placeholder.opening.utf8.count
      guard let end = Self.find(Placeholder.closing, in: bytes, from: inner) else {
        throw .malformedPlaceholder(placeholder: Placeholder.opening, expected: "}} at its end")
      }
      count += 1
      guard count <= Self.maxPlaceholders else { throw .tooManyPlaceholders(limit: Self.maxPlaceholders) }
      pieces.append(.placeholder(try Placeholder(parsing: String(decoding: bytes[inner..<end], as: UTF8.self))))
      position = end + Placeholder.closing.utf8.count
    }
    if position < bytes.count { pieces.append(.plain(String(decoding: bytes[position...], as: UTF8.self))) }
    self.pieces = pieces
  }

  /// The names that well-formed placeholders give, in order of appearance. Takes nothing amiss: substituting does.
  static func names(in text: String) -> [String] {
    let bytes = Array(text.utf8)
    var names: [String] = []
    var position = 0
    while let start = find(Placeholder.opening, in: bytes, from: position) {
      let inner = start + Placeholder.opening.utf8.count
      guard let end = find(Placeholder.closing, in: bytes, from: inner) else { break }
      if let placeholder = try? Placeholder(parsing: String(decoding: bytes[inner..<end], as: UTF8.self)) {
        names.append(placeholder.name)
      }
      position = end + Placeholder.closing.utf8.count
    }
    return names
  }

  private static func find(_ needle: String, in bytes: [UInt8], from start: Int) -> Int? {
    let needle = Array(needle.utf8)
    guard start + needle.count <= bytes.count else { return nil }
    return (start...(bytes.count - needle.count)).first { offset in
      bytes[offset] == needle[0] && bytes[offset..<(offset + needle.count)].elementsEqual(needle)
    }
  }
}
