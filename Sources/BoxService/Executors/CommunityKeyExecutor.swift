import CanonicalJSON
import Governance
import HostCalls
import Keychain
import Runs
import Storage

/// `key.rotate` and `key.erase`: new keys for a community or a tenant, or none at all any more.
struct CommunityKeyExecutor: ActionExecutor {
  let type: String
  let keys: CommunityKeys
  let keychain: Keychain
  let blobs: BlobStore
  let blocking: BlockingWork

  var privateParams: Set<String> { [] }

  func validate(params: JSON) throws(FieldError) { try KeyExecutor.check(type, params) }

  func execute(_ order: ExecutionOrder) async -> ExecutionOutcome {
    let (keys, keychain, blobs) = (keys, keychain, blobs)
    do {
      switch try KeyOrder.of(order.statement.action) {
      case .rotate(let holder):
        let generation = try await blocking.run {
          try keys.rotate(holder, proposal: order.proposal) { try keychain.reseal(holder, generation: $0) }
        }
        return .executed(result: ["generation": .integer(generation)], opening: nil)
      case .erase(let holder):
        let destroyed = try await blocking.run {
          // The salts first: with them gone, a crash before the rest leaves nothing that opens.
          let destroyed = try keys.erase(holder, proposal: order.proposal)
          if case .community(let name) = holder {
            try keychain.removeAll(community: name)
            // Files and payloads have random keys of their own, which go with their rows.
            _ = try blobs.eraseAll(community: name)
            try RunPayloads(blobs: blobs).eraseAll(community: name)
          }
          return destroyed
        }
        return .executed(result: ["generations": .integer(destroyed)], opening: nil)
      default: return .failed(result: ["reason": "not a holder's keys"], opening: nil)
      }
    } catch {
      return .unknown(result: ["reason": "the keys could not be changed; see the box's log"])
    }
  }

  /// Both go on where they were for the same proposal.
  func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { await execute(order) }
}
