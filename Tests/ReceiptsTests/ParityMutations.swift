import CanonicalJSON
import Testing

@testable import Receipts

/// Further ways to come to a code: where two verifiers are most likely to draw the line in different places.
enum ParityMutations {
  static let all: [Mutation] = {
    do {
      return try constitutions() + claims()
    } catch {
      Issue.record("a mutation cannot be made: \(error)")
      return []
    }
  }()

  private static func constitutions() throws -> [Mutation] {
    [
      // A delay that outlasts every proposal is refused over whatever the policy covers, not only over governance.
      try .told("constitution.never-satisfied", Stories.timelock()) {
        $0.policies = $0.policies.setting("payments.maxExpiry", to: 600)
      },
      // A prefix of 63 letters, which with its two other characters is one too long.
      try .told("entries.body", Stories.quorum()) {
        $0.policies = $0.policies.setting(
          "payments.covers", to: ["http.request", .string(String(repeating: "a", count: 63) + ".*")])
      },
      // Each policy alone could be counted.
      try .told("constitution.entangled", Stories.quorum()) { story in
        for number in 0..<10 {
          story.committees = story.committees.setting("c\(number)", to: ["alice", "bob", "carol"])
        }
        let all: [JSON] = (0..<10).map { ["rule": "single", "committee": "c\($0)"] }
        for number in 0..<5 {
          story.policies = story.policies.setting(
            "p\(number)", to: ["covers": ["p\(number).run"], "rule": ["rule": "all", "of": .array(all)]])
        }
      },
    ]
  }

  private static func claims() throws -> [Mutation] {
    [
      // The key that is registered as a passkey, signing as no passkey does.
      try .told("approvals.foreign-key", Stories.passkey()) { $0.approvals[1].signer = try TestSigner("bob") },
      // For Swift's strings a Kelvin sign is a K.
      try .told("approvals.subject", Stories.quorum()) {
        $0.origin = "box.example/Kassel"
        $0.approvals[0].edit = { $0["sub"] = "box.example/\u{212A}assel" }
      },
    ]
  }
}

@Suite struct ParityTests {
  @Test(arguments: ParityMutations.all) func isRefusedWithItsCode(_ mutation: Mutation) throws {
    let report = ReceiptVerifier(expecting: .anyBox).verify(mutation.bytes)
    #expect(report.verdict == .rejected)
    #expect(report.failures.first?.code == mutation.code, "\(report.failures)")
  }
}
