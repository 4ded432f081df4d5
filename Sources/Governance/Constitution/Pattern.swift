import CanonicalJSON

/// The action types that a policy covers: one type, `prefix.*`, or `*`.
public struct Pattern: Sendable, Hashable, Comparable {
  public let text: String

  public init(parsing text: String, path: String = "covers") throws(FieldError) {
    let isPrefix = text.hasSuffix(".*")
    let words = (isPrefix ? text.dropLast(2) : text[...]).utf8
      .split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard
      text == "*" || Name.isActionType(text)
        || isPrefix && (1...4).contains(words.count) && words.allSatisfy(Name.isWord) && text.utf8.count <= 64
    else {
      throw FieldError(
        field: path, expected: "an action type, prefix.* or *", actual: JSON.string(text).summary)
    }
    self.text = text
  }

  private init(known text: String) { self.text = text }

  /// True for one exact type.
  public var isExact: Bool { !text.hasSuffix("*") }

  /// True when the pattern covers some type of the constitution's own machinery. `*` never does.
  public var coversGovernance: Bool { text.hasPrefix(Pattern.governance) }

  static let governance = "governance."

  /// The patterns that could cover a type, the most specific first. `*` never covers `governance.*`.
  static func covering(_ type: String) -> [Pattern] {
    var patterns = [Pattern(known: type)]
    var rest = type[...]
    while let dot = rest.lastIndex(of: ".") {
      rest = rest[..<dot]
      patterns.append(Pattern(known: "\(rest).*"))
    }
    if !type.hasPrefix(governance) { patterns.append(Pattern(known: "*")) }
    return patterns
  }

  /// A type that this pattern covers and that no other pattern of a constitution names: it stands for all types that
  /// fall to this pattern. The word is longer than a type may be, so that no type and no pattern can collide with it.
  var representative: String {
    if text == "*" { return Self.unnamed + "." + Self.unnamed }
    return isExact ? text : text.dropLast(1) + Self.unnamed
  }

  private static let unnamed = String(repeating: "z", count: 65)

  public static func < (left: Pattern, right: Pattern) -> Bool { left.text < right.text }
}
