import CanonicalJSON
import Testing
import TransparencyLog

@testable import Receipts

@Suite struct RunReceiptTests {
  private func report(_ bytes: [UInt8], _ key: String = "") throws -> ReceiptReport {
    ReceiptVerifier(expecting: key.isEmpty ? .anyBox : try ExpectedBox(parsing: key)).verify(bytes)
  }

  @Test(arguments: ToldStory.runs) func isAccepted(_ story: ToldStory) throws {
    let report = try report(story.bytes, story.key)
    #expect(report.failures == [])
    #expect(report.steps.map(\.id) == StepID.ofRuns)
    #expect(report.explanation.lines.count >= 5)
    #expect(try RunReceipt(parsing: story.bytes).bytes == story.bytes)
    #expect(RunReceipt.isOne(story.bytes))
  }

  @Test(arguments: RunMutations.all) func isRefusedWithItsOwnCode(_ mutation: Mutation) throws {
    let report = try report(mutation.bytes)
    #expect(report.verdict == .rejected)
    #expect(report.failures.first?.code == mutation.code, "\(report.failures)")
  }

  /// Whoever changes a field on the way is found out by the log; a box that signs its change by its own digests, or the
  /// receipt does not claim to know better.
  @Test func everyFieldCounts() throws {
    let fields = try RunMutations.fields()
    #expect(fields.count >= 40)
    for field in fields {
      #expect(try report(field.tampered).failures.map(\.code) == ["inclusion.root"], "\(field)")
      let failures = try report(field.bytes).failures
      #expect(failures.first?.code == field.code, "\(field): \(failures)")
      if field.code == nil { #expect(failures == [], "\(field)") }
    }
  }

  @Test func everyByteCounts() throws {
    for bytes in FlippedReceipts.runs { #expect(try report(bytes).verdict == .rejected) }
    #expect(FlippedReceipts.runs.count > 100)
  }

  @Test func saysWhatIsNotProved() throws {
    func outcome(_ id: StepID, _ story: RunStory) throws -> StepOutcome? {
      try report(try story.receiptBytes()).steps.first { $0.id == id }?.outcome
    }
    let (answered, silent, resumed) = (
      try RunStories.answered(), try RunStories.inProcess(), try RunStories.resumed()
    )
    for id in [
      StepID.registration, .asker, .seed, .standing, .answers, .grants, .linked, .ending, .identity, .evidence,
      .release, .boxKey,
    ] {
      #expect(try outcome(id, answered)?.name == "not-proved", "\(id)")
    }
    for id in [StepID.answers, .linked, .grants] {
      #expect(try outcome(id, silent)?.name == "not-applicable", "\(id)")
    }
    #expect(try outcome(.isolation, silent)?.detail.contains("no boundary at all") == true)
    #expect(try outcome(.isolation, resumed)?.detail.contains("without cgroup, landlock") == true)
    #expect(try outcome(.ending, resumed)?.detail.contains("from outside the tool") == true)
  }

  @Test func composesWhatTheVerifierAccepts() throws {
    for (name, story) in try RunStories.all() {
      let told = try RunReceipt(json: story.log().receipt())
      let composed = try ReceiptComposer.compose(
        run: told.roles, checkpoint: try SignedCheckpoint(parsing: Array(told.checkpoint.utf8)), items: told.entries)
      let report = try report(composed.bytes, story.registration.box().es256Text)
      #expect(report.verdict == .accepted, "\(name)")
      #expect(composed.entries == told.entries && composed.roles == told.roles, "\(name)")
    }
  }

  @Test func handsOutNothingThatWouldBeRefused() throws {
    var lying = try RunStories.answered()
    lying.calls[3] = lying.calls[3].setting("call", to: 1)
    let told = try RunReceipt(json: lying.log().receipt())
    let checkpoint = try SignedCheckpoint(parsing: Array(told.checkpoint.utf8))
    #expect {
      _ = try ReceiptComposer.compose(run: told.roles, checkpoint: checkpoint, items: told.entries)
    } throws: { error in
      guard case ReceiptComposer.Failure.rejected(let failures) = error else { return false }
      return failures.map(\.code) == ["calls.repeated"]
    }
    #expect(throws: ReceiptComposer.Failure.missingItem(told.roles.started)) {
      _ = try ReceiptComposer.compose(run: told.roles, checkpoint: checkpoint, items: Array(told.entries.prefix(3)))
    }
  }

  /// What no file can hold is refused with a reason, before anything is gathered and by the bytes.
  @Test func refusesRunsThatAreTooLong() throws {
    #expect {
      try ReceiptComposer.checkFits(entries: 8193)
    } throws: { error in
      guard case ReceiptComposer.Failure.tooLarge = error else { return false }
      return true
    }
    var long = try RunStories.long()
    long.calls = (0..<300).map { RunStories.call($0, "HTTP.get") }
    let told = try RunReceipt(json: long.log().receipt())
    let checkpoint = try SignedCheckpoint(parsing: Array(told.checkpoint.utf8))
    let padding = Receipt.Item(index: told.roles.genesis, entry: [UInt8](repeating: 0x20, count: 4 << 20), proof: [])
    #expect {
      _ = try ReceiptComposer.compose(run: told.roles, checkpoint: checkpoint, items: [padding] + told.entries)
    } throws: { error in
      guard case ReceiptComposer.Failure.tooLarge(let what) = error else { return false }
      return what.contains("4194304 at most")
    }
  }
}
