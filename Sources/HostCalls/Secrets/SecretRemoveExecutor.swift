import CanonicalJSON
import Governance
import Keychain

/// `secret.remove`: overwrites a secret of a community. Calls that cite it fail from then on.
public struct SecretRemoveExecutor: ActionExecutor {
  private let keychain: Keychain

  public init(keychain: Keychain) { self.keychain = keychain }

  public var type: String { "secret.remove" }
  public var privateParams: Set<String> { [] }

  public func validate(params: JSON) throws(FieldError) {
    _ = try Self.read(params)
  }

  public func execute(_ order: ExecutionOrder) async -> ExecutionOutcome {
    do {
      let (community, name) = try Self.read(.object(order.params))
      guard let version = try keychain.remove(community: community, name: name, proposal: order.proposal) else {
        return .failed(result: ["reason": .string("\(SecretFailure.unknown(name: name))")], opening: nil)
      }
      return .executed(result: ["version": .integer(version)], opening: nil)
    } catch let error as FieldError {
      return .failed(result: ["reason": .string("the params are not valid: \(error.field)")], opening: nil)
    } catch {
      return .unknown(result: ["reason": "the keychain cannot be written"])
    }
  }

  /// A secret that was put again since is not this proposal's to remove: the keychain knows what it has carried out.
  public func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { await execute(order) }

  private static func read(_ params: JSON) throws(FieldError) -> (community: String, name: String) {
    var reader = try ObjectReader(params, path: "action.params")
    let names = try SecretName.read(&reader)
    try reader.finish()
    return names
  }
}
