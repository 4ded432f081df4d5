public import CanonicalJSON

/// Which genuine evidence of one kind is acceptable. Read from JSON in which every demand is written out: an absent member
/// is an error, and a check is given up only by the word `any`.
public protocol PlatformPolicy: Sendable {
  associatedtype Claims: EvidenceClaims

  init(members: inout ObjectReader) throws(FieldError)
  var members: JSONObject { get }

  /// The demands, as values. ``appraise(_:into:)`` makes them all.
  @AppraisalBuilder<Claims> var rules: [any AppraisalRule<Claims>] { get }
}

extension PlatformPolicy {
  public func appraise(_ claims: Claims, into checks: inout CheckList) {
    for rule in rules { rule.appraise(claims, into: &checks) }
  }
}

/// One demand on genuine evidence.
public protocol AppraisalRule<Claims>: Sendable {
  associatedtype Claims: EvidenceClaims

  /// Demands its checks, and makes them.
  func appraise(_ claims: Claims, into checks: inout CheckList)
}

/// Composes demands: all of them must hold.
@resultBuilder
public enum AppraisalBuilder<Claims: EvidenceClaims> {
  public static func buildExpression(_ rule: any AppraisalRule<Claims>) -> [any AppraisalRule<Claims>] { [rule] }
  public static func buildBlock(_ rules: [any AppraisalRule<Claims>]...) -> [any AppraisalRule<Claims>] {
    rules.flatMap(\.self)
  }
  public static func buildArray(_ rules: [[any AppraisalRule<Claims>]]) -> [any AppraisalRule<Claims>] {
    rules.flatMap(\.self)
  }
}

/// A set of accepted values, or the written-out word that anything is accepted.
public enum Accepted<Value: Sendable & Hashable>: Sendable, Hashable {
  case any
  case only(Set<Value>)

  public func accepts(_ value: Value) -> Bool {
    switch self {
    case .any: true
    case .only(let values): values.contains(value)
    }
  }
}
