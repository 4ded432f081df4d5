import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

@Suite struct RuleTests {
  private var examples: [JSON] {
    [
      ["rule": "deny"], ["rule": "automatic", "checks": []],
      ["rule": "automatic", "checks": [["check": "count", "limit": 1, "period": 1]]],
      ["rule": "single", "committee": "team"], ["rule": "quorum", "committee": "team", "threshold": 2],
      ["rule": "groups", "groups": [["committee": "team", "threshold": 1], ["committee": "audit", "threshold": 1]]],
      [
        "rule": "timelock", "delay": 60, "objectors": "audit", "objections": 1,
        "after": ["rule": "single", "committee": "team"],
      ], ["rule": "all", "of": [["rule": "deny"]]], ["rule": "any", "of": [["rule": "deny"], ["rule": "deny"]]],
      ["rule": "code", "source": "export default () => 'a'", "branches": ["a": ["rule": "deny"]]],
    ]
  }

  @Test func rulesAreReadStrictlyAndWrittenAsTheyWereRead() throws {
    for json in examples {
      #expect(try Rule(json: json).json == json)
      let object = try #require(json.object)
      for name in object.keys {
        var changed = object
        changed[name] = nil
        #expect(code { _ = try Rule(json: .object(changed)) } == "field rule.\(name)")
        changed[name] = .double(0.5)
        #expect(code { _ = try Rule(json: .object(changed)) } == "field rule.\(name)")
      }
      var more = object
      more["allowOnTimeout"] = true
      #expect(code { _ = try Rule(json: .object(more)) } == "field rule.allowOnTimeout")
    }
  }

  @Test func rulesAreBounded() throws {
    func refusal(_ json: JSON) -> String? { code { _ = try Rule(json: json) } }
    #expect(refusal(["rule": "quorum", "committee": "team", "threshold": 0]) == "field rule.threshold")
    #expect(refusal(["rule": "quorum", "committee": "team", "threshold": 65]) == "field rule.threshold")
    #expect(refusal(["rule": "quorum", "committee": "Team", "threshold": 1]) == "field rule.committee")
    #expect(refusal(["rule": "all", "of": []]) == "field rule.of")
    #expect(refusal(["rule": "any", "of": []]) == "field rule.of")
    #expect(refusal(["rule": "groups", "groups": []]) == "field rule.groups")
    #expect(refusal(["rule": "maybe"]) == "field rule.rule")
    var deep: JSON = ["rule": "deny"]
    for _ in 0..<7 { deep = ["rule": "all", "of": [deep]] }
    #expect(refusal(deep) == nil)
    #expect(refusal(["rule": "all", "of": [deep]]) != nil)
    let wide = JSON.array(Array(repeating: ["rule": "deny"], count: 63))
    #expect(refusal(["rule": "any", "of": wide]) == nil)
    #expect(refusal(["rule": "any", "of": .array((wide.array ?? []) + [["rule": "deny"]])]) != nil)
    func lock(_ delay: Int64, _ after: JSON) -> JSON {
      ["rule": "timelock", "delay": .integer(delay), "objectors": "audit", "objections": 1, "after": after]
    }
    #expect(refusal(lock(14 * 86_400, ["rule": "deny"])) == nil)
    #expect(refusal(lock(7 * 86_400, lock(7 * 86_400, ["rule": "deny"]))) == nil)
    #expect(refusal(lock(7 * 86_400, lock(7 * 86_400 + 1, ["rule": "deny"]))) == "field rule")
    #expect(refusal(lock(0, ["rule": "deny"])) == "field rule.delay")
    let checks = JSON.array(Array(repeating: ["check": "count", "limit": 1, "period": 1], count: 33))
    let automatic: JSON = ["rule": "automatic", "checks": checks]
    #expect(refusal(automatic) == nil)
    #expect(refusal(["rule": "all", "of": [automatic, automatic]]) != nil)
  }

  // MARK: Standing, as of times in milliseconds

  private func standing(
    _ rule: Rule, _ approvals: [(String, Int64)] = [], objections: [String] = [], at now: Int64
  ) throws -> Standing {
    let committees: [String: Set<String>] = ["team": ["a", "b", "c"], "audit": ["c", "d"]]
    return rule.standing(
      Ballot(
        action: try Action(type: "x.y", params: ["n": 3]), openedAt: 100, committees: committees,
        approvals: approvals.map { ($0.0, $0.1) }, candidates: { _ in true },
        objections: { committee in objections.filter { committees[committee]?.contains($0) ?? false } },
        spending: .ledger(Ledger())), at: now)
  }

