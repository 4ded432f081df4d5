import CanonicalJSON

/// What came of a check. There is no fifth case, so a check that was left out cannot look like one that held.
public enum CheckOutcome: Sendable, Hashable {
  /// It held; what was found.
  case passed(String)
  case failed(expected: String, actual: String)
  /// This evidence has nothing that the check could be about, and why.
  case notApplicable(String)
  /// It was not made, and why: nothing is known.
  case notPerformed(String)

  /// `passed`, `failed`, `not-applicable` or `not-performed`.
  public var name: String {
    switch self {
    case .passed: "passed"
    case .failed: "failed"
    case .notApplicable: "not-applicable"
    case .notPerformed: "not-performed"
    }
  }
}

/// One check with what came of it.
public struct Check: Sendable, Hashable {
  public let id: CheckID
  public let outcome: CheckOutcome

  public var json: JSON {
    var object: JSONObject = [
      "id": .string(id.name), "title": .string(id.title), "state": .string(outcome.name),
    ]
    switch outcome {
    case .passed(let actual): object["actual"] = .string(actual)
    case .failed(let expected, let actual):
      object["expected"] = .string(expected)
      object["actual"] = .string(actual)
    case .notApplicable(let reason), .notPerformed(let reason): object["reason"] = .string(reason)
    }
    return .object(object)
  }
}
