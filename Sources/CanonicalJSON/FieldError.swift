/// A field of a JSON document that is missing, unknown, or not what its format says.
public struct FieldError: Error, Hashable, Sendable {
  /// Path from the root of the document, for example `action.params.url` or `key[2]`.
  public var field: String
  /// What the format allows.
  public var expected: String
  /// What was found.
  public var actual: String

  public init(field: String, expected: String, actual: String) {
    self.field = field
    self.expected = expected
    self.actual = actual
  }
}

extension FieldError: CustomStringConvertible {
  public var description: String { "\(field.isEmpty ? "document" : field): expected \(expected), found \(actual)" }
}

extension JSON {
  /// What this value is, in a few words for an error message. Shows short scalars, never whole documents.
  public var summary: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "the integer \(value)"
    case .double(let value): "the number \(value)"
    case .string(let value): "the string \(TerminalSafe.quoted(value))"
    case .array(let value): "an array of \(value.count)"
    case .object(let value): "an object of \(value.count)"
    }
  }
}
