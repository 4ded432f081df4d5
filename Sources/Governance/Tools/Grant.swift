import CanonicalJSON

/// One thing that a tool may do: a method of `Protocol`, and for each dimension of its calls the values that are allowed
/// (docs/formats.md section 13). What is not granted is refused; "any" is written out as `*`.
public struct Grant: Sendable, Hashable {
  /// As in `HTTP.get`.
  public var method: String
  /// Dimension (`hosts`, `paths`, `models`, ...) to the patterns of which one must match, by name.
  public var allows: [String: [GrantPattern]]

  /// Patterns of one dimension.
  public static let maxPatterns = 64
  /// Dimensions of one grant.
  public static let maxDimensions = 8

  public init(method: String, allows: [String: [GrantPattern]]) {
    self.method = method
    self.allows = allows
  }

  public init(json: JSON, path: String) throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    method = try reader.string("method", maxBytes: 64)
    guard Self.isMethod(method) else {
      throw FieldError(
        field: reader.pathOf("method"), expected: "a method as in HTTP.get", actual: JSON.string(method).summary)
    }
    var allows: [String: [GrantPattern]] = [:]
    for name in (json.object ?? [:]).keys where name != "method" {
      guard allows.count < Self.maxDimensions, Self.isDimension(name) else {
        throw FieldError(
          field: path, expected: "method and at most \(Self.maxDimensions) dimensions",
          actual: JSON.string(name).summary)
      }
      var patterns: [GrantPattern] = []
      for (index, value) in try reader.array(name, maxCount: Self.maxPatterns).enumerated() {
        let pattern = try GrantPattern(json: value, path: "\(reader.pathOf(name))[\(index)]")
        // By bytes: Swift compares texts as people read them.
        guard !patterns.contains(where: { $0.text.utf8.elementsEqual(pattern.text.utf8) }) else {
          throw FieldError(
            field: "\(reader.pathOf(name))[\(index)]", expected: "a pattern given once",
            actual: "\(JSON.string(pattern.text).summary) again")
        }
        patterns.append(pattern)
      }
      guard !patterns.isEmpty else {
        throw FieldError(field: reader.pathOf(name), expected: "at least one pattern", actual: "none")
      }
      allows[name] = patterns
    }
    try reader.finish()
    self.allows = allows
  }

  public var json: JSON {
    var object: JSONObject = ["method": .string(method)]
    for (name, patterns) in allows { object[name] = .array(patterns.map { .string($0.text) }) }
    return .object(object)
  }

  /// Whether a call with these facts, one for each dimension of the method, falls under this grant. A fact without a
  /// pattern is refused, and so is a pattern of which the call says nothing.
  public func permits(_ method: String, facts: [String: String]) -> Bool {
    guard method == self.method, facts.count == allows.count else { return false }
    return facts.allSatisfy { name, value in allows[name]?.contains { $0.matches(value) } ?? false }
  }

  /// `Word.word`: ASCII letters and digits.
  public static func isMethod(_ text: String) -> Bool {
    let words = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard words.count == 2, text.utf8.count <= 64 else { return false }
    return words.allSatisfy { word in
      guard let first = word.first, (65...90).contains(first & 0xDF) else { return false }
      return word.allSatisfy { (65...90).contains($0 & 0xDF) || (48...57).contains($0) }
    }
  }

  private static func isDimension(_ name: String) -> Bool {
    (1...32).contains(name.utf8.count) && name.utf8.allSatisfy { (97...122).contains($0) }
  }
}

/// A text in which each `*` stands for any characters, none included. At most 4 of them.
public struct GrantPattern: Sendable, Hashable {
  public let text: String

  public static let maxBytes = 512
  public static let maxStars = 4

  public init(json: JSON, path: String) throws(FieldError) {
    guard let text = json.string, (1...Self.maxBytes).contains(text.utf8.count),
      text.utf8.count(where: { $0 == UInt8(ascii: "*") }) <= Self.maxStars
    else {
      throw FieldError(
        field: path, expected: "a pattern of 1-\(Self.maxBytes) bytes with at most \(Self.maxStars) *",
        actual: json.summary)
    }
    self.text = text
  }

  /// By bytes, from the left; a star takes as little as it can, and the last part must stand at the end.
  public func matches(_ value: String) -> Bool {
    let parts = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map(Array.init)
    var rest = Array(value.utf8)[...]
    guard let first = parts.first, rest.starts(with: first) else { return false }
    rest = rest.dropFirst(first.count)
    guard parts.count > 1, let last = parts.last else { return rest.isEmpty }
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let range = Self.firstRange(of: part, in: rest) else { return false }
      rest = rest[range.upperBound...]
    }
    return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
  }

  private static func firstRange(of part: [UInt8], in bytes: ArraySlice<UInt8>) -> Range<Int>? {
    guard part.count <= bytes.count else { return nil }
    for start in bytes.startIndex...(bytes.endIndex - part.count)
    where bytes[start..<(start + part.count)].elementsEqual(part) {
      return start..<(start + part.count)
    }
    return nil
  }
}
