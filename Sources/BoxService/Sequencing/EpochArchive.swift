import CanonicalJSON
import Cryptography
import Governance
import Synchronization

/// The constitution of every epoch, from the fold over the log: receipts carry the one under which they were decided.
final class EpochArchive: Sendable {
  private let constitutions = Mutex<[Int64: Constitution]>([:])

  /// Notes the constitution that the fold has reached.
  func note(_ constitution: Constitution?) {
    guard let constitution else { return }
    constitutions.withLock { table in
      if table[constitution.epoch] == nil { table[constitution.epoch] = constitution }
    }
  }

  subscript(epoch: Int64) -> Constitution? { constitutions.withLock { $0[epoch] } }

  /// The name of the policy with this digest in an epoch; `nil` for the root rule.
  func policyName(digest: SHA256Digest, epoch: Int64) -> String? {
    guard let constitution = self[epoch] else { return nil }
    return constitution.policies.first { $0.value.digest(name: $0.key) == digest }?.key
  }
}