  @Test func eachRuleIsSatisfiedAtItsMoment() throws {
    #expect(try standing(.deny, at: 200) == .impossible(.denied))
    #expect(try standing(.automatic([.range(field: "params.n", min: 0, max: 3)]), at: 200) == .satisfied(since: 100))
    // Code that nobody has run decides nothing.
    let code = Rule.code(CodeRule(source: "", branches: ["go": .automatic([])]))
    #expect(try standing(code, [("a", 110)], at: 200) == .impossible(.code("it was not run")))
    #expect(try standing(.single(committee: "team"), [("d", 110), ("a", 120)], at: 200) == .satisfied(since: 120))
    let quorum = Rule.quorum(Quorum(2, of: "team"))
    #expect(try standing(quorum, [("a", 110), ("b", 120), ("c", 130)], at: 200) == .satisfied(since: 120))
    #expect(
      try standing(quorum, [("a", 110)], at: 200)
        == .pending([.approvals(committee: "team", count: 1, candidates: ["b", "c"])]))
  }

  @Test func nobodySitsInTwoGroups() throws {
    let groups = Rule.groups([Quorum(1, of: "team"), Quorum(1, of: "audit")])
    #expect(
      try standing(groups, [("c", 110)], at: 200)
        == .pending([.approvals(committee: "audit", count: 1, candidates: ["d"])]))
    // c first takes a seat in the team and gives it up when a comes.
    #expect(try standing(groups, [("c", 110), ("a", 120)], at: 200) == .satisfied(since: 120))
    #expect(try standing(groups, [("c", 110), ("d", 130)], at: 200) == .satisfied(since: 130))
  }

  @Test func aTimelockRunsFromWhenItsRuleHeld() throws {
    let lock = Rule.timelock(
      Timelock(delay: 2, objectors: Quorum(2, of: "audit"), after: .quorum(Quorum(2, of: "team"))))
    let two = [("a", Int64(110)), ("b", Int64(120))]
    #expect(try standing(lock, two, at: 2119) == .pending([.time(until: 2120)]))
    #expect(try standing(lock, two, at: 2120) == .satisfied(since: 2120))
    #expect(try standing(lock, two, objections: ["c"], at: 2120) == .satisfied(since: 2120))
    #expect(
      try standing(lock, two, objections: ["c", "d"], at: 2120)
        == .impossible(.objected(committee: "audit", by: ["c", "d"])))
    #expect(try standing(lock, two, objections: ["a", "c"], at: 2120) == .satisfied(since: 2120))
    #expect(
      try standing(lock, [("a", 110)], at: 9000)
        == .pending([
          .approvals(committee: "team", count: 1, candidates: ["b", "c"]), .delay(seconds: 2),
        ]))
  }

  @Test func allTakesTheLatestAndAnyTheEarliest() throws {
    let team = Rule.single(committee: "team")
    let audit = Rule.single(committee: "audit")
    let both = [("a", Int64(110)), ("d", Int64(120))]
    #expect(try standing(.all([team, audit]), both, at: 200) == .satisfied(since: 120))
    #expect(try standing(.any([team, audit]), both, at: 200) == .satisfied(since: 110))
    #expect(try standing(.all([team, .deny]), both, at: 200) == .impossible(.denied))
    #expect(try standing(.any([.deny, audit]), both, at: 200) == .satisfied(since: 120))
    #expect(try standing(.any([.deny, .deny]), both, at: 200) == .impossible(.everyBranch([.denied, .denied])))
    let missing = try standing(.any([team, audit]), at: 200)
    #expect(
      missing
        == .pending([
          .oneOf([
            [.approvals(committee: "team", count: 1, candidates: ["a", "b", "c"])],
            [.approvals(committee: "audit", count: 1, candidates: ["c", "d"])],
          ])
        ]))
  }

  @Test func theGuaranteedDelayIsTheShortestWay() {
    func lock(_ delay: Int64, _ rule: Rule) -> Rule {
      .timelock(Timelock(delay: delay, objectors: Quorum(1, of: "audit"), after: rule))
    }
    let team = Rule.single(committee: "team")
    #expect(lock(5, lock(3, team)).guaranteedDelay == 8)
    #expect(Rule.any([lock(5, team), lock(3, team)]).guaranteedDelay == 3)
    #expect(Rule.all([lock(5, team), lock(3, team)]).guaranteedDelay == 5)
    #expect(Rule.any([lock(5, team), .deny]).guaranteedDelay == 5)
    #expect(Rule.all([lock(5, team), .deny]).guaranteedDelay == nil)
    #expect(Rule.deny.guaranteedDelay == nil)
  }

  /// The greedy matching against trying every assignment.
  @Test func seatingIsAsGoodAsTryingEverything() {
    var generator = SeededGenerator(state: 5)
    let people = ["a", "b", "c", "d", "e"]
    func everyWay(_ groups: [(Int, Set<String>)], _ taken: Set<String>) -> Bool {
      guard let index = groups.firstIndex(where: { $0.0 > 0 }) else { return true }
      return groups[index].1.subtracting(taken).contains { person in
        var rest = groups
        rest[index].0 -= 1
        return everyWay(rest, taken.union([person]))
      }
    }
    var full = 0
    for _ in 0..<2000 {
      let members = (0..<3).map { _ in Set(people.filter { _ in Bool.random(using: &generator) }) }
      let quorums = members.map { _ in Quorum(Int.random(in: 1...2, using: &generator), of: "x") }
      let present = people.shuffled(using: &generator).prefix(Int.random(in: 0...5, using: &generator))
      var seating = Seating(quorums, members: members)
      for person in present { seating.seat(person) }
      let possible = everyWay(zip(quorums, members).map { ($0.threshold, $1.intersection(present)) }, [])
      #expect(seating.isFull == possible)
      if possible { full += 1 }
    }
    #expect(full > 100)
  }

  /// The exact number against trying every set of people.
  @Test func theFewestSignersAreCountedExactly() throws {
    var generator = SeededGenerator(state: 9)
    let people = ["a", "b", "c", "d", "e", "f"]
    var overlapping = 0
    for _ in 0..<300 {
      let committees = Dictionary(
        uniqueKeysWithValues: ["x", "y", "z"].map { name in
          (name, people.filter { _ in Bool.random(using: &generator) } + (Bool.random(using: &generator) ? [] : ["a"]))
        }
      ).mapValues { Set($0).sorted() }
      func quorum() -> Quorum {
        Quorum(Int.random(in: 1...2, using: &generator), of: ["x", "y", "z"].randomElement(using: &generator) ?? "x")
      }
      func rule(_ depth: Int) -> Rule {
        switch Int.random(in: 0..<(depth == 0 ? 2 : 4), using: &generator) {
        case 0: .quorum(quorum())
        case 1: .groups([quorum(), quorum()])
        case 2: .all([rule(depth - 1), rule(depth - 1)])
        default: .any([rule(depth - 1), rule(depth - 1)])
        }
      }
      let rule = rule(2)
      func holds(_ rule: Rule, _ present: Set<String>) -> Bool {
        switch rule {
        case .quorum(let quorum):
          return present.intersection(committees[quorum.committee] ?? []).count >= quorum.threshold
        case .groups(let quorums):
          var seating = Seating(quorums, members: quorums.map { Set(committees[$0.committee] ?? []) })
          for person in present { seating.seat(person) }
          return seating.isFull
        case .all(let rules): return rules.allSatisfy { holds($0, present) }
        case .any(let rules): return rules.contains { holds($0, present) }
        default: return false
        }
      }
      // Only rules whose every part somebody can satisfy get here; validation sees to that.
      let everybody = Set(people)
      guard rule.nodes.allSatisfy({ holds($0, everybody) }) else { continue }
      let best = (0..<64).filter { mask in
        holds(rule, Set(people.indices.filter { mask >> $0 & 1 == 1 }.map { people[$0] }))
      }.map(\.nonzeroBitCount).min()
      var fewest = FewestSigners(committees: committees)
      let counted = try fewest(rule)
      #expect(counted == best, "\(rule) over \(committees)")
      if rule.quorums.count > 2 { overlapping += 1 }
    }
    #expect(overlapping > 50)
  }
}
