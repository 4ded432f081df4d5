import CanonicalJSON
import Cryptography
import OpenClaims
import Synchronization
import Testing

@testable import Governance

/// A small world whose every history is walked: proposals, the events that may happen to them, and a few moments.
final class World {
  static let step: Int64 = 1000

  let constitution: Constitution
  let claimLife: Int64
  /// How executions may end in this world; the others are tried where they must be refused.
  var outcomes: [Outcome] = [.executed]
  private(set) var proposals: [ModelProposal] = []
  private(set) var events: [Oracle.Event] = []
  private var keyNames: [Oracle.ClaimKeyName: String] = [:]
  private var entries: [EntryKey: Entry] = [:]
  private let signatures = World.rememberingCheck()

  private struct EntryKey: Hashable {
    var event: Oracle.Event
    var at: Int64
  }

  /// `claimLife` is in steps.
  init(_ constitution: Constitution, claimLife: Int64 = 1000, keys: [String]) throws {
    self.constitution = constitution
    self.claimLife = claimLife * Self.step
    for name in keys { keyNames[Oracle.ClaimKeyName(text: try TestKeys.claimKey(name).text)] = name }
  }

  static let start = TestBox.start

  /// The real verifier, remembering its answers: the same few claims are looked at in thousands of histories.
  static func rememberingCheck() -> SignatureCheck {
    struct Question: Hashable {
      var claim: Claim
      var seconds: Int64
    }
    final class Memory: Sendable { let answers = Mutex<[Question: Result<[ClaimKey], ClaimError>]>([:]) }
    let memory = Memory()
    return SignatureCheck { claim, seconds, policy in
      let question = Question(claim: claim, seconds: seconds)
      if let known = memory.answers.withLock({ $0[question] }) { return known }
      let answer = SignatureCheck.real.validKeys(claim, seconds, policy)
      memory.answers.withLock { $0[question] = answer }
      return answer
    }
  }

  /// Adds a proposal as it would be put in `epoch`. `expires` is in steps. Returns its number.
  @discardableResult
  func propose(
    _ type: String, _ params: JSONObject = [:], kind: ModelProposal.Kind = .outside, policy: String,
    under constitution: Constitution? = nil, epoch: Int64 = 1, by proposer: Proposer = .client("app"),
    expires: Int64 = 1000, change: (@Sendable (Constitution) -> Constitution)? = nil, wait: Int64 = 0,
    waitObjectors: [Quorum] = [], branch: String? = nil
  ) throws -> Int {
    let policies = (constitution ?? self.constitution).policies
    let digest = try #require(policies[policy]).digest(name: policy)
    let salt = Array(repeating: UInt8(proposals.count), count: 16)
    let statement = Statement(
      action: try Action(type: type, params: params), box: TestBox.name, epoch: epoch,
      expires: Self.start + expires * Self.step, nonce: Statement.nonce(proposer: proposer, salt: salt), policy: digest)
    var body = ProposalOpened(statement: statement, proposer: proposer, salt: salt, claim: nil)
    if case .signer(let name) = proposer {
      body.claim = try claim(.propose, statement, name, key: name, at: Self.start)
    }
    proposals.append(
      ModelProposal(
        body: body, kind: kind, policy: policy, change: change, wait: wait * Self.step, waitObjectors: waitObjectors,
        ttl: (policies[policy]?.breakGlass?.ttl ?? 0) * 1000, amount: params["amount"]?.integer ?? 0,
        branch: branch))
    events.append(.open(proposals.count - 1))
    return proposals.count - 1
  }

  func may(_ more: Oracle.Event...) { events += more }

  func mayApprove(_ p: Int, _ signers: String...) { events += signers.map { .approve(p, by: $0, key: $0) } }

  /// The fold and the oracle at the beginning.
  func beginning() throws -> (BoxState, Oracle) {
    var state = BoxState(signatures: signatures)
    let created = BoxCreated(box: TestBox.name, keys: try TestKeys.box(), constitution: constitution, witnesses: nil)
    try state.apply(created.entry(at: Self.start))
    return (state, oracle)
  }

  var oracle: Oracle { Oracle(proposals: proposals, first: constitution, keys: keyNames, claimLife: claimLife) }

  private func claim(
    _ verdict: Verdict, _ statement: Statement, _ signer: String, key: String, at now: Int64
  ) throws -> JSON {
    try statement.claim(
      verdict, by: signer, key: TestKeys.claimKey(key), nonce: "n",
      exp: min((now + claimLife) / 1000, now / 1000 + 86_400)
    ).signed(by: ClaimSigner(try TestKeys.privateKey(key))).json
  }

