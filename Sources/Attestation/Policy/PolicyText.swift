import Cryptography

/// A value of evidence as people read it in an appraisal.
protocol PolicyText {
  var policyText: String { get }
}

extension ExactText: PolicyText { var policyText: String { text } }
extension Int64: PolicyText { var policyText: String { String(self) } }
extension [UInt8]: PolicyText { var policyText: String { Hex.encode(self) } }
extension SNPProduct: PolicyText { var policyText: String { rawValue } }
extension SNPReport.SigningKey: PolicyText { var policyText: String { rawValue } }
extension SNPReport.Firmware: PolicyText { var policyText: String { description } }

extension CheckList {
  /// Demands that a text is one of those accepted, byte for byte.
  mutating func requireMember(_ id: CheckID, _ value: String?, of accepted: Accepted<ExactText>) {
    requireMember(id, value.map(ExactText.init), of: accepted)
  }

  /// Demands that a value is one of those accepted: one that is absent never is. Waived where the policy accepts any.
  mutating func requireMember<Value: Hashable & PolicyText>(
    _ id: CheckID, _ value: Value?, of accepted: Accepted<Value>
  ) {
    demand([id])
    guard case .only(let values) = accepted else { return waive(id, because: "the policy accepts any") }
    require(
      id, value.map(accepted.accepts) ?? false, expected: values.map(\.policyText).sorted().joined(separator: " or "),
      actual: value?.policyText ?? "none")
  }
}
