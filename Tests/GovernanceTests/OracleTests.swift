import CanonicalJSON
import Testing

@testable import Governance

/// The oracle itself, on logs made by hand: a model check whose judge lets everything pass shows nothing.
@Suite struct OracleTests {
  typealias Event = Oracle.Event

  private func world() throws -> World {
    let lock = Timelock(delay: 2, objectors: Quorum(1, of: "watch"), after: .quorum(Quorum(2, of: "team")))
    let policies = [
      "pay": try Policy("pay.out", rule: .timelock(lock)),
      "rules": try Policy("governance.*", rule: .quorum(Quorum(2, of: "team"))),
    ]
    func constitution(_ team: [String], epoch: Int64) throws -> Constitution {
      let names = Set(team + ["o", "m"]).sorted()
      return try TestBox.constitution(
        signers: names.map { try TestKeys.signer($0) }, committees: ["team": team, "watch": ["o"], "rest": ["m"]],
        policies: policies, root: RootRule(committee: "team", threshold: 2, delay: 0), epoch: epoch)
    }
    let new = try constitution(["a", "d"], epoch: 2)
    let world = try World(constitution(["a", "b"], epoch: 1), keys: ["a", "b", "d", "o", "m"])
    try world.propose("pay.out", policy: "pay", expires: 6)
    try world.propose(
      "governance.committee.set", ChangeTests.members(new), kind: .members, policy: "rules", change: { _ in new })
    try world.propose("pay.out", policy: "pay", epoch: 2)
    return world
  }

  /// Whether the oracle allows `event` at a step, after a history that it must allow itself.
  private func allows(_ event: Event, at step: Int64, after history: [(Int64, Event)]) throws -> Bool {
    var oracle = try world().oracle
    for (step, event) in history {
      let now = World.start + step * World.step
      #expect(oracle.allows(event, at: now), "\(event) at \(step)")
      oracle.facts.append(Oracle.Fact(at: now, event: event))
    }
    return oracle.allows(event, at: World.start + step * World.step)
  }

  private static func approve(_ p: Int, _ name: String) -> Event { .approve(p, by: name, key: name) }

  private let approved: [(Int64, Event)] = [(0, .open(0)), (0, approve(0, "a")), (1, approve(0, "b"))]
  private let start = Event.start(0, approvals: ["a", "b"], mode: .normal)

  @Test func nothingExecutesEarlyOrLate() throws {
    #expect(try !allows(start, at: 2, after: approved))
    #expect(try allows(start, at: 3, after: approved))
    #expect(try allows(start, at: 5, after: approved))
    #expect(try !allows(start, at: 6, after: approved))
    #expect(try !allows(start, at: 0, after: approved))
  }

  @Test func nothingExecutesTwice() throws {
    let running = approved + [(3, start)]
    #expect(try !allows(start, at: 3, after: running))
    #expect(try allows(.finish(0, .unknown), at: 3, after: running))
    for outcome in Outcome.allCases {
      let over = running + [(4, Event.finish(0, outcome))]
      #expect(try !allows(start, at: 4, after: over))
      #expect(try !allows(.finish(0, .executed), at: 4, after: over))
    }
    #expect(try !allows(.finish(0, .executed), at: 3, after: approved))
  }

  @Test func nothingExecutesAfterObjection() throws {
    let objected = approved + [(3, Event.object(0, by: "o"))]
    #expect(try !allows(start, at: 3, after: objected))
    #expect(try !allows(start, at: 5, after: objected))
    #expect(try !allows(.object(0, by: "m"), at: 3, after: approved))
    #expect(try !allows(start, at: 3, after: approved + [(3, .withdraw(0, client: "app"))]))
    #expect(try !allows(.withdraw(0, client: "thief"), at: 3, after: approved))
  }

  @Test func onlyMembersWithTheirOwnKeysAreCounted() throws {
    #expect(try !allows(Self.approve(0, "m"), at: 0, after: [(0, .open(0))]))
    #expect(try !allows(.approve(0, by: "a", key: "b"), at: 0, after: [(0, .open(0))]))
    #expect(try !allows(Self.approve(0, "a"), at: 0, after: [(0, .open(0)), (0, Self.approve(0, "a"))]))
    #expect(try !allows(Self.approve(0, "a"), at: 0, after: []))
    let one: [(Int64, Event)] = [(0, .open(0)), (0, Self.approve(0, "a"))]
    #expect(try !allows(.start(0, approvals: ["a"], mode: .normal), at: 5, after: one))
    #expect(try !allows(.start(0, approvals: ["a", "b"], mode: .normal), at: 5, after: one))
    #expect(try !allows(.start(0, approvals: ["a"], mode: .normal), at: 3, after: approved))
    #expect(try !allows(.start(0, approvals: ["a", "b"], mode: .breakGlass), at: 3, after: approved))
  }

  @Test func nothingIsCarriedIntoAnotherEpoch() throws {
    let oldSide: [(Int64, Event)] = [(0, .open(1)), (0, Self.approve(1, "a")), (0, Self.approve(1, "b"))]
    let rotate = Event.start(1, approvals: ["a", "b"], mode: .normal)
    #expect(try !allows(rotate, at: 1, after: oldSide))
    let both = oldSide + [(0, Self.approve(1, "d")), (1, .start(1, approvals: ["a", "b", "d"], mode: .normal))]
    #expect(try !allows(.open(2), at: 1, after: both))
    let changed = approved + both + [(1, .finish(1, .executed))]
    let inOrder = changed.sorted { $0.0 < $1.0 }
    #expect(try allows(.open(2), at: 1, after: inOrder))
    #expect(try !allows(start, at: 4, after: inOrder))
    #expect(try !allows(Self.approve(0, "a"), at: 1, after: inOrder))
    let next = inOrder + [(2, Event.open(2))]
    #expect(try !allows(Self.approve(2, "b"), at: 2, after: next))
    #expect(try allows(Self.approve(2, "d"), at: 2, after: next))
  }
}
