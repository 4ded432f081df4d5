/// A JSON value of I-JSON (RFC 7493): the only shape in which signed or hashed data exists in this package.
///
/// Two values are equal exactly when their canonical bytes are equal. Swift's own `String ==` follows Unicode
/// canonical equivalence ("\u{C5}" == "A\u{30A}"), under which two different signed texts would compare equal;
/// here strings are compared by their bytes.
public enum JSON: Sendable {
  case null
  case bool(Bool)
  /// Every integral number within +-(2^53-1); the parser reads `1.0` and `1e0` as `.integer(1)` where it allows them.
  case integer(Int64)
  /// A finite number that is not an integer of the safe range. Writing NaN or an infinity is a programming error.
  case double(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)

  /// The largest integer that every I-JSON reader keeps exactly, 2^53-1 (RFC 7493 section 2.2).
  public static let maxSafeInteger: Int64 = 9_007_199_254_740_991
}

extension JSON {
  /// The number in its canonical case; nil for NaN and the infinities, which JSON cannot express.
  public static func number(_ value: Double) -> JSON? {
    guard value.isFinite else { return nil }
    if value.magnitude <= Double(maxSafeInteger), Double(Int64(value)) == value { return .integer(Int64(value)) }
    return .double(value)
  }

  /// The text, when this is a string.
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  /// The value, when this is an integer of the safe range.
  public var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
  /// The value, when this is a number of either case.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
  /// The value, when this is `true` or `false`.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The elements, when this is an array.
  public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  /// The members, when this is an object.
  public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
  /// True for `null`.
  public var isNull: Bool { if case .null = self { true } else { false } }

  /// The member of that name, when this is an object that has one.
  public subscript(name: String) -> JSON? { object?[name] }
}

extension JSON: Hashable {
  public static func == (left: JSON, right: JSON) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    case (.string(let a), .string(let b)): a.hasSameBytes(as: b)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByStringInterpolation, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(JSONObject(elements)) }
}
