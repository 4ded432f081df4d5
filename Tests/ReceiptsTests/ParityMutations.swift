import CanonicalJSON
import Testing

@testable import Receipts

/// Further ways to come to a code: where two verifiers are most likely to draw the line in different places.
enum ParityMutations {
  static let all: [Mutation] = {
    do {
      return try constitutions() + claims() + tools()
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

  private static func tools() throws -> [Mutation] {
    let deny: JSON = ["rule": "code", "source": "export default () => 'a'", "branches": ["a": ["rule": "deny"]]]
    func manifest(_ path: String, _ value: JSON?) throws -> Mutation {
      try .told("policy.parameters", Stories.tool()) {
        $0.action = $0.action.setting("params.manifest.\(path)", to: value)
      }
    }
    let hidden: JSON = ["$commitment": .string(digest(of: "hidden"))]
    return [
      try manifest("name", "Invoice"), try manifest("version", "1 0"), try manifest("source", nil),
      try manifest("input", []), try manifest("input", ["default": hidden]), try manifest("more", 1),
      try manifest("uses.0.method", "HTTP"), try manifest("uses.0.hosts", []), try manifest("uses.0.Hosts", ["a"]),
      try manifest("uses.0.hosts", ["a", "a"]), try manifest("uses.0.hosts", ["*****"]),
      try manifest("secrets", ["a", "a"]), try manifest("limits.fuel", 0), try manifest("limits.more", 1),
      try manifest("rates.0.count", 0), try manifest("budgets.0.unit", "euro"), try manifest("isolation.backend", "vm"),
      try manifest("isolation.full", true),
      try .told("policy.parameters", Stories.tool()) {
        $0.action = ["type": "tool.retire", "params": ["name": "invoice-triage"]]
      },
      try .told("policy.parameters", Stories.tool()) {
        $0.action = ["type": "community.set", "params": ["community": "acme", "settings": hidden]]
      },
      try .told("policy.reserved-type", Stories.tool()) { $0.action = ["type": "tool.drop", "params": [:]] },
      try .told("entries.body", Stories.run()) { $0.tool = nil },
      try .told("entries.body", Stories.run()) { $0.tool = "No Name" },
      try .told("entries.body", Stories.run()) { $0.proposer = "run:4d4d" },
      try .told("entries.body", Stories.quorum()) { $0.tool = "invoice-triage" },
      try .told("constitution.code", Stories.quorum()) {
        $0.policies = $0.policies.setting(
          "governance.rule", to: ["rule": "any", "of": [$0.policies.at("governance.rule") ?? [:], deny]])
      },
      try .told("constitution.code", Stories.quorum()) { story in
        for number in 0..<9 {
          story.policies = story.policies.setting(
            "p\(number)",
            to: [
              "covers": ["p\(number).run"],
              "rule": ["rule": "all", "of": .array(Array(repeating: deny, count: 4))],
            ])
        }
      },
      try .told("entries.body", Stories.quorum()) {
        $0.policies = $0.policies.setting(
          "payments.rule", to: ["rule": "any", "of": .array(Array(repeating: deny, count: 5))])
      },
      try .told("entries.body", Stories.code()) {
        $0.policies = $0.policies.setting("payments.rule.branches.Large", to: ["rule": "deny"])
      },
      try .told("entries.body", Stories.code()) {
        $0.policies = $0.policies.setting("payments.rule.source", to: .string(digest(of: "code")))
          .setting("payments.rule.branches", to: nil)
      },
      try .told("constitution.unknown-committee", Stories.code()) {
        $0.policies = $0.policies.setting("payments.rule.branches.small.committee", to: "nobody")
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
