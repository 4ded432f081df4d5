import CanonicalJSON
import Cryptography
import Governance
import Testing
import TransparencyLog

@testable import Receipts

@Suite struct ReceiptComposerTests {
  /// What a box would pass for the receipt of a story.
  private struct Parts {
    var checkpoint: SignedCheckpoint
    var items: [Receipt.Item]
    var roles: Receipt.Roles
    var constitution: Constitution
    var openings: [Opening]

    init(_ story: Story) throws {
      let told = try Receipt(json: story.log().receipt())
      checkpoint = try SignedCheckpoint(parsing: Array(told.checkpoint.utf8))
      items = told.entries
      roles = told.roles
      constitution = try Constitution(json: told.constitution)
      openings = Array(told.openings.values)
    }

    func compose() throws(ReceiptComposer.Failure) -> Receipt {
      try ReceiptComposer.compose(
        checkpoint: checkpoint, items: items, roles: roles, constitution: constitution, openings: openings)
    }
  }

  @Test func composesWhatTheVerifierAccepts() throws {
    for (name, story) in try Stories.all() {
      let receipt = try Parts(story).compose()
      let report = ReceiptVerifier(expecting: try ExpectedBox(parsing: story.box().es256Text)).verify(receipt)
      #expect(report.verdict == .accepted, "\(name)")
      #expect(try Receipt(parsing: receipt.bytes) == receipt, "\(name)")
    }
  }

  /// Alice's first approval has lapsed, her second repeats bob's: neither may be presented as counted.
  @Test func leavesOutApprovalsThatDoNotCount() throws {
    var story = try Stories.quorum()
    story.approvals.insert(.init(signer: story.signers[0], after: 1000), at: 0)
    story.approvals[0].edit = { $0["exp"] = .integer(Story.start / 1000 + 60) }
    story.approvals.append(.init(signer: story.signers[1], after: 30_000))
    let parts = try Parts(story)
    #expect(parts.roles.approvals.count == 4)
    let receipt = try parts.compose()
    #expect(receipt.roles.approvals == Array(parts.roles.approvals[1...2]))
    #expect(receipt.entries.count == parts.items.count - 2)
  }

  @Test func disclosesOnlyWhatBelongsToTheAction() throws {
    var parts = try Parts(try Stories.undisclosed())
    parts.openings = [try Opening(value: "of another action", salt: Array(repeating: 7, count: 32))]
    #expect(try parts.compose().openings.isEmpty)
  }

  @Test func handsOutNothingThatWouldBeRefused() throws {
    var early = try Stories.timelock()
    early.startedAfter -= 1
    #expect {
      _ = try Parts(early).compose()
    } throws: { error in
      guard case ReceiptComposer.Failure.rejected(let failures) = error else { return false }
      return failures.map(\.code) == ["decision.too-early"]
    }
    var incomplete = try Parts(try Stories.quorum())
    let missing = incomplete.roles.started
    incomplete.items.removeAll { $0.index == missing }
    #expect(throws: ReceiptComposer.Failure.missingItem(missing)) { try incomplete.compose() }
    var unsigned = try Parts(try Stories.quorum())
    let box = try TestBox("box.example/payments")
    unsigned.checkpoint = try SignedCheckpoint(
      unsigned.checkpoint.checkpoint, signers: [NoteSigner(name: box.origin, ed25519: box.ed25519)])
    #expect(throws: ReceiptComposer.Failure.noES256Signature) { try unsigned.compose() }
  }

  /// The proof beside the receipt is one that any C2SP client reads, of the same leaf.
  @Test func offersTheProofOfTheFinishedLeaf() throws {
    let story = try Stories.witnessed()
    let receipt = try Parts(story).compose()
    let proof = try TLogProof(parsing: Array(receipt.tlogProof().description.utf8))
    let leaf = try #require(receipt.entry(at: receipt.roles.finished)).entry
    #expect(proof.index == receipt.roles.finished)
    #expect(
      try InclusionProof(
        index: proof.index, size: proof.signedCheckpoint.checkpoint.size, hashes: proof.hashes
      ).computedRoot(leafHash: MerkleTree.leafHash(leaf)) == proof.signedCheckpoint.checkpoint.root)
  }
}
