import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import TransparencyLog

/// The people who own the box of a test, and their constitution. Keys are derived from names.
enum Owners {
  static let people = ["ana", "ben", "carl", "dora", "emil"]

  static func key(_ name: String) throws -> P256.PrivateKey {
    try P256.PrivateKey(rawScalar: SHA256.hash(Array("key of \(name)".utf8)).bytes)
  }

  static func signer(_ name: String, box: String) throws -> Signer {
    let secret = try key(name)
    let claimKey = ClaimKey(secret.publicKey)
    let claim = try Claim.possession(box: box, signer: name, key: claimKey).signed(by: ClaimSigner(secret))
    guard case .some(.some(let proof)) = claim.signatures.first else { throw ClaimError.unsigned }
    return Signer(name: name, keys: [SignerKey(key: claimKey, possession: proof)])
  }

  static func policies() throws -> [String: Policy] {
    func policy(_ covers: [String], _ rule: Rule) throws -> Policy {
      Policy(covers: try covers.map { try Pattern(parsing: $0) }, rule: rule)
    }
    return [
      "machine": try policy(
        ["model.*", "runner.*", "package.*", "directory.*"], .quorum(Quorum(2, of: "everybody"))),
      "snapshots": try policy(
        ["snapshot.*"],
        .timelock(
          Timelock(
            delay: 3600, objectors: Quorum(1, of: "everybody"), after: .quorum(Quorum(2, of: "everybody"))))),
      "mail": try policy(["mail.send"], .automatic([])),
      "brakes": try policy(["box.*", "signer.revoke"], .quorum(Quorum(3, of: "everybody"))),
      "rules": try policy(["governance.*", "execution.resolve"], .quorum(Quorum(3, of: "everybody"))),
    ]
  }

  static func constitution(box: String, epoch: Int64 = 1) throws -> Constitution {
    Constitution(
      box: box, epoch: epoch, signers: try people.map { try signer($0, box: box) },
      committees: ["everybody": people], policies: try policies(),
      root: RootRule(committee: "everybody", threshold: 3, delay: 7200))
  }
}
