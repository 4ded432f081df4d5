import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Receipts
import TransparencyLog

/// Reading and verifying receipts.
enum ReceiptTargets {
  private static let box = "box.example"
  private static let start: Int64 = 1_700_000_000_000

  /// The receipt of one action that one signer approved; the private keys are fixed numbers.
  private static let receipt: Receipt = {
    do {
      return try compose()
    } catch {
      preconditionFailure("the seed cannot be made: \(error)")
    }
  }()

  private static func compose() throws -> Receipt {
    let signer = ClaimSigner(try P256.PrivateKey(rawScalar: [UInt8](repeating: 3, count: 32)))
    let es256 = try P256.PrivateKey(rawScalar: [UInt8](repeating: 4, count: 32))
    let noteSigners = [
      try NoteSigner(name: box, ed25519: try Ed25519.PrivateKey(seed: [UInt8](repeating: 5, count: 32))),
      try NoteSigner(name: box, es256: es256),
    ]
    let possession = try Claim.possession(box: box, signer: "alice", key: signer.key).signed(by: signer)
    let member = Signer(
      name: "alice", keys: [SignerKey(key: signer.key, possession: possession.signatures.first.flatMap(\.self) ?? "")])
    let constitution = Constitution(
      box: box, epoch: 1, signers: [member], committees: ["owners": ["alice"]],
      policies: ["all": Policy(covers: [try Pattern(parsing: "*")], rule: .single(committee: "owners"))],
      root: RootRule(committee: "owners", threshold: 1, delay: 60))
    guard let policy = constitution.policyDigests["all"] else { preconditionFailure("the policy has a digest") }
    let salt = [UInt8](repeating: 6, count: 16)
    let opening = try Opening(value: ["to": "ACME"], salt: [UInt8](repeating: 7, count: 32))
    let action = try Action(
      type: "http.request", params: ["url": "https://bank.example", "body": opening.commitment.json])
    let statement = Statement(
      action: action, box: box, epoch: 1, expires: start + 60_000,
      nonce: Statement.nonce(proposer: .client("app"), salt: salt), policy: policy)
    let claim = try statement.claim(.approve, by: "alice", key: signer.key, nonce: "n", exp: start / 1000 + 60)
      .signed(by: signer)
    let bodies: [any EntryBody] = [
      BoxCreated(
        box: box,
        keys: BoxKeys(ed25519: noteSigners[0].verifierKey.text, es256: ClaimKey(es256.publicKey).text),
        constitution: constitution, witnesses: nil),
      ProposalOpened(statement: statement, proposer: .client("app"), salt: salt, claim: nil),
      ProposalVote(verdict: .approve, proposal: statement.digest, voice: .signer("alice", claim: claim.json)),
      ExecutionStarted(proposal: statement.digest, approvals: ["alice"], mode: .normal),
      ExecutionFinished(proposal: statement.digest, outcome: .executed, result: ["status": 200]),
    ]
    let entries = try bodies.map { try $0.entry(at: start).bytes }
    let leaves = entries.map { MerkleTree.leafHash($0) }
    let checkpoint = try Checkpoint(
      origin: box, size: UInt64(leaves.count), root: MerkleTree.root(ofLeafHashes: leaves))
    let tree = FuzzLeaves(hashes: leaves)
    let items = try entries.enumerated().map { index, entry in
      Receipt.Item(
        index: UInt64(index), entry: entry,
        proof: try tree.inclusionProof(index: UInt64(index), size: UInt64(leaves.count)).hashes)
    }
    return try ReceiptComposer.compose(
      checkpoint: try SignedCheckpoint(checkpoint, signers: noteSigners), items: items,
      roles: Receipt.Roles(genesis: 0, epoch: 0, opened: 1, approvals: [2], started: 3, finished: 4),
      constitution: constitution, openings: [opening])
  }

  private static let tokens = [
    "\"roles\":", "\"approvals\":[]", "\"openings\":{}", "\"proof\":[]", "\"epoch\":0", "\"index\":4",
    "\"evidence\":null",
    "\\n\\n", "execution.finished", "box.created", "\"$commitment\"", "\"rule\":\"any\"", "\"delay\":1209600",
  ]

  /// Whatever is read is written and read the same again.
  static let parse = FuzzTarget(
    name: "receipts.parse", shape: .json, seeds: [receipt.bytes], tokens: tokens
  ) {
    input throws(FuzzTarget.Violation) in
    let read: Receipt
    do throws(CheckFailure) {
      read = try Receipt(parsing: input)
    } catch {
      return error.code
    }
    try FuzzTarget.require((try? Receipt(json: read.json)) == read, "the written receipt reads as another")
    return "accepted"
  }

  /// Nobody can sign here, so a receipt that is accepted says what the seed says; what is refused is refused with a code,
  /// and every step is accounted for.
  static let verify = FuzzTarget(
    name: "receipts.verify", shape: .json, seeds: [receipt.bytes], tokens: tokens
  ) {
    input throws(FuzzTarget.Violation) in
    let report = ReceiptVerifier(expecting: .anyBox).verify(input)
    try FuzzTarget.require(report.steps.map(\.id) == StepID.ofActions, "a step is missing")
    guard report.verdict == .accepted else { return report.failures.first?.code ?? "rejected without a failure" }
    guard let read = try? Receipt(parsing: input) else { throw FuzzTarget.Violation("what cannot be read is accepted") }
    try FuzzTarget.require(read.entries == receipt.entries, "other entries are accepted")
    try FuzzTarget.require(read.roles == receipt.roles, "other roles are accepted")
    try FuzzTarget.require(read.constitution == receipt.constitution, "another constitution is accepted")
    for (digest, opening) in read.openings {
      try FuzzTarget.require(receipt.openings[digest] == opening, "another opening is accepted")
    }
    return "accepted"
  }
}

/// A tree small enough to hash anew for every node.
struct FuzzLeaves: HashReader {
  let hashes: [SHA256Digest]

  func hash(level: Int, index: UInt64) -> SHA256Digest {
    MerkleTree.root(ofLeafHashes: hashes[(Int(index) << level)..<((Int(index) + 1) << level)])
  }
}
