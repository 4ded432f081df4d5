import CanonicalJSON
import Cryptography
import Governance

/// Why there is no mandate: the operation is not begun.
public enum MandateFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// The log has contradicted itself.
  case contradicted
  /// The log, as far as it is known here, does not say that this proposal is executing.
  case notExecuting(Refusal)
  /// Decided under signers who are not those of today.
  case epoch(expected: Int64, actual: Int64)
  /// It would not be decided again: stopped, sealed, a signer revoked.
  case changed(String)
  /// Its `execution.started` lies too far back: somebody kept the decision for later.
  case stale(startedAt: Int64, earliest: Int64)
  /// No operation has this type.
  case notAnOperation(type: String)
  /// A field of the request or of the order that is not what was approved.
  case field(FieldError)

  /// A stable name.
  public var code: String {
    switch self {
    case .contradicted: "mandate.contradicted"
    case .notExecuting: "mandate.not_executing"
    case .epoch: "mandate.epoch"
    case .changed: "mandate.changed"
    case .stale: "mandate.stale"
    case .notAnOperation: "mandate.not_an_operation"
    case .field: "mandate.field"
    }
  }

  /// The field that is wrong.
  public var field: String? {
    switch self {
    case .contradicted, .changed: nil
    case .notExecuting: "proposal"
    case .epoch: "statement.epoch"
    case .stale: "start.at"
    case .notAnOperation: "statement.action.type"
    case .field(let error): error.field
    }
  }

  public var description: String {
    switch self {
    case .contradicted: "the log has contradicted itself; see the evidence in its directory"
    case .notExecuting(let refusal): "\(refusal)"
    case .epoch(let expected, let actual): "statement.epoch: expected \(expected), found \(actual)"
    case .changed(let why): why
    case .stale(let startedAt, let earliest): "start.at: expected \(earliest) or later, found \(startedAt)"
    case .notAnOperation(let type): "\(type) is not an operation of the privileged process"
    case .field(let error): "\(error)"
    }
  }
}
