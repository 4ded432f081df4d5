import Cryptography
import Testing

@testable import BoxService

/// A release that waits for newer evidence: it gets what is brought for it, or nothing.
@Suite(.timeLimit(.minutes(1))) struct EvidenceRenewalsTests {
  private static let (one, other) = (SHA256.hash([1]), SHA256.hash([2]))
  private static let evidence = AppraisedEvidence(nonce: [1], evidence: ["any": "thing"], appraised: 7)

  private static func wait(_ renewals: EvidenceRenewals, for release: SHA256Digest) async {
    while !renewals.isWanted(for: release) { await Task.yield() }
  }

  @Test func whatIsBroughtIsForOneReleaseAndOnce() async {
    let renewals = EvidenceRenewals(patience: .seconds(3600))
    #expect(!renewals.offer(Self.evidence, for: Self.one))
    async let wanted = renewals.want(for: Self.one)
    await Self.wait(renewals, for: Self.one)
    #expect(!renewals.offer(Self.evidence, for: Self.other))
    #expect(renewals.offer(Self.evidence, for: Self.one))
    #expect(!renewals.offer(Self.evidence, for: Self.one))
    #expect(await wanted?.appraised == 7)
    #expect(!renewals.isWanted(for: Self.one))
  }

  @Test func nobodyWaitsForEver() async {
    #expect(await EvidenceRenewals(patience: .zero).want(for: Self.one) == nil)
    let renewals = EvidenceRenewals(patience: .seconds(3600))
    let task = Task { await renewals.want(for: Self.one) }
    await Self.wait(renewals, for: Self.one)
    task.cancel()
    #expect(await task.value == nil)
    #expect(!renewals.isWanted(for: Self.one))
    // Cancelled before it waits.
    let gone = Task { () -> AppraisedEvidence? in
      while !Task.isCancelled { await Task.yield() }
      return await renewals.want(for: Self.one)
    }
    gone.cancel()
    #expect(await gone.value == nil)
    #expect(!renewals.isWanted(for: Self.one))
  }

  /// The same release carried out again, while the first attempt still waits: the first gets nothing, and its end does not end
  /// the second.
  @Test func theLaterAttemptTakesThePlaceOfTheEarlier() async {
    let renewals = EvidenceRenewals(patience: .seconds(3600))
    let first = Task { await renewals.want(for: Self.one) }
    await Self.wait(renewals, for: Self.one)
    let second = Task { await renewals.want(for: Self.one) }
    #expect(await first.value == nil)
    first.cancel()
    #expect(renewals.isWanted(for: Self.one))
    #expect(renewals.offer(Self.evidence, for: Self.one))
    #expect(await second.value?.appraised == 7)
  }
}
