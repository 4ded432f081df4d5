import CanonicalJSON
import Cryptography
import Testing

@testable import Receipts

@Suite struct ReceiptVerifierTests {
  private func outcome(_ id: StepID, of story: Story, _ expected: ExpectedBox = .anyBox) throws -> StepOutcome? {
    ReceiptVerifier(expecting: expected).verify(try story.receiptBytes()).steps.first { $0.id == id }?.outcome
  }

  /// What a receipt cannot show it does not claim.
  @Test func saysWhatIsNotProved() throws {
    #expect(try outcome(.boxKey, of: Stories.quorum())?.name == "not-proved")
    #expect(try outcome(.proposer, of: Stories.quorum())?.name == "not-proved")
    #expect(try outcome(.proposer, of: Stories.signedProposal())?.name == "passed")
    #expect(try outcome(.witnesses, of: Stories.quorum())?.name == "not-proved")
    #expect(try outcome(.witnesses, of: Stories.tooFewWitnesses())?.name == "not-proved")
    #expect(try outcome(.witnesses, of: Stories.witnessed())?.name == "passed")
    #expect(try outcome(.succession, of: Stories.quorum())?.name == "not-applicable")
    #expect(try outcome(.succession, of: Stories.laterEpoch())?.name == "not-proved")
    #expect(try outcome(.predecessors, of: Stories.follows())?.name == "not-proved")
    #expect(try outcome(.openings, of: Stories.undisclosed())?.name == "not-proved")
    #expect(try outcome(.openings, of: Stories.automatic())?.name == "not-applicable")
    #expect(try outcome(.noObjection, of: Stories.timelock())?.name == "not-proved")
    #expect(try outcome(.result, of: Stories.unknown())?.name == "not-proved")
    #expect(try outcome(.budgets, of: Stories.budget())?.name == "not-proved")
    #expect(try outcome(.budgets, of: Stories.automatic())?.name == "not-applicable")
    for id in [StepID.identity, .evidence, .release] {
      #expect(try outcome(id, of: Stories.witnessed())?.name == "not-proved")
    }
  }

  /// A budget on a branch that the decision did not need is no gap in the proof.
  @Test func budgetsMatterOnlyWhereTheDecisionRestsOnThem() throws {
    var story = try Stories.budget()
    #expect(try outcome(.budgets, of: story)?.name == "not-proved")
    story.approvals = try Stories.quorum().approvals
    #expect(try outcome(.budgets, of: story)?.name == "not-applicable")
  }

  /// Both of the box's keys identify it, in both of their spellings.
  @Test func everyKeyOfTheBoxPinsIt() throws {
    let story = try Stories.quorum()
    let signers = try story.box().noteSigners()
    for text in [try story.box().es256Text, signers[0].verifierKey.text, signers[1].verifierKey.text] {
      #expect(try outcome(.boxKey, of: story, ExpectedBox(parsing: text)) == .passed("The key you gave is the box's."))
    }
    let stranger = try TestBox("stranger.example").noteSigners()[0].verifierKey.text
    #expect(try outcome(.boxKey, of: story, ExpectedBox(parsing: stranger))?.failure?.code == "box-key.mismatch")
    let passkey = try TestSigner("bob", device: .passkey).keyText
    for text in ["", "box", passkey, "data:key/es256;base64,AAAA", stranger + "A"] {
      #expect(throws: ExpectedBox.Malformed.self) { try ExpectedBox(parsing: text) }
    }
  }

  /// Steps that rest on a failed one do not pass; those that rest on others still run.
  @Test func nothingPassesOnABrokenFoundation() throws {
    let receipt = try Stories.quorum().log().receipt().setting("constitution.root", to: nil)
    let report = ReceiptVerifier(expecting: .anyBox).verify(receipt.canonicalBytes())
    for step in report.steps {
      switch step.id {
      case .format, .checkpoint, .entries, .logSignature, .inclusion, .genesis: #expect(step.outcome.name == "passed")
      case .constitution: #expect(step.outcome.name == "failed")
      default: #expect(step.outcome.name == "not-proved", "\(step.id)")
      }
    }
    #expect(report.explanation.lines.isEmpty)
    #expect(report.verdict == .rejected)
  }

  /// No byte of the file is without meaning: changing any is noticed.
  @Test func everyByteCounts() throws {
    for bytes in FlippedReceipts.all {
      #expect(ReceiptVerifier(expecting: .anyBox).verify(bytes).verdict == .rejected)
    }
    #expect(FlippedReceipts.all.count > 200)
  }

  @Test func readsAndWritesOneForm() throws {
    for story in ToldStory.all { #expect(try Receipt(parsing: story.bytes).bytes == story.bytes) }
  }

  @Test func tellsTimesAndDurations() {
    #expect(PlainWords.time(0) == "1970-01-01 00:00:00.000 UTC")
    #expect(PlainWords.time(951_827_696_789) == "2000-02-29 12:34:56.789 UTC")
    #expect(PlainWords.time(4_102_444_799_999) == "2099-12-31 23:59:59.999 UTC")
    #expect(PlainWords.time(253_402_300_800_000) == "+010000-01-01 00:00:00.000 UTC")
    #expect(PlainWords.time(8_640_000_000_000_001) == "8640000000000001 ms")
    #expect(PlainWords.duration(1) == "1 second")
    #expect(PlainWords.duration(5400) == "90 minutes")
    #expect(PlainWords.duration(172_800) == "2 days")
  }
}

/// Receipts in which one bit of one byte is wrong, at places spread over the whole file.
enum FlippedReceipts {
  static let all = flipped(["passkey", "witnessed"], of: ToldStory.all)
  static let runs = flipped(["run-resumed"], of: ToldStory.runs)

  private static func flipped(_ names: [String], of stories: [ToldStory]) -> [[UInt8]] {
    names.flatMap { name in stories.first { $0.name == name }.map { flipped($0.bytes) } ?? [] }
  }

  private static func flipped(_ bytes: [UInt8]) -> [[UInt8]] {
    stride(from: 0, to: bytes.count, by: 83).map { place in
      var bytes = bytes
      bytes[place] ^= 1 << (place % 7)
      return bytes
    }
  }
}
