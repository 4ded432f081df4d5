import CanonicalJSON
import Cryptography
import Testing

@testable import Governance

/// A generator whose runs can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Larger worlds than the model check can walk to the end, along random paths.
@Suite struct RandomWorldTests {
  private static let committees = [
    "all": ["a", "b", "c", "d", "e", "f"], "left": ["a", "b", "c"], "right": ["c", "d", "e"], "one": ["f"],
  ]

  private func rule(_ generator: inout SeededGenerator, depth: Int) -> Rule {
    func quorum() -> Quorum {
      let committee = ["all", "left", "right", "one"].randomElement(using: &generator) ?? "all"
      let members = Self.committees[committee]?.count ?? 1
      return Quorum(Int.random(in: 1...min(3, members), using: &generator), of: committee)
    }
    switch Int.random(in: 0..<(depth == 0 ? 4 : 8), using: &generator) {
    case 0: return .single(committee: quorum().committee)
    case 1: return .groups([Quorum(1, of: "left"), Quorum(1, of: "right")])
    case 2: return .groups([Quorum(2, of: "all"), Quorum(1, of: "one"), Quorum(1, of: "left")])
    case 3: return .quorum(quorum())
    case 4, 5:
      return .timelock(
        Timelock(
          delay: Int64.random(in: 1...3, using: &generator), objectors: quorum(),
          after: rule(&generator, depth: depth - 1)))
    case 6: return .all([rule(&generator, depth: depth - 1), rule(&generator, depth: depth - 1)])
    default: return .any([rule(&generator, depth: depth - 1), rule(&generator, depth: depth - 1)])
    }
  }

  @Test func foldAndOracleAgreeAlongRandomPaths() throws {
    var started = 0
    for seed in 0..<24 { started += try walk(seed: seed) }
    #expect(started > 100, "hardly anything was ever executed")
  }

  /// Walks one world; returns how many executions started.
  private func walk(seed: Int) throws -> Int {
    var started = 0
    var generator = SeededGenerator(state: UInt64(seed) &* 7919 &+ 1)
    let names = Self.committees["all"] ?? []
    let signers = try names.map { try TestKeys.signer($0) }
    let policies = [
      "one": try Policy("pay.out", rule: rule(&generator, depth: 3)),
      "two": try Policy("mail.out", rule: rule(&generator, depth: 2)),
      "rules": try Policy("governance.*", "signer.revoke", rule: .quorum(Quorum(6, of: "all"))),
    ]
    let old = Constitution(
      box: TestBox.name, epoch: 1, signers: signers, committees: Self.committees, policies: policies,
      root: RootRule(committee: "all", threshold: 4, delay: 0))
    // The strictest rule may take more signers than the root: then the root takes them all.
    let first =
      (try? old.validate()) == nil
      ? Constitution(
        box: TestBox.name, epoch: 1, signers: signers, committees: Self.committees, policies: policies,
        root: RootRule(committee: "all", threshold: 6, delay: 0)) : old
    let world = try World(first, claimLife: 12, keys: names)
    let types = [("pay.out", "one"), ("mail.out", "two"), ("pay.out", "one")]
    for (type, policy) in types {
      let p = try world.propose(type, policy: policy, expires: Int64.random(in: 8...20, using: &generator))
      for name in names { world.may(.approve(p, by: name, key: name), .object(p, by: name)) }
      world.may(.withdraw(p, client: "app"))
    }
    let revoke = try world.propose(
      "signer.revoke", ["signer": "a", "reason": "r"], kind: .revokes("a"), policy: "rules")
    for name in names { world.may(.approve(revoke, by: name, key: name)) }
    for _ in 0..<6 {
      var (state, oracle) = try world.beginning()
      var now = World.start
      for _ in 0..<200 {
        if Int.random(in: 0..<16, using: &generator) == 0 { now += World.step }
        // Starts are tried often, or hardly any history would reach one.
        let begins = world.executions(oracle, at: now)
        let pool = Bool.random(using: &generator) ? begins : world.events
        guard let event = pool.randomElement(using: &generator) else { continue }
        // Withdrawals and objections end a history early: fewer of them.
        if case .withdraw = event, Int.random(in: 0..<24, using: &generator) > 0 { continue }
        if case .object = event, Int.random(in: 0..<24, using: &generator) > 0 { continue }
        let entry = try world.entry(event, at: now, oracle)
        let before = state.size
        let refusal = code { try state.apply(entry) }
        let isAllowed = oracle.allows(event, at: now)
        #expect((refusal == nil) == isAllowed, "seed \(seed): \(event): \(refusal ?? "accepted")")
        #expect(state.size == before + (refusal == nil ? 1 : 0))
        guard isAllowed, refusal == nil else { continue }
        if case .start = event { started += 1 }
        oracle.facts.append(Oracle.Fact(at: now, event: event))
      }
    }
    return started
  }

