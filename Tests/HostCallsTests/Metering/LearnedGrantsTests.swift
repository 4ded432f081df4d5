import CanonicalJSON
import Governance
import Testing

@testable import HostCalls

/// The least manifest: it permits the run, and without any one pattern it does not.
@Suite struct LearnedGrantsTests {
  private static let get = HostMethod("HTTP.get", .observe, dimensions: ["hosts", "paths"], schema: [:], summary: "")
  private static let propose = HostMethod("Action.propose", .change, dimensions: ["types"], schema: [:], summary: "")
  private static let bare = HostMethod("Workflow.sleep", .observe, dimensions: [], schema: [:], summary: "")

  private static func plan(_ facts: [[String: String]], secrets: [String] = []) -> HostCallPlan {
    HostCallPlan(facts: facts, secrets: secrets, step: .change(type: "x", params: [:]))
  }

  @Test func everyPatternIsNecessary() throws {
    let calls: [(HostMethod, HostCallPlan)] = [
      (Self.get, Self.plan([["hosts": "b.example", "paths": "/2"]], secrets: ["z", "a"])),
      (Self.get, Self.plan([["hosts": "a.example", "paths": "/1"]])),
      (Self.get, Self.plan([["hosts": "b.example", "paths": "/1"], ["hosts": "b.example", "paths": "/2"]])),
      (Self.propose, Self.plan([["types": "payment"]], secrets: ["a"])),
      (Self.bare, Self.plan([[:]])),
    ]
    var learned = LearnedGrants()
    for (method, plan) in calls { learned.add(plan, method: method) }
    #expect(
      learned.grants == [
        ["method": "Action.propose", "types": ["payment"]],
        ["method": "HTTP.get", "hosts": ["a.example"], "paths": ["/1"]],
        ["method": "HTTP.get", "hosts": ["b.example"], "paths": ["/1", "/2"]],
        ["method": "Workflow.sleep"],
      ])
    #expect(learned.secrets == ["a", "z"])

    func isPermitted(_ grants: [JSON]) throws -> Bool {
      let uses = try grants.map { try Grant(json: $0, path: "g") }
      return calls.allSatisfy { method, plan in
        plan.facts.allSatisfy { facts in uses.contains { $0.permits(method.name, facts: facts) } }
      }
    }
    #expect(try isPermitted(learned.grants))
    for (index, grant) in learned.grants.enumerated() {
      var without = learned.grants
      without.remove(at: index)
      #expect(try !isPermitted(without))
      for (dimension, patterns) in grant.object ?? [:] {
        guard let list = patterns.array, list.count > 1 else { continue }
        for position in list.indices {
          var (fewer, changed) = (list, grant.object ?? [:])
          fewer.remove(at: position)
          changed[dimension] = .array(fewer)
          var grants = learned.grants
          grants[index] = .object(changed)
          #expect(try !isPermitted(grants))
        }
      }
    }
  }

  @Test func valuesThatNoPatternExpressesAreCutShort() throws {
    for value in [String(repeating: "x", count: 600), "a*b*c*d*e*f", String(repeating: "\u{E9}", count: 300), ""] {
      let text = LearnedGrants.pattern(for: value)
      let pattern = try GrantPattern(json: .string(text), path: "p")
      #expect(pattern.matches(value))
      #expect(text.hasSuffix("*"))
    }
    #expect(LearnedGrants.pattern(for: "/a/b") == "/a/b")
  }

  @Test func manyValuesMakeSeveralGrants() throws {
    var learned = LearnedGrants()
    for number in 0..<130 {
      learned.add(Self.plan([["hosts": "a", "paths": "/\(number)"]]), method: Self.get)
    }
    #expect(learned.grants.count == 3)
    for grant in learned.grants { _ = try Grant(json: grant, path: "g") }
  }
}
