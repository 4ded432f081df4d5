import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

/// Every history of small worlds: no path executes early, twice, after objection, with approvals of another epoch, by
/// people who may not, or below the threshold; and whatever may happen, can.
@Suite struct ModelTests {
  private func constitution(
    signers: [String: [String]]? = nil, committees: [String: [String]], policies: [String: Policy], epoch: Int64 = 1,
    root: Int = 2
  ) throws -> Constitution {
    let names = Set(committees.values.joined()).sorted()
    return try TestBox.constitution(
      signers: names.map { try TestKeys.signer($0, keys: signers?[$0]) }, committees: committees, policies: policies,
      root: RootRule(committee: "team", threshold: root, delay: 0), epoch: epoch)
  }

  private func check(_ world: World, moments: Int64, executes: Set<Int>, _ label: String) throws {
    let found = try world.explore(moments: moments)
    #expect(found.disagreements.isEmpty, "\(label)")
    #expect(found.started == executes, "\(label): some proposal never executes")
    #expect(found.states > 100, "\(label): \(found.states) states is no world")
    #expect(found.states <= 200_000, "\(label): not walked to the end")
    print("model check, \(label): \(found.states) states, \(found.accepted) steps, \(found.refused) refusals")
  }

  @Test func timelockObjectionWithdrawalAndExpiry() throws {
    let lock = Timelock(
      delay: 2, objectors: Quorum(1, of: "watch"), after: .quorum(Quorum(2, of: "team")))
    let world = try World(
      constitution(
        committees: ["team": ["a", "b", "c"], "watch": ["a", "o"], "rest": ["m"]],
        policies: ["pay": try Policy("pay.out", rule: .timelock(lock))]),
      keys: ["a", "b", "c", "o", "m"])
    let p = try world.propose("pay.out", policy: "pay", expires: 4)
    world.mayApprove(p, "a", "b", "c", "m", "o")
    world.may(
      .approve(p, by: "a", key: "b"), .object(p, by: "o"), .object(p, by: "a"), .object(p, by: "m"),
      .withdraw(p, client: "app"), .withdraw(p, client: "thief"))
    world.outcomes = Outcome.allCases
    try check(world, moments: 5, executes: [p], "timelock, objection, withdrawal, expiry")
  }

  @Test func rotationOfTheCommittee() throws {
    let policies = ["pay": try Policy("pay.out", "governance.*", rule: .quorum(Quorum(2, of: "team")))]
    let old = try constitution(committees: ["team": ["a", "b", "c"]], policies: policies)
    // a gets another key, c leaves, d comes.
    let new = try constitution(
      signers: ["a": ["a2"]], committees: ["team": ["a", "b", "d"]], policies: policies, epoch: 2)
    let world = try World(old, keys: ["a", "a2", "b", "c", "d"])
    let before = try world.propose("pay.out", policy: "pay")
    let rotate = try world.propose(
      "governance.committee.set", ChangeTests.members(new), kind: .members, policy: "pay", change: { _ in new })
    let after = try world.propose("pay.out", policy: "pay", epoch: 2)
    world.mayApprove(before, "a", "b", "c")
    world.mayApprove(rotate, "a", "b", "c", "d")
    world.mayApprove(after, "a", "b", "c", "d")
    world.may(
      .approve(before, by: "a", key: "a2"), .approve(rotate, by: "a", key: "a2"), .approve(after, by: "a", key: "a2"),
      .approve(before, by: "d", key: "d"))
    try check(world, moments: 1, executes: [before, rotate, after], "rotation")
  }

  @Test func changesOfPolicies() throws {
    let pay = try Policy("pay.out", rule: .quorum(Quorum(2, of: "team")))
    let strict = try Policy(
      "pay.out",
      rule: .timelock(
        Timelock(delay: 1, objectors: Quorum(1, of: "team"), after: .quorum(Quorum(2, of: "team")))))
    let rules = try Policy("governance.*", rule: .quorum(Quorum(2, of: "team")))
    let first = try constitution(
      committees: ["team": ["a", "b"]],
      policies: ["pay": strict, "rules": rules, "spare": try Policy("x.y", rule: .deny)])
    let world = try World(first, keys: ["a", "b"])
    func setting(_ name: String, _ policy: Policy?) -> @Sendable (Constitution) -> Constitution {
      { old in
        var policies = old.policies
        policies[name] = policy
        return Constitution(
          box: old.box, epoch: old.epoch + 1, signers: Array(old.signers.values), committees: old.committees,
          policies: policies, root: old.root)
      }
    }
    let loosened = setting("pay", pay)(first)
    // Shortens the delay of pay.out: waits out the old one.
    let loosen = try world.propose(
      "governance.policy.set", ["name": "pay", "policy": pay.json], kind: .policies, policy: "rules",
      change: setting("pay", pay), wait: 1, waitObjectors: [Quorum(1, of: "team")])
    let remove = try world.propose(
      "governance.policy.set", ["name": "spare", "policy": nil], kind: .policies, policy: "rules",
      change: setting("spare", nil))
    let strictly = try world.propose("pay.out", policy: "pay", epoch: 2)
    let loosely = try world.propose("pay.out", policy: "pay", under: loosened, epoch: 2)
    for p in [loosen, remove, strictly, loosely] { world.mayApprove(p, "a", "b") }
    world.may(.object(loosen, by: "a"), .object(strictly, by: "b"))
    try check(world, moments: 2, executes: [loosen, remove, loosely, strictly], "policies")
  }

