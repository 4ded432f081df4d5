import CanonicalJSON
import Cryptography

extension AppraisalPolicy {
  /// The registers in which genuine evidence differs from the accepted release that is nearest to it, by name, sorted. Empty
  /// where the evidence is not genuine, where any software is accepted, or where no release says anything about its kind. In a
  /// combination a register is named `<kind>.<register>`.
  public func differingRegisters(in report: AttestationReport) -> [String] {
    guard let claims = report.claims, case .only(let releases) = releases else { return [] }
    let measured = claims.measured(as: report.kind)
    let differences = releases.compactMap { $0.differences(from: measured) }
    return (differences.min { $0.count < $1.count } ?? []).map(\.register)
  }
}
