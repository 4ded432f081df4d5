import CanonicalJSON
import Cryptography
import Governance
import TransparencyLog

struct Receipt {
  struct Roles {
    var indices: Set<UInt64> = []
    init(genesis: UInt64, epoch: UInt64, opened: UInt64, approvals: [UInt64], started: UInt64, finished: UInt64) {}
  }
  struct Item { init(index: UInt64, entry: [UInt8], proof: [SHA256Digest]) {} }
  var bytes: [UInt8] = []
}
enum ReceiptComposer {
  static func compose(
    checkpoint: SignedCheckpoint, items: [Receipt.Item], roles: Receipt.Roles, constitution: Constitution,
    openings: [Opening]
  ) throws -> Receipt { Receipt() }
}
struct CClaim { var json: JSON }
enum ClaimCeiling { static func claims(from: Int) -> [CClaim] { [] } }
extension Box { func boxFacts() async throws -> Int { 0 } }
