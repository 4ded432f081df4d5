import CanonicalJSON
import Cryptography
import Governance
import Testing

@testable import Audit

@Suite struct SimulationTests {
  private func simulate(_ box: TestBox, _ name: String, _ policy: Policy?) throws -> SimulationReport {
    try PolicySimulation.run(MemoryLog(box), name: name, policy: policy)
  }

  @Test func samePolicyChangesNothing() throws {
    let box = try TestBox.history(rounds: 60)
    for (name, policy) in try TestBox.constitution().policies where name != "mail" {
      let report = try simulate(box, name, policy)
      #expect(report.differences.isEmpty, "\(name): \(report.sentences)")
      #expect(report.considered == report.unchanged && report.refusedEntries == 0)
    }
  }

  @Test func stricterPolicyLeavesPaymentsPending() throws {
    var box = try TestBox()
    let id = try box.open("http.request", ["url": "https://bank.example"])
    try box.approve(id, by: "ana", "emil")
    box.pass(seconds: 5)
    try box.execute(id)
    let report = try simulate(
      box, "payments", TestBox.policy("http.request", rule: .quorum(Quorum(3, of: "everybody"))))
    let difference = try #require(report.differences.first)
    #expect(report.counts == [.pending: 1])
    #expect(difference.proposal == id && difference.index == 1 && difference.startedAt != nil)
    #expect(difference.before.name == "allowed")
    guard case .pending(let missing) = difference.after else {
      Issue.record("\(difference)")
      return
    }
    #expect(missing == ["1 more of everybody (ben, carl, dora)"])
  }

  @Test func wiserPolicyAllowsWhatWasDenied() throws {
    var box = try TestBox()
    try box.open("unheard.of", ["n": 1])
    box.pass(seconds: 5)
    try box.open("unheard.of", ["n": 7])
    let rule = Rule.automatic([.range(field: "params.n", min: 0, max: 5)])
    let report = try simulate(box, "forbidden", TestBox.policy("unheard.*", rule: rule))
    #expect(report.considered == 2 && report.unchanged == 1)
    #expect(report.counts == [.allowed: 1])
    #expect(report.differences.first?.index == 1)
  }

  @Test func removedPolicyDenies() throws {
    var box = try TestBox()
    try box.execute(box.open("note.write"))
    let report = try simulate(box, "notes", nil)
    #expect(report.counts == [.denied: 1])
    #expect(report.differences.first?.after == .denied("no policy covers note.write: denied"))
  }

  @Test func otherDelaysMoveTheDecision() throws {
    var box = try TestBox()
    let id = try box.open("mirror.install", ["model": "m"])
    try box.approve(id, by: "ana", "ben")
    let approved = box.now
    box.pass(seconds: 3600)
    try box.execute(id)
    box.pass(seconds: 7200)
    try box.open("note.write")
    for (delay, kind) in [(Int64(60), SimulatedDifference.Kind.sooner), (7200, .later), (1_000_000, .pending)] {
      let lock = Timelock(
        delay: delay, objectors: Quorum(1, of: "auditors"), after: .quorum(Quorum(2, of: "everybody")))
      let report = try simulate(box, "models", TestBox.policy("mirror.install", rule: .timelock(lock)))
      #expect(report.counts == [kind: 1], "\(report.sentences)")
      if case .allowed(let satisfaction, let at) = report.differences.first?.after {
        #expect(at == approved + delay * 1000)
        #expect(satisfaction.approvals == ["ana", "ben"])
      }
    }
  }

  @Test func budgetsAreSpentAnew() throws {
    var box = try TestBox()
    // 40 each, ten minutes apart: 100 an hour allows two.
    for _ in 0..<2 {
      try box.execute(box.open("meter.spend", ["amount": 40]))
      box.pass(seconds: 599)
    }
    let third = try box.open("meter.spend", ["amount": 40])
    let opened = box.now
    box.pass(seconds: 10_000)
    try box.open("note.write")
    // With 50 an hour, the second waits an hour for the first, and the third another.
    let rule = Rule.automatic([.budget(field: "params.amount", limit: 50, period: 3600)])
    let report = try simulate(box, "metered", TestBox.policy("meter.spend", rule: rule))
    #expect(report.considered == 3)
    #expect(report.counts == [.later: 2], "\(report.sentences)")
    let wide = Rule.automatic([.budget(field: "params.amount", limit: 500, period: 3600)])
    let more = try simulate(box, "metered", TestBox.policy("meter.spend", rule: wide))
    #expect(more.differences.map(\.proposal) == [third])
    #expect(more.counts == [.sooner: 1])
    if case .allowed(_, let at) = more.differences.first?.after { #expect(at == opened) }
  }

  @Test func quotasAreKeptAnew() throws {
    var box = try TestBox()
    for _ in 0..<4 { try box.execute(box.open("note.write")) }
    let policy = try TestBox.policy("note.write", rule: .automatic([]), quota: Quota(open: 10, count: 3, period: 600))
    let report = try simulate(box, "notes", policy)
    #expect(report.counts == [.denied: 1] && report.unchanged == 3)
  }

  /// Every proposal is decided again at every moment that could matter, from a state folded for it alone.
  @Test(arguments: [UInt64(1), 5, 9])
  func agreesWithBruteForce(seed: UInt64) throws {
    let box = try TestBox.history(rounds: 50, seed: seed)
    let everybody = Quorum(2, of: "everybody")
    let lock = Timelock(delay: 900, objectors: Quorum(1, of: "auditors"), after: .quorum(everybody))
    let proposals: [(String, Policy)] = try [
      ("payments", TestBox.policy("http.request", rule: .single(committee: "auditors"))),
      ("payments", TestBox.policy("http.request", rule: .quorum(Quorum(3, of: "everybody")))),
      ("everything", TestBox.policy("http.*", "unheard.of", rule: .automatic([]))),
      ("models", TestBox.policy("mirror.install", rule: .timelock(lock))),
      ("models", TestBox.policy("mirror.install", rule: .any([.single(committee: "auditors"), .timelock(lock)]))),
      ("mail", TestBox.policy("mail.send", rule: .groups([Quorum(1, of: "officers"), Quorum(1, of: "engineers")]))),
      ("brakes", TestBox.policy("box.stop", rule: .quorum(everybody))),
      ("rules", TestBox.policy("governance.*", rule: .quorum(Quorum(2, of: "everybody")))),
    ]
    for (name, policy) in proposals {
      let report = try simulate(box, name, policy)
      let expected = try BruteForce(box, name: name, policy: policy).differences()
      #expect(
        report.differences.map(BruteForce.text) == expected.texts, "\(name) \(policy.rule)")
      #expect(report.considered == expected.considered)
    }
  }
}
