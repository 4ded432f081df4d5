import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Receipts
import TransparencyLog

/// Reading and verifying receipts of runs.
enum RunReceiptTargets {
  private static let box = "box.example"
  private static let start: Int64 = 1_700_000_000_000

  /// The receipt of a run with one answer; the private keys are fixed numbers.
  private static let receipt: RunReceipt = {
    do {
      return try compose()
    } catch {
      preconditionFailure("the seed cannot be made: \(error)")
    }
  }()

  private static func compose() throws -> RunReceipt {
    let es256 = try P256.PrivateKey(rawScalar: [UInt8](repeating: 4, count: 32))
    let noteSigners = [
      try NoteSigner(name: box, ed25519: try Ed25519.PrivateKey(seed: [UInt8](repeating: 5, count: 32))),
      try NoteSigner(name: box, es256: es256),
    ]
    let constitution = Constitution(
      box: box, epoch: 1, signers: [], committees: [:], policies: [:],
      root: RootRule(committee: "owners", threshold: 1, delay: 60))
    let digest = SHA256.hash([1])
    let manifest = ToolManifest(
      name: "greet", version: "1", source: digest, uses: [Grant(method: "HTTP.get", allows: [:])])
    let salt = [UInt8](repeating: 6, count: 16)
    let statement = Statement(
      action: try Action(type: "tool.register", params: ["manifest": manifest.json]), box: box, epoch: 1,
      expires: start + 60_000, nonce: Statement.nonce(proposer: .client("app"), salt: salt), policy: digest)
    guard let run = RunID(digest.bytes) else { preconditionFailure("a digest has 32 bytes") }
    let isolation = RunIsolation(backend: "jail", applied: ["seccomp"], missing: ["cgroup"])
    let called = RunCalled(
      run: run, index: 0, call: 0, method: "HTTP.get", arguments: digest, result: digest, isOK: true)
    let chain = RunChain().adding(called, at: start)
    let outcome = RunOutcome.result(digest)
    let hash = ExecutionHash(
      manifest: manifest, community: "acme", engine: "engine", input: digest, seed: digest.bytes, start: start,
      chain: chain, fuel: 1, outcome: outcome)
    let bodies: [any EntryBody] = [
      BoxCreated(
        box: box,
        keys: BoxKeys(ed25519: noteSigners[0].verifierKey.text, es256: ClaimKey(es256.publicKey).text),
        constitution: constitution, witnesses: nil),
      ProposalOpened(statement: statement, proposer: .client("app"), salt: salt, claim: nil),
      ExecutionFinished(proposal: statement.digest, outcome: .executed, result: [:]),
      RunStarted(
        run: run, tool: manifest.digest, community: "acme", client: .client("app"), input: digest, seed: digest.bytes,
        isolation: isolation, engine: "engine"),
      RunResumed(run: run, calls: 0, isolation: isolation, engine: "engine"),
      called,
      RunFinished(
        run: run, calls: 1, chain: chain.digest, fuel: 1, outcome: outcome, execution: hash.digest),
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
      run: RunReceipt.Roles(
        genesis: 0, proposed: 1, registered: 2, started: 3, resumed: [4], called: [5], finished: 6),
      checkpoint: try SignedCheckpoint(checkpoint, signers: noteSigners), items: items)
  }

  private static let tokens = [
    "\"roles\":", "\"called\":[]", "\"resumed\":[]", "\"proof\":[]", "\"index\":4", "\"release\":null", "run.called",
    "run.finished", "\\\"call\\\":1", "\\\"ok\\\":true", "tool.register", "safebox-run-receipt/v1",
  ]

  /// Nobody can sign here, so a receipt that is accepted says what the seed says; what is refused is refused with a code,
  /// and every step is accounted for.
  static let verify = FuzzTarget(
    name: "receipts.run", shape: .json, seeds: [receipt.bytes], tokens: tokens
  ) {
    input throws(FuzzTarget.Violation) in
    let report = ReceiptVerifier(expecting: .anyBox).verify(input)
    let steps = RunReceipt.isOne(input) ? StepID.ofRuns : StepID.ofActions
    try FuzzTarget.require(report.steps.map(\.id) == steps, "a step is missing")
    guard report.verdict == .accepted else { return report.failures.first?.code ?? "rejected without a failure" }
    guard let read = try? RunReceipt(parsing: input) else {
      throw FuzzTarget.Violation("what cannot be read is accepted")
    }
    try FuzzTarget.require((try? RunReceipt(json: read.json)) == read, "the written receipt reads as another")
    try FuzzTarget.require(read.entries == receipt.entries, "other entries are accepted")
    try FuzzTarget.require(read.roles == receipt.roles, "other roles are accepted")
    return "accepted"
  }
}
