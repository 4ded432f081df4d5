import Testing

@testable import Receipts

@Suite struct MutationTests {
  static let all: [Mutation] = {
    do {
      return try LogMutations.file() + LogMutations.signatures() + LogMutations.constitutions()
        + DecisionMutations.proposals() + DecisionMutations.approvals() + DecisionMutations.passkeys()
        + DecisionMutations.outcomes()
    } catch {
      Issue.record("a mutation cannot be made: \(error)")
      return []
    }
  }()

  /// The stories from which the mutations are made are accepted, so it is the mutation that is refused.
  @Test(arguments: MutationTests.all) func isRefusedWithItsOwnCode(_ mutation: Mutation) throws {
    let expected = mutation.key.isEmpty ? ExpectedBox.anyBox : try ExpectedBox(parsing: mutation.key)
    let report = ReceiptVerifier(expecting: expected).verify(mutation.bytes)
    #expect(report.verdict == .rejected)
    #expect(report.failures.first?.code == mutation.code, "\(report.failures)")
  }

  @Test func everyMutationHasItsOwnCode() {
    let codes = MutationTests.all.map(\.code)
    #expect(Set(codes).count == codes.count)
    #expect(codes.count >= 45)
  }
}
