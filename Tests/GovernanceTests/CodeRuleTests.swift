import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

/// Policy code: what it is told, what it may name, and that whatever goes wrong denies.
@Suite struct CodeRuleTests {
  private static let branches: [String: Rule] = [
    "free": .automatic([]), "one": .single(committee: "engineers"),
    "two": .quorum(Quorum(2, of: "everybody")), "never": .deny,
  ]

  private func policy(_ source: String, branches: [String: Rule] = branches, maxExpiry: Int64 = 86_400) throws -> Policy
  {
    Policy(
      covers: [try Pattern(parsing: "pay.out")], rule: .code(CodeRule(source: source, branches: branches)),
      maxExpiry: maxExpiry)
  }

  private func box(_ source: String, branches: [String: Rule] = branches) throws -> TestBox {
    try TestBox.withTools(["out": try policy(source, branches: branches)])
  }

  @Test func theCodeNamesTheRuleThatDecides() throws {
    var box = try box("export default (facts) => facts.action.params.want")
    let free = try box.open("pay.out", ["want": "free"])
    #expect(box.status(free)?.name == "approved")
    let one = try box.open("pay.out", ["want": "one"])
    // Who is asked by another branch only is not asked.
    #expect(code { try box.approve(one, by: "dora") } == "vote.not-member")
    try box.approve(one, by: "ana")
    try box.execute(one)
    let two = try box.open("pay.out", ["want": "two"])
    try box.approve(two, by: "dora")
    #expect(box.status(two)?.name == "open")
    try box.approve(two, by: "emil")
    try box.begin(two)
    #expect(box.state.proposal(two)?.start?.approvals == ["dora", "emil"])
    let never = try box.open("pay.out", ["want": "never"])
    #expect(box.status(never) == .denied(.denied))
  }

  @Test func whateverGoesWrongDenies() throws {
    let bad: [(String, String)] = [
      ("export default () => { throw new Error('no') }", "exception: "),
      ("export default () => { for (;;) {} }", "fuel: "),
      ("export default () => { return String(new Uint8Array(17 << 20).length) }", "memory: "),
      ("export default () => { const f = () => f() + 1; return f() }", "stack: "),
      ("export default async () => 'free'", "value: "), ("export default () => 1", "value: "),
      ("export default () => undefined", "value: "), ("export default () => ['free']", "value: "),
      ("export default () => new String('free')", "value: "), ("export const other = 1", "source: "),
      ("export default 'free'", "source: "), ("export default () => Protocol.HTTP.get({})", "exception: "),
      ("export default () => { console.log('free'); return 'free' }", "exception: "),
      ("throw new Error('early'); export default () => 'free'", "exception: "),
      ("export default () => 'Free'", "no branch"), ("export default () => ''", "no branch"),
      ("export default () => 'constructor'", "no branch"), ("export default () => '__proto__'", "no branch"),
      ("export default () => 'free\\u0000'", "no branch"),
    ]
    for (source, why) in bad {
      let choice = CodeRule(source: source, branches: Self.branches).choice(for: Self.facts())
      guard case .failed(let reason) = choice else {
        Issue.record("\(source) named \(choice)")
        continue
      }
      #expect(reason.contains(why), "\(source): \(reason)")
      #expect(reason.utf8.count <= 256 && reason.utf8.allSatisfy { (0x20...0x7E).contains($0) })
    }
    var box = try box("export default () => { throw new Error('not on my watch') }")
    let id = try box.open("pay.out")
    #expect("\(try #require(box.status(id)))".contains("not on my watch"))
    #expect(box.status(id)?.isFinal == true && box.state.proposal(id) == nil)
  }

  private static func facts(_ params: JSONObject = [:]) -> PolicyFacts {
    guard let action = try? Action(type: "pay.out", params: params) else { preconditionFailure("an action") }
    let zero = SHA256Digest.of("zero")
    let statement = Statement(action: action, box: "b", epoch: 1, expires: 9, nonce: zero, policy: zero)
    return PolicyFacts(statement: statement, proposer: .client("app"), tool: nil, openedAt: 5)
  }

