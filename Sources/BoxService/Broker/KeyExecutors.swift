import CanonicalJSON
import Governance
import HostCalls

/// The action types of a broker. The fold reads the params of all of them, so nothing in them can be hidden.
struct KeyExecutor: ActionExecutor {
  /// What a broker carries out.
  static let types: Set<String> = ActionType.keys.subtracting([ActionType.rotateKey, ActionType.eraseKey])

  let type: String
  let vault: KeyVault

  var privateParams: Set<String> { [] }

  func validate(params: JSON) throws(FieldError) { try Self.check(type, params) }

  static func check(_ type: String, _ params: JSON) throws(FieldError) {
    guard let members = params.object else {
      throw FieldError(field: "action.params", expected: "an object", actual: params.summary)
    }
    _ = try KeyOrder.of(try Action(type: type, params: members))
  }

  func execute(_ order: ExecutionOrder) async -> ExecutionOutcome {
    let read: KeyOrder?
    do {
      read = try KeyOrder.of(order.statement.action)
    } catch {
      return .failed(result: ["reason": .string("\(error)")], opening: nil)
    }
    switch read {
    case .create(let key, _): return await vault.create(key, proposal: order.proposal)
    case .release(let record): return await vault.release(record, proposal: order.proposal)
    // The fold is all that these change.
    case .enrol, .appraise, .grant, .revoke, .retire, .refuse: return .executed(result: [:], opening: nil)
    case .rotate, .erase, nil: return .failed(result: ["reason": "not a broker's"], opening: nil)
    }
  }

  /// Making a key finds the one that was made; a release reveals nothing before its end is stored; the rest is the fold's.
  func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { await execute(order) }
}
