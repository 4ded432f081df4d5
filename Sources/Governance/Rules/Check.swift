import CanonicalJSON

/// A deterministic test on an action, by which a rule decides without people. A field is a dotted path in
/// `{"type","params"}`, for example `params.amount`; a missing or committed one fails the check.
public enum Check: Sendable, Hashable {
  case equals(field: String, value: JSON)
  case oneOf(field: String, values: [JSON])
  /// Integers, both ends included.
  case range(field: String, min: Int64, max: Int64)
  case prefix(field: String, value: String)
  /// Bytes of the field's canonical JSON.
  case size(field: String, max: Int64)
  /// The member names of an object: all of `required`, any of `optional`, no others.
  case shape(field: String, required: [String], optional: [String])
  /// The host and port of a URL.
  case host(field: String, hosts: [HostPattern])
  /// The sum of the field over the executions of this policy within `period` seconds, this one included.
  case budget(field: String, limit: Int64, period: Int64)
  /// The number of executions of this policy within `period` seconds, this one included.
  case count(limit: Int64, period: Int64)

  /// Bounds that every check keeps.
  public enum Limits {
    public static let values = 256
    public static let fieldBytes = 256
    public static let pathDepth = 16
    /// Seconds a budget or count may look back: 366 days.
    public static let period: Int64 = 366 * 86_400
  }

  public init(json: JSON, path: String = "check") throws(FieldError) {
    var reader = try ObjectReader(json, path: path)
    let name = try reader.string("check", maxBytes: 32)
    switch name {
    case "equals": self = .equals(field: try reader.fieldPath(), value: try reader.json("value"))
    case "in":
      self = .oneOf(
        field: try reader.fieldPath(), values: try reader.array("values", maxCount: Limits.values))
    case "range":
      self = .range(field: try reader.fieldPath(), min: try reader.integer("min"), max: try reader.integer("max"))
    case "prefix": self = .prefix(field: try reader.fieldPath(), value: try reader.string("value"))
    case "size":
      self = .size(field: try reader.fieldPath(), max: try reader.integer("max", in: 0...JSON.maxSafeInteger))
    case "shape":
      self = .shape(
        field: try reader.fieldPath(), required: try reader.strings("required"),
        optional: try reader.strings("optional"))
    case "host":
      let field = try reader.fieldPath()
      var hosts: [HostPattern] = []
      for (index, text) in try reader.strings("hosts").enumerated() {
        hosts.append(try HostPattern(parsing: text, path: "\(reader.pathOf("hosts"))[\(index)]"))
      }
      self = .host(field: field, hosts: hosts)
    case "budget":
      self = .budget(
        field: try reader.fieldPath(), limit: try reader.integer("limit", in: 0...JSON.maxSafeInteger),
        period: try reader.integer("period", in: 1...Limits.period))
    case "count":
      self = .count(
        limit: try reader.integer("limit", in: 0...JSON.maxSafeInteger),
        period: try reader.integer("period", in: 1...Limits.period))
    default:
      throw FieldError(
        field: reader.pathOf("check"), expected: "the name of a check", actual: JSON.string(name).summary)
    }
    try reader.finish()
  }

  public var json: JSON {
    switch self {
    case .equals(let field, let value): ["check": "equals", "field": .string(field), "value": value]
    case .oneOf(let field, let values): ["check": "in", "field": .string(field), "values": .array(values)]
    case .range(let field, let min, let max):
      ["check": "range", "field": .string(field), "min": .integer(min), "max": .integer(max)]
    case .prefix(let field, let value): ["check": "prefix", "field": .string(field), "value": .string(value)]
    case .size(let field, let max): ["check": "size", "field": .string(field), "max": .integer(max)]
    case .shape(let field, let required, let optional):
      [
        "check": "shape", "field": .string(field), "required": .array(required.map(JSON.string)),
        "optional": .array(optional.map(JSON.string)),
      ]
    case .host(let field, let hosts):
      ["check": "host", "field": .string(field), "hosts": .array(hosts.map { .string($0.text) })]
    case .budget(let field, let limit, let period):
      ["check": "budget", "field": .string(field), "limit": .integer(limit), "period": .integer(period)]
    case .count(let limit, let period): ["check": "count", "limit": .integer(limit), "period": .integer(period)]
    }
  }
}

extension ObjectReader {
  /// The `field` of a check: 1-16 names joined by dots, the first of them `type` or `params`.
  fileprivate mutating func fieldPath() throws(FieldError) -> String {
    let text = try string("field", maxBytes: Check.Limits.fieldBytes)
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= Check.Limits.pathDepth, !parts.contains(where: \.isEmpty),
      text == "type" || parts[0] == "params"
    else {
      throw FieldError(
        field: pathOf("field"), expected: "type, or params and names joined by dots",
        actual: JSON.string(text).summary)
    }
    return text
  }

  fileprivate mutating func strings(_ name: String) throws(FieldError) -> [String] {
    var strings: [String] = []
    for (index, value) in try array(name, maxCount: Check.Limits.values).enumerated() {
      guard let text = value.string else {
        throw FieldError(field: "\(pathOf(name))[\(index)]", expected: "a string", actual: value.summary)
      }
      strings.append(text)
    }
    return strings
  }
}