  /// The entry that records an event; made once for each moment.
  func entry(_ event: Oracle.Event, at now: Int64, _ oracle: Oracle) throws -> Entry {
    let key = EntryKey(event: event, at: now)
    if case .finish(let p, .executed) = event, let change = proposals[p].change {
      let new = change(oracle.constitution())
      return try ExecutionFinished(
        proposal: proposals[p].statement.digest, outcome: .executed, result: [:], epoch: new.epoch,
        constitution: new.digest
      ).entry(at: now)
    }
    if let entry = entries[key] { return entry }
    let entry: Entry
    switch event {
    case .open(let p): entry = try proposals[p].body.entry(at: now)
    case .approve(let p, let signer, let keyName): entry = try vote(.approve, p, signer, keyName, at: now)
    case .object(let p, let signer): entry = try vote(.object, p, signer, signer, at: now)
    case .withdraw(let p, let client):
      entry = try ProposalVote(verdict: .withdraw, proposal: proposals[p].statement.digest, voice: .client(client))
        .entry(at: now)
    case .start(let p, let approvals, let mode):
      entry = try ExecutionStarted(proposal: proposals[p].statement.digest, approvals: approvals, mode: mode)
        .entry(at: now)
    case .finish(let p, let outcome):
      entry = try ExecutionFinished(proposal: proposals[p].statement.digest, outcome: outcome, result: [:])
        .entry(at: now)
    }
    entries[key] = entry
    return entry
  }

  private func vote(_ verdict: Verdict, _ p: Int, _ signer: String, _ key: String, at now: Int64) throws -> Entry {
    let claim = try claim(verdict, proposals[p].statement, signer, key: key, at: now)
    return try ProposalVote(
      verdict: verdict, proposal: proposals[p].statement.digest, voice: .signer(signer, claim: claim)
    ).entry(at: now)
  }
}

/// What walking a world found.
struct Exploration {
  var states = 0
  var accepted = 0
  var refused = 0
  /// Executions that were started, by proposal: a world in which nothing ever executes shows nothing.
  var started: Set<Int> = []
  /// The first histories on which fold and oracle disagree.
  var disagreements: [String] = []
}

extension World {
  /// Walks every history over `moments`, merging those that say the same things at the same times in another order. In
  /// every state each event is put to the fold and to the oracle, and one that both accept is followed.
  func explore(moments: Int64, limit: Int = 200_000) throws -> Exploration {
    var result = Exploration()
    var seen: Set<[UInt64]> = []
    var numbers: [Oracle.Event: UInt64] = [:]
    let (state, oracle) = try beginning()
    var open: [(BoxState, Oracle, Int64)] = [(state, oracle, 0)]
    while let (state, oracle, moment) = open.popLast() {
      result.states += 1
      guard result.states <= limit, result.disagreements.count < 5 else { return result }
      let now = Self.start + moment * Self.step
      for event in events + executions(oracle, at: now) {
        let entry = try entry(event, at: now, oracle)
        var next = state
        let refusal = code { try next.apply(entry) }
        let isAllowed = oracle.allows(event, at: now)
        guard (refusal == nil) == isAllowed else {
          result.disagreements.append(
            "\(event) at \(moment): fold \(refusal ?? "accepts"), oracle \(isAllowed ? "allows" : "forbids"), after "
              + oracle.facts.map { "\($0.event)@\(($0.at - Self.start) / Self.step)" }.joined(separator: ", "))
          continue
        }
        guard isAllowed else {
          result.refused += 1
          continue
        }
        result.accepted += 1
        if case .start(let p, _, _) = event { result.started.insert(p) }
        var told = oracle
        told.facts.append(Oracle.Fact(at: now, event: event))
        if seen.insert(Self.fingerprint(told, moment, &numbers)).inserted { open.append((next, told, moment)) }
      }
      if moment + 1 < moments, seen.insert(Self.fingerprint(oracle, moment + 1, &numbers)).inserted {
        open.append((state, oracle, moment + 1))
      }
    }
    return result
  }

  /// Starting and finishing every proposal: with the approvals that count, and with others.
  func executions(_ oracle: Oracle, at now: Int64) -> [Oracle.Event] {
    proposals.indices.flatMap { p -> [Oracle.Event] in
      let outcomes: [Oracle.Event] = outcomes.map { .finish(p, $0) }
      guard let decision = oracle.decision(p, at: now) else {
        return outcomes + [
          .start(p, approvals: [], mode: .normal), .start(p, approvals: ["a", "b"], mode: .normal),
          .start(p, approvals: ["c"], mode: .breakGlass),
        ]
      }
      let other: Mode = decision.mode == .normal ? .breakGlass : .normal
      return outcomes + [
        .start(p, approvals: decision.approvals, mode: decision.mode),
        .start(p, approvals: decision.approvals, mode: other),
        .start(p, approvals: decision.approvals + ["z"], mode: decision.mode),
      ]
        + (decision.approvals.isEmpty
          ? [] : [.start(p, approvals: Array(decision.approvals.dropLast()), mode: decision.mode)])
    }
  }

  /// What has been said and when, whatever the order, and the present moment.
  private static func fingerprint(
    _ oracle: Oracle, _ moment: Int64, _ numbers: inout [Oracle.Event: UInt64]
  ) -> [UInt64] {
    var facts = oracle.facts.map { fact -> UInt64 in
      let number = numbers[fact.event] ?? UInt64(numbers.count)
      numbers[fact.event] = number
      return number << 16 | UInt64((fact.at - Self.start) / Self.step)
    }
    facts.sort()
    facts.append(UInt64(moment))
    return facts
  }
}