  @Test func revocationAndBreakGlass() throws {
    let world = try World(
      constitution(
        committees: ["team": ["a", "b", "c"], "guard": ["c"]],
        policies: [
          "pay": try Policy("pay.out", rule: .quorum(Quorum(2, of: "team"))),
          "rules": try Policy("governance.*", rule: .quorum(Quorum(2, of: "team"))),
          "brake": Policy(
            covers: [try Pattern(parsing: "signer.revoke")], rule: .quorum(Quorum(2, of: "team")),
            breakGlass: BreakGlass(rule: .single(committee: "guard"), ttl: 1)),
        ]),
      keys: ["a", "b", "c"])
    let pay = try world.propose("pay.out", policy: "pay")
    let revoke = try world.propose(
      "signer.revoke", ["signer": "a", "reason": "r"], kind: .revokes("a"), policy: "brake")
    let ratify = try world.propose(
      "governance.ratify", ["proposal": .string(world.proposals[revoke].statement.digest.hex)],
      kind: .ratifies(revoke), policy: "rules")
    world.mayApprove(pay, "a", "b")
    world.mayApprove(revoke, "b", "c")
    world.mayApprove(ratify, "b", "c")
    try check(world, moments: 2, executes: [pay, revoke, ratify], "revocation, break-glass, ratification")
  }

  @Test func stopResumeAndUnknownOutcomes() throws {
    let world = try World(
      constitution(
        committees: ["team": ["a", "b"]],
        policies: [
          "pay": try Policy("pay.out", rule: .single(committee: "team")),
          "box": try Policy("box.*", rule: .single(committee: "team")),
          "settle": try Policy("execution.resolve", rule: .single(committee: "team")),
          "rules": try Policy("governance.*", rule: .quorum(Quorum(2, of: "team"))),
        ]),
      keys: ["a", "b"])
    let pay = try world.propose("pay.out", policy: "pay", by: .signer("b"))
    let stop = try world.propose("box.stop", ["reason": "r"], kind: .stops, policy: "box")
    let resume = try world.propose("box.resume", ["reason": "r"], kind: .resumes, policy: "box")
    let digest = JSON.string(world.proposals[pay].statement.digest.hex)
    let resolve = try world.propose(
      "execution.resolve", ["proposal": digest, "outcome": "failed", "note": "n"], kind: .resolves(pay),
      policy: "settle")
    world.mayApprove(pay, "a", "b")
    for p in [stop, resume, resolve] { world.mayApprove(p, "a") }
    world.outcomes = Outcome.allCases
    try check(world, moments: 1, executes: [pay, stop, resume, resolve], "stop, resume, unknown outcomes")
  }

  @Test func groupsBranchesAndLapsingClaims() throws {
    let rule = Rule.any([
      .groups([Quorum(1, of: "team"), Quorum(1, of: "audit")]),
      .timelock(Timelock(delay: 1, objectors: Quorum(1, of: "audit"), after: .single(committee: "team"))),
    ])
    let world = try World(
      constitution(
        committees: ["team": ["a", "b"], "audit": ["b", "o"]], policies: ["pay": try Policy("pay.out", rule: rule)]),
      claimLife: 1, keys: ["a", "b", "o"])
    let pay = try world.propose("pay.out", policy: "pay")
    world.mayApprove(pay, "a", "b", "o")
    world.may(.object(pay, by: "o"), .object(pay, by: "b"))
    try check(world, moments: 3, executes: [pay], "groups, branches, lapsing claims")
  }

  @Test func budgets() throws {
    let rule = Rule.any([
      .automatic([.budget(field: "params.amount", limit: 10, period: 1), .count(limit: 2, period: 2)]),
      .single(committee: "team"),
    ])
    let world = try World(
      constitution(committees: ["team": ["a", "b"]], policies: ["pay": try Policy("pay.out", rule: rule)]), keys: ["a"])
    var all: Set<Int> = []
    for amount in [6, 5, 4] as [Int64] {
      all.insert(try world.propose("pay.out", ["amount": .integer(amount)], policy: "pay"))
    }
    world.mayApprove(0, "a")
    world.outcomes = []
    try check(world, moments: 3, executes: all, "budgets")
  }

  @Test func policyCode() throws {
    let code = CodeRule(
      source: "export default (facts) => facts.action.params.size",
      branches: [
        "small": .single(committee: "team"),
        "large": .timelock(
          Timelock(delay: 1, objectors: Quorum(1, of: "watch"), after: .quorum(Quorum(2, of: "team")))),
      ])
    let world = try World(
      constitution(
        committees: ["team": ["a", "b"], "watch": ["o"]],
        policies: ["pay": try Policy("pay.out", rule: .code(code))]),
      keys: ["a", "b", "o"])
    let small = try world.propose("pay.out", ["size": "small"], policy: "pay", branch: "small")
    let large = try world.propose("pay.out", ["size": "large"], policy: "pay", branch: "large")
    let other = try world.propose("pay.out", ["size": "huge"], policy: "pay")
    for p in [small, large] {
      world.mayApprove(p, "a", "b")
      world.may(.object(p, by: "o"))
    }
    world.mayApprove(other, "a", "b")
    try check(world, moments: 2, executes: [small, large], "policy code")
  }
}
