import CanonicalJSON

/// The checks of one verification, in the order in which they were made, and how long their result holds.
///
/// Whoever verifies says first which checks it owes (``demand(_:)``). A demanded check that was never made, or that is
/// anything but passed, makes the whole fail; what the caller gave up in so many words (``waive(_:because:)``) stays
/// visible as not performed.
public struct CheckList: Sendable {
  public private(set) var checks: [Check] = []
  /// When the first certificate, list or statement that was relied on ends, Unix milliseconds; nil while none ends.
  public private(set) var deadline: Int64?
  private var demanded: [CheckID] = []
  private var waived: Set<CheckID> = []

  public init() {}

  /// These must be made, and pass.
  public mutating func demand(_ ids: [CheckID]) {
    for id in ids where !demanded.contains(id) { demanded.append(id) }
  }

  public mutating func pass(_ id: CheckID, _ actual: String) { add(id, .passed(actual)) }

  public mutating func fail(_ id: CheckID, expected: String, actual: String) {
    add(id, .failed(expected: expected, actual: actual))
  }

  /// What could not be read is a failure of the check that would have read it.
  public mutating func fail(_ id: CheckID, _ error: FieldError) {
    fail(id, expected: "\(error.field): \(error.expected)", actual: error.actual)
  }

  /// Passes where the condition holds. Returns it.
  @discardableResult
  public mutating func require(
    _ id: CheckID, _ holds: Bool, expected: @autoclosure () -> String, actual: @autoclosure () -> String
  ) -> Bool {
    if holds { pass(id, actual()) } else { fail(id, expected: expected(), actual: actual()) }
    return holds
  }

  public mutating func notApplicable(_ id: CheckID, _ reason: String) { add(id, .notApplicable(reason)) }

  public mutating func notPerformed(_ id: CheckID, _ reason: String) { add(id, .notPerformed(reason)) }

  /// The caller asked in so many words for this check not to be made.
  public mutating func waive(_ id: CheckID, because reason: String) {
    waived.insert(id)
    add(id, .notPerformed(reason))
  }

  /// The result holds no longer than until `end` (Unix milliseconds).
  public mutating func limit(until end: Int64) { deadline = min(deadline ?? end, end) }

  /// Takes over what was demanded, made and waived for one member of a combination, and how long it holds.
  mutating func include(_ member: CheckList, of kind: EvidenceKind) {
    checks += member.checks.map { Check(id: $0.id.of(kind), outcome: $0.outcome) }
    demand(member.demanded.map { $0.of(kind) })
    waived.formUnion(member.waived.map { $0.of(kind) })
    if let end = member.deadline { limit(until: end) }
  }

  private mutating func add(_ id: CheckID, _ outcome: CheckOutcome) { checks.append(Check(id: id, outcome: outcome)) }

  /// Whether nothing failed so far.
  public var holds: Bool {
    !checks.contains { if case .failed = $0.outcome { true } else { false } }
  }

  /// Demanded checks that nobody made or that are neither passed nor waived, in the order of the demand.
  public var missing: [CheckID] {
    let passed = Set(checks.compactMap { if case .passed = $0.outcome { $0.id } else { nil } })
    return demanded.filter { !passed.contains($0) && !waived.contains($0) }
  }

  /// Whether nothing failed and nothing demanded is missing. A list of nothing does not succeed.
  public var succeeds: Bool { !demanded.isEmpty && holds && missing.isEmpty }
}
