import CanonicalJSON
import Governance
import HostCalls

/// An action type that the privileged process carries out. It decides for itself whether it was told to by the owners; this
/// executor can only ask, and record what it is told.
struct SystemExecutor: ActionExecutor {
  let type: String
  let process: PrivilegedProcess

  /// The fold reads these params, so nothing in them can be hidden.
  var privateParams: Set<String> { [] }

  func validate(params: JSON) throws(FieldError) {
    guard let members = params.object else {
      throw FieldError(field: "action.params", expected: "an object", actual: params.summary)
    }
    _ = try SystemOrder.of(try Action(type: type, params: members))
  }

  func execute(_ order: ExecutionOrder) async -> ExecutionOutcome { await process.carryOut(order) }

  /// The privileged process remembers what it began and never does it twice, so asking again is how to find out.
  func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { await process.carryOut(order) }
}