  /// Random changes of signers, policies and root, and random revocations: whatever is accepted, every threshold stays
  /// within its committee, the root can always be satisfied, and every rule over governance too.
  @Test func noReachableStateHasAnUnreachableThreshold() throws {
    var epochs: Int64 = 0
    for seed in 0..<8 { epochs += try govern(seed: seed) }
    #expect(epochs > 20, "hardly anything was ever changed")
  }

  /// Governs one box; returns the epoch that it reached.
  private func govern(seed: Int) throws -> Int64 {
    var generator = SeededGenerator(state: UInt64(seed) &+ 77)
    var box = try TestBox(signatures: World.rememberingCheck())
    let people = ["ana", "ben", "carl", "dora", "emil", "fay"]
    for _ in 0..<40 {
      box.pass(seconds: 7201)
      let constitution = try #require(box.state.constitution)
      let id = try? propose(&box, people, constitution, &generator)
      if let id {
        for name in people {
          _ = try? box.approve(id, by: name)
        }
        box.pass(seconds: 7200)
        _ = try? box.execute(id)
      }
      let now = try #require(box.state.constitution)
      for (name, policy) in now.policies {
        for quorum in policy.rule.quorums {
          #expect(quorum.threshold <= now.committees[quorum.committee]?.count ?? 0, "\(name)")
        }
      }
      let root = Set(now.committees[now.root.committee] ?? [])
      #expect(root.subtracting(box.state.revokedSigners(at: box.now)).count >= now.root.threshold)
      #expect(throws: Never.self) { try now.validate(with: World.rememberingCheck()) }
    }
    return box.state.epoch
  }

  private func propose(
    _ box: inout TestBox, _ people: [String], _ constitution: Constitution, _ generator: inout SeededGenerator
  ) throws -> SHA256Digest {
    func some() -> [String] {
      people.shuffled(using: &generator).prefix(Int.random(in: 1...6, using: &generator)).sorted()
    }
    switch Int.random(in: 0..<4, using: &generator) {
    case 0:
      let name = people.randomElement(using: &generator) ?? "ana"
      return try box.open("signer.revoke", ["signer": .string(name), "reason": "r"])
    case 1:
      let committee = constitution.committees.keys.sorted().randomElement(using: &generator) ?? "everybody"
      let policy = try Policy(
        ["note.write", "mail.*", "governance.*", "mirror.install"].randomElement(using: &generator) ?? "*",
        rule: .quorum(Quorum(Int.random(in: 1...4, using: &generator), of: committee)))
      let name = constitution.policies.keys.sorted().randomElement(using: &generator) ?? "mail"
      return try box.open("governance.policy.set", ["name": .string(name), "policy": policy.json])
    default:
      let everybody = some()
      func part() -> [String] { everybody.filter { _ in Bool.random(using: &generator) } + everybody.prefix(1) }
      func unique(_ names: [String]) -> [String] { Set(names).sorted() }
      let new = try TestBox.constitution(
        signers: everybody.map { try TestKeys.signer($0) },
        committees: [
          "auditors": unique(part()), "engineers": unique(part()), "officers": unique(part()), "everybody": everybody,
        ],
        root: RootRule(committee: "everybody", threshold: Int.random(in: 1...4, using: &generator), delay: 7200))
      return try box.open("governance.committee.set", ChangeTests.members(new, root: true))
    }
  }
}
