import CanonicalJSON
import Cryptography
import Governance
import Receipts
import TransparencyLog

enum ReceiptComposer {
  static func compose(
    checkpoint: SignedCheckpoint, items: [Receipt.Item], roles: Receipt.Roles, constitution: Constitution,
    openings: [Opening]
  ) throws -> Receipt { throw Fault.order(.createdTwice) }
}
struct CClaim { var json: JSON }
enum ClaimCeiling { static func claims(from: Int) -> [CClaim] { [] } }
extension Box { func boxFacts() async throws -> Int { 0 } }
