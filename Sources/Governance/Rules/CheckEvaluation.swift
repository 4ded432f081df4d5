import CanonicalJSON

/// A budget or count of a policy.
public struct Meter: Sendable, Hashable {
  /// The field that is summed; nil counts executions.
  public var field: String?
  public var limit: Int64
  /// Seconds.
  public var period: Int64
}

/// Why a check does not hold for an action.
public struct FailedCheck: Sendable, Hashable, CustomStringConvertible {
  public var check: Check
  /// The field, or nil for a count.
  public var field: String?
  public var expected: String
  public var actual: String

  public var description: String {
    "\(field.map { "\($0): " } ?? "")expected \(expected), found \(actual)"
  }
}

extension Check {
  /// The field that the check reads; nil for a count.
  public var field: String? {
    switch self {
    case .equals(let field, _), .oneOf(let field, _), .range(let field, _, _), .prefix(let field, _),
      .size(let field, _), .shape(let field, _, _), .host(let field, _), .budget(let field, _, _):
      field
    case .count: nil
    }
  }

  /// The meter that this check reads, for a budget or a count.
  var meter: Meter? {
    switch self {
    case .budget(let field, let limit, let period): Meter(field: field, limit: limit, period: period)
    case .count(let limit, let period): Meter(field: nil, limit: limit, period: period)
    default: nil
    }
  }

  /// Holds the action itself against the check; what was spent before is not looked at here. nil means that it holds.
  public func failure(for action: Action) -> FailedCheck? {
    guard let field else {
      guard case .count(let limit, _) = self, limit < 1 else { return nil }
      return failed("at most \(limit) executions", "one more")
    }
    guard let value = action.value(at: field) else { return failed("a value", "nothing") }
    if Commitment(json: value) != nil { return failed("a public value", "a commitment") }
    switch self {
    case .equals(_, let expected):
      return value == expected ? nil : failed(expected.summary, value.summary)
    case .oneOf(_, let values):
      return values.contains(value) ? nil : failed("one of \(values.count) values", value.summary)
    case .range(_, let min, let max):
      guard let integer = value.integer, integer >= min, integer <= max else {
        return failed("an integer from \(min) to \(max)", value.summary)
      }
      return nil
    case .prefix(_, let prefix):
      // By bytes: Swift's hasPrefix follows Unicode equivalence.
      guard let text = value.string, text.utf8.starts(with: prefix.utf8) else {
        return failed("a text that begins with \(JSON.string(prefix).summary)", value.summary)
      }
      return nil
    case .size(_, let max):
      // What a commitment hides has a size that nobody here can see.
      if Commitment.occurs(in: value) { return failed("public values", "a commitment within") }
      let size = value.canonicalBytes().count
      return size <= max ? nil : failed("at most \(max) bytes", "\(size) bytes")
    case .shape(_, let required, let optional):
      guard let object = value.object else { return failed("an object", value.summary) }
      if let missing = required.first(where: { object[$0] == nil }) { return failed("a member \(missing)", "none") }
      let allowed = required + optional
      if let other = object.keys.first(where: { key in !allowed.contains { JSON.string($0) == JSON.string(key) } }) {
        return failed("no other members", JSON.string(other).summary)
      }
      return nil
    case .host(_, let hosts):
      guard let text = value.string, let authority = URLAuthority(url: text) else {
        return failed("an http or https URL", value.summary)
      }
      return hosts.contains { $0.matches(authority) }
        ? nil : failed("one of \(hosts.map(\.text).joined(separator: ", "))", authority.text)
    case .budget(_, let limit, _):
      // A negative amount would give back what others have spent.
      guard let amount = value.integer, amount >= 0 else { return failed("an integer of at least 0", value.summary) }
      return amount <= limit ? nil : failed("at most \(limit)", "\(amount)")
    case .count: return nil
    }
  }

  private func failed(_ expected: String, _ actual: String) -> FailedCheck {
    FailedCheck(check: self, field: field, expected: expected, actual: actual)
  }
}

extension Action {
  /// The value at a dotted path in `{"type","params"}`; nil when a name on the way is missing. A commitment on the way
  /// hides what is below it, and is itself the answer.
  func value(at field: String) -> JSON? {
    if field == "type" { return .string(type) }
    var value = JSON.object(params)
    for name in field.split(separator: ".").dropFirst() {
      if Commitment(json: value) != nil { return value }
      guard let next = value[String(name)] else { return nil }
      value = next
    }
    return value
  }
}