  /// Everything that it is told is in the entry.
  @Test func theFactsAreThoseOfTheEntry() throws {
    var box = try box("export default (facts) => { throw new Error(JSON.stringify(facts)) }")
    let tool = try box.register(TestBox.manifest("greet"))
    try box.start(1, tool)
    // Sunday, 29 February 2032, 23:59:59.999.
    box.now = 1_961_711_999_999
    let body = try box.draft("pay.out", ["b": 1, "a": ["x"]], by: .run(TestBox.id(1)), expires: box.now + 7)
    #expect(body.tool == "greet")
    #expect(
      PolicyFacts(body, at: box.now).json == [
        "action": ["type": "pay.out", "params": ["b": 1, "a": ["x"]]], "box": .string(TestBox.name), "epoch": 1,
        "proposer": .string("run:\(TestBox.id(1))"), "tool": "greet", "opened": 1_961_711_999_999,
        "expires": 1_961_712_000_006,
        "utc": ["year": 2032, "month": 2, "day": 29, "weekday": 0, "hour": 23, "minute": 59],
      ])
    let client = try box.draft("pay.out")
    #expect(PolicyFacts(client, at: box.now).json["tool"] == nil)
    #expect(UTCTime.parts(0) == UTCTime.Parts(year: 1970, month: 1, day: 1, weekday: 4, hour: 0, minute: 0))
    for tool in [nil, "other"] {
      var forged = body
      forged.tool = tool
      #expect(code { try box.apply(forged) } == (tool == nil ? "entry.body" : "statement.tool"))
    }
    var other = client
    other.tool = "greet"
    #expect(code { try box.apply(other) } == "entry.body")
  }

  @Test func theClockIsTheOpeningAndChanceIsFixed() throws {
    let source = """
      export default (facts) =>
        Date.now() === facts.opened && new Date().getHours() === facts.utc.hour && Math.random() === \(0.0)
          ? "two" : Date.now() === facts.opened ? "free" : "never"
      """
    var box = try box(source)
    let id = try box.open("pay.out")
    #expect(box.status(id)?.name == "approved")
    let random = CodeRule(
      source: "export default () => { throw new Error(String(Math.random())) }", branches: [:])
    let first = random.choice(for: Self.facts())
    #expect(first == random.choice(for: Self.facts()))
  }

  /// A commitment is seen as one, whatever lies behind it.
  @Test func commitmentsStayCommitments() throws {
    var box = try box(
      "export default ({action: {params: {amount}}}) => '$commitment' in Object(amount) ? 'two' : 'free'")
    let opening = try Opening(value: 5, salt: Array(repeating: 3, count: 32))
    let hidden = try box.open("pay.out", ["amount": opening.commitment.json])
    #expect(box.status(hidden)?.name == "open")
    let shown = try box.open("pay.out", ["amount": 5])
    #expect(box.status(shown)?.name == "approved")
  }

  /// The answer is given once. Later its clock would show another time.
  @Test func theCodeRunsAtTheOpeningAndNotLater() throws {
    let source = "export default () => Date.now() < \(TestBox.start + 1000) ? 'two' : 'free'"
    var box = try box(source)
    let early = try box.open("pay.out")
    box.pass(seconds: 2)
    #expect(box.status(early)?.name == "open")
    let late = try box.open("pay.out")
    #expect(box.status(late)?.name == "approved")
    // A simulation asks the proposed code about the same moment.
    let policy = try policy("export default (facts) => facts.opened < \(TestBox.start + 1000) ? 'free' : 'never'")
    guard case .satisfied = box.state.evaluation(of: early, under: policy, named: "out", at: box.now) else {
      Issue.record("the simulated code did not name free")
      return
    }
    #expect(box.state.evaluation(of: late, under: policy, named: "out", at: box.now) == .impossible(.denied))
  }

  @Test func anExecutionCountsInEveryBranch() throws {
    let count = Rule.automatic([.count(limit: 2, period: 100)])
    var box = try box(
      "export default (facts) => facts.action.params.want",
      branches: ["counted": count, "free": .automatic([]), "nested": .all([count])])
    for want in ["free", "counted"] as [JSON] { try box.execute(box.open("pay.out", ["want": want])) }
    for want in ["counted", "nested"] as [JSON] {
      let id = try box.open("pay.out", ["want": want])
      #expect(box.status(id)?.name == "open", "\(want)")
    }
    let free = try box.open("pay.out", ["want": "free"])
    #expect(box.status(free)?.name == "approved")
  }

  @Test func codeStandsWithinOtherRulesAndCodeWithinCode() throws {
    let inner = Rule.code(CodeRule(source: "export default (f) => f.action.params.inner", branches: Self.branches))
    let outer = CodeRule(
      source: "export default (f) => f.action.params.outer", branches: ["go": inner, "stop": .deny])
    let rule = Rule.any([
      .timelock(Timelock(delay: 10, objectors: Quorum(1, of: "auditors"), after: .code(outer))),
      .all([.single(committee: "officers"), .single(committee: "auditors")]),
    ])
    var box = try TestBox(TestBox.constitution(with: ["out": try Policy("pay.out", rule: rule)]))
    let free = try box.open("pay.out", ["outer": "go", "inner": "free"])
    #expect(box.status(free)?.name == "locked")
    // The code of one branch fails, and the other one is left.
    let lame = try box.open("pay.out", ["outer": "go", "inner": "nowhere"])
    #expect(code { try box.approve(lame, by: "ana") } == "vote.not-member")
    try box.approve(lame, by: "carl", "dora")
    #expect(box.status(lame)?.name == "approved")
  }

  // MARK: Form

  private func field(_ json: JSON) -> String? { code { _ = try Rule(json: json) } }

  @Test func theFormIsReadStrictlyAndBounded() throws {
    let good: JSON = [
      "rule": "code", "source": "export default () => 'a'", "branches": ["a": ["rule": "deny"], "b": ["rule": "deny"]],
    ]
    let rule = try Rule(json: good)
    #expect(rule.json == good && rule.nodes.count == 3 && rule.codes.count == 1)
    #expect(field(["rule": "code", "source": "x"]) == "field rule.branches")
    #expect(field(["rule": "code", "source": "x", "branches": []]) == "field rule.branches")
    #expect(field(["rule": "code", "source": "x", "branches": [:]]) == nil)
    #expect(field(["rule": "code", "source": "x", "branches": ["A": ["rule": "deny"]]]) == "field rule.branches")
    #expect(
      field(["rule": "code", "source": "x", "branches": ["a": ["rule": "never"]]]) == "field rule.branches.a.rule")
    #expect(field(["rule": "code", "source": .string(SHA256Digest.of("x").hex)]) == "field rule.branches")
    func source(_ count: Int) -> JSON {
      ["rule": "code", "source": .string(String(repeating: " ", count: count)), "branches": [:]]
    }
    #expect(field(source(16_384)) == nil)
    #expect(field(source(16_385)) == "field rule.source")
    func many(_ count: Int) -> JSON {
      ["rule": "all", "of": .array(Array(repeating: source(1), count: count))]
    }
    #expect(field(many(4)) == nil)
    #expect(field(many(5)) == "field rule.of[4].source")
    var deep: JSON = ["rule": "deny"]
    for _ in 0..<4 { deep = ["rule": "code", "source": "x", "branches": ["a": deep]] }
    for _ in 0..<3 { deep = ["rule": "any", "of": [deep]] }
    #expect(field(deep) == nil)
    #expect(field(["rule": "any", "of": [deep]]) != nil)
    let wide = JSONObject((0..<63).map { ("b\($0)", ["rule": "deny"]) })
    #expect(field(["rule": "code", "source": "x", "branches": .object(wide)]) == nil)
    #expect(field(["rule": "all", "of": [["rule": "code", "source": "x", "branches": .object(wide)]]]) != nil)
  }

  // MARK: What may govern

  private func refusal(_ rule: Rule, covers: String = "pay.out", maxExpiry: Int64 = 86_400) throws -> String? {
    let policy = Policy(covers: [try Pattern(parsing: covers)], rule: rule, maxExpiry: maxExpiry)
    let constitution = try TestBox.constitution(with: ["out": policy])
    return code { try constitution.validate(with: World.rememberingCheck()) }
  }

  private func rule(_ branches: [String: Rule], _ source: String = "export default () => 'a'") -> Rule {
    .code(CodeRule(source: source, branches: branches))
  }

  @Test func everyBranchIsHeldAgainstTheConstitution() throws {
    let team = Rule.single(committee: "engineers")
    #expect(try refusal(rule(["a": team, "b": .deny])) == nil)
    #expect(try refusal(rule([:])) == nil)
    #expect(try refusal(rule(["a": team, "b": .single(committee: "nobody")])) == "constitution.unknown-committee")
    #expect(
      try refusal(rule(["a": team, "b": .quorum(Quorum(3, of: "engineers"))])) == "constitution.threshold")
    #expect(
      try refusal(rule(["a": .groups([Quorum(2, of: "engineers"), Quorum(1, of: "engineers")])]))
        == "constitution.groups")
    // The shortest way counts, as for any.
    func lock(_ delay: Int64) -> Rule {
      .timelock(Timelock(delay: delay, objectors: Quorum(1, of: "auditors"), after: team))
    }
    #expect(rule(["a": lock(5), "b": lock(3), "c": .deny]).guaranteedDelay == 3)
    #expect(rule(["a": .deny]).guaranteedDelay == nil && rule([:]).guaranteedDelay == nil)
    #expect(try refusal(rule(["a": lock(60), "b": lock(70)]), maxExpiry: 60) == "constitution.never-satisfied")
    #expect(try refusal(rule(["a": lock(60), "b": lock(50)]), maxExpiry: 60) == nil)
    #expect(rule(["a": lock(5), "b": lock(3)]).timelocks.count == 2)
    var fewest = FewestSigners(committees: TestBox.committees)
    #expect(try fewest(rule(["a": .quorum(Quorum(2, of: "everybody")), "b": team])) == 1)
    #expect(try fewest(rule(["a": .deny])) == nil && fewest(rule([:])) == nil)
    // Shortening any branch's delay below the guaranteed one waits.
    let long = try TestBox.constitution(with: [
      "out": try Policy("pay.out", rule: rule(["a": lock(50), "b": lock(40)]))
    ])
    let short = try TestBox.constitution(with: ["out": try Policy("pay.out", rule: rule(["a": lock(50), "b": team]))])
    #expect(long.waits(for: short, DelayFloors()).map(\.delay) == [40])
    #expect(short.waits(for: long, DelayFloors()).isEmpty)
  }

  @Test func onlyProgramsThatCanBeReadMayGovern() throws {
    let branches = ["a": Rule.single(committee: "engineers")]
    for source in [
      "export default (", "not a program", "export const a = 1", "", "import 'x'; export default () => 'a'",
    ] {
      #expect(try refusal(rule(branches, source)) == "constitution.code", "\(source)")
    }
    for source in [
      "export { f as default }; function f() { return 'a' }", "export default () => 'a' // the end",
      "let x = 1\nexport default function () { return 'a' } /* end */", "export default 'a'",
    ] {
      #expect(try refusal(rule(branches, source)) == nil, "\(source)")
    }
    for source in [
      "export default () => 'a'; /*", "}; export default () => 'a'; {", "export default 1; export default 2",
      "let n = 2n; for (;;) n = n * n; export default () => 'a'", "export default () => /a/.test('a') ? 'a' : 'b'",
    ] {
      #expect(try refusal(rule(branches, source)) == "constitution.code", "\(source)")
    }
    // Nothing of it runs: what it does shows when there is a proposal.
    #expect(try refusal(rule(branches, "export default (facts) => facts.action.params.want")) == nil)
    for loop in ["for (;;) {}; export default () => 'a'", "let n = 's'; for (;;) n += n; export default () => 'a'"] {
      #expect(try refusal(rule(branches, loop)) == nil)
      guard case .failed(let why) = CodeRule(source: loop, branches: branches).choice(for: Self.facts()) else {
        Issue.record("\(loop) ends")
        continue
      }
      #expect(!why.hasPrefix("source: "))
    }
    for pattern in ["governance.*", "governance.policy.set", "governance.ratify"] {
      var policies = try TestBox.policies()
      policies["rules"] = nil
      policies["code"] = Policy(
        covers: [try Pattern(parsing: pattern)], rule: rule(["a": .quorum(Quorum(3, of: "everybody"))]))
      let constitution = try TestBox.constitution(policies: policies)
      #expect(code { try constitution.validate() } == "constitution.code", "\(pattern)")
    }
    var policies = try TestBox.policies()
    for number in 0..<9 {
      policies["p\(number)"] = try Policy("code.p\(number)", rule: .all(Array(repeating: rule(branches), count: 4)))
      let constitution = try TestBox.constitution(policies: policies)
      #expect(
        code { try constitution.validate(with: World.rememberingCheck()) } == (number < 8 ? nil : "constitution.code"))
    }
    var box = try TestBox()
    let broken = try policy("export default (", branches: branches)
    #expect(
      code { try box.open("governance.policy.set", ["name": "out", "policy": broken.json]) } == "constitution.code")
  }
}
