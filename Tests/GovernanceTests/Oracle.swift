import CanonicalJSON
import Cryptography

@testable import Governance

/// What a log may say next, told from the list of what it has said so far and from nothing else. It keeps no state, looks
/// everything up anew each time, and asks whether a rule *held at an earlier moment* where the fold computes *since when*
/// it holds: slow, and made differently on purpose, because the model check holds the fold against it.
struct Oracle {
  enum Event: Hashable {
    case open(Int)
    /// `key` names the key that signs.
    case approve(Int, by: String, key: String)
    case object(Int, by: String)
    case withdraw(Int, client: String)
    case start(Int, approvals: [String], mode: Mode)
    case finish(Int, Outcome)
  }

  struct Fact: Hashable {
    var at: Int64
    var event: Event
  }

  let proposals: [ModelProposal]
  let first: Constitution
  /// The names of each signer's keys, old and new.
  let keys: [ClaimKeyName: String]
  /// How long an approval's claim is valid, in milliseconds.
  let claimLife: Int64
  var facts: [Fact] = []

  struct ClaimKeyName: Hashable { var text: String }

  // MARK: What has happened

  private func times(_ event: Event) -> [Int64] { facts.filter { $0.event == event }.map(\.at) }
  private func opened(_ p: Int) -> Int64? { times(.open(p)).first }
  private func finished(_ p: Int) -> (at: Int64, outcome: Outcome)? {
    for fact in facts { if case .finish(p, let outcome) = fact.event { return (fact.at, outcome) } }
    return nil
  }
  private func started(_ p: Int) -> (at: Int64, mode: Mode)? {
    for fact in facts { if case .start(p, _, let mode) = fact.event { return (fact.at, mode) } }
    return nil
  }
  private func withdrawn(_ p: Int) -> Bool {
    facts.contains { if case .withdraw(p, _) = $0.event { true } else { false } }
  }

  /// The constitution after the first `count` facts.
  func constitution(after count: Int? = nil) -> Constitution {
    var current = first
    for fact in facts.prefix(count ?? facts.count) {
      if case .finish(let p, .executed) = fact.event, let change = proposals[p].change { current = change(current) }
    }
    return current
  }

  /// Settled by `execution.resolve` after an unknown outcome.
  private func resolved(_ p: Int) -> Bool {
    facts.contains { fact in
      guard case .finish(let q, .executed) = fact.event, case .resolves(p) = proposals[q].kind else { return false }
      return true
    }
  }

  private func revoked(_ signer: String, at now: Int64) -> Bool {
    held(.revokes(signer), clearedBy: .members, at: now)
  }

  private func stopped(at now: Int64) -> Bool {
    held(.stops, clearedBy: .resumes, at: now)
  }

  /// Whether some restraint that was executed still holds: not cleared later, and either by the normal rule, or ratified
  /// in time, or not lapsed.
  private func held(_ kind: ModelProposal.Kind, clearedBy release: ModelProposal.Kind, at now: Int64) -> Bool {
    facts.indices.contains { index in
      guard case .finish(let p, .executed) = facts[index].event, proposals[p].kind == kind else { return false }
      let later = facts[(index + 1)...]
      let isCleared = later.contains { fact in
        if case .finish(let q, .executed) = fact.event { proposals[q].kind == release } else { false }
      }
      if isCleared { return false }
      guard started(p)?.mode == .breakGlass else { return true }
      let end = facts[index].at + proposals[p].ttl
      let isRatified = later.contains { fact in
        guard case .finish(let q, .executed) = fact.event, case .ratifies(p) = proposals[q].kind else { return false }
        return fact.at < end
      }
      return isRatified || now < end
    }
  }

  // MARK: Whether a rule holds

  /// The two sides on which a change of signers must be approved; one otherwise.
  private func sides(_ p: Int) -> [Constitution] {
    let current = constitution()
    guard proposals[p].kind == .members, let change = proposals[p].change else { return [current] }
    return [current, change(current)]
  }

  /// The signers whose approvals, recorded by `cutoff`, count now.
  private func approving(_ p: Int, _ side: Constitution, cutoff: Int64, now: Int64) -> Set<String> {
    var names: Set<String> = []
    for fact in facts {
      guard case .approve(p, let signer, let key) = fact.event, fact.at <= cutoff, now < fact.at + claimLife,
        owns(side, signer, key), !revoked(signer, at: now), times(.object(p, by: signer)).isEmpty,
        proposals[p].proposer != signer
      else { continue }
      names.insert(signer)
    }
    return names
  }

  private func owns(_ side: Constitution, _ signer: String, _ key: String) -> Bool {
    side.signers[signer]?.keys.contains { keys[ClaimKeyName(text: $0.key.text)] == key } ?? false
  }

  private func objecting(_ p: Int, committee: String) -> Set<String> {
    let current = constitution()
    return Set(current.committees[committee] ?? []).filter { signer in
      guard !times(.object(p, by: signer)).isEmpty else { return false }
      return objectionCounts(p, signer, committee, current)
    }
  }

  private func objectionCounts(_ p: Int, _ signer: String, _ committee: String, _ current: Constitution) -> Bool {
    if proposals[p].kind == .revokes(signer) { return false }
    guard proposals[p].kind == .members, let change = proposals[p].change else { return true }
    return change(current).committees[committee]?.contains(signer) ?? false
  }

  private func holds(_ rule: Rule, _ p: Int, _ side: Constitution, cutoff: Int64, now: Int64) -> Bool {
    guard let opened = opened(p), opened <= cutoff else { return false }
    func members(_ committee: String) -> Set<String> {
      approving(p, side, cutoff: cutoff, now: now).intersection(side.committees[committee] ?? [])
    }
    switch rule {
    case .deny, .code: return false
    case .automatic(let checks): return checks.allSatisfy { affords($0, p, now: now) }
    case .single(let committee): return !members(committee).isEmpty
    case .quorum(let quorum): return members(quorum.committee).count >= quorum.threshold
    case .groups(let quorums): return Self.seats(quorums.map { ($0.threshold, members($0.committee)) }, taken: [])
    case .timelock(let lock):
      return objecting(p, committee: lock.objectors.committee).count < lock.objectors.threshold
        && holds(lock.after, p, side, cutoff: cutoff - lock.delay * 1000, now: now)
    case .all(let rules): return rules.allSatisfy { holds($0, p, side, cutoff: cutoff, now: now) }
    case .any(let rules): return rules.contains { holds($0, p, side, cutoff: cutoff, now: now) }
    }
  }

  /// Tries every way to fill the seats.
  private static func seats(_ groups: [(Int, Set<String>)], taken: Set<String>) -> Bool {
    guard let index = groups.firstIndex(where: { $0.0 > 0 }) else { return true }
    return groups[index].1.contains { person in
      guard !taken.contains(person) else { return false }
      var rest = groups
      rest[index].0 -= 1
      return seats(rest, taken: taken.union([person]))
    }
  }

  private func affords(_ check: Check, _ p: Int, now: Int64) -> Bool {
    func executions(_ period: Int64) -> [Int] {
      facts.compactMap { fact in
        guard case .start(let q, _, _) = fact.event, proposals[q].policy == proposals[p].policy,
          fact.at > now - period * 1000
        else { return nil }
        return q
      }
    }
    switch check {
    case .budget(_, let limit, let period):
      let spent = executions(period).map { proposals[$0].amount }.reduce(0, +)
      return spent + proposals[p].amount <= limit
    case .count(let limit, let period): return Int64(executions(period).count) + 1 <= limit
    default: return false
    }
  }

  /// Whether objection has killed the rule.
  private func killed(_ rule: Rule, _ p: Int) -> Bool {
    switch rule {
    case .timelock(let lock):
      objecting(p, committee: lock.objectors.committee).count >= lock.objectors.threshold || killed(lock.after, p)
    case .all(let rules): rules.contains { killed($0, p) }
    case .any(let rules): rules.allSatisfy { killed($0, p) }
    case .deny, .code: true
    default: false
    }
  }

  private func rules(_ p: Int) -> (normal: Rule, breakGlass: Rule?) {
    guard let policy = constitution().policies[proposals[p].policy] else { return (.deny, nil) }
    return (chosen(policy.rule, p), (policy.breakGlass?.rule).map { chosen($0, p) })
  }

  /// The rule with the branch in place of the code that names it for this proposal; `deny` where it names none.
  private func chosen(_ rule: Rule, _ p: Int) -> Rule {
    switch rule {
    case .code(let code):
      let branch = proposals[p].branch.flatMap { code.branches[$0] }
      return branch.map { chosen($0, p) } ?? .deny
    case .timelock(var lock):
      lock.after = chosen(lock.after, p)
      return .timelock(lock)
    case .all(let rules): return .all(rules.map { chosen($0, p) })
    case .any(let rules): return .any(rules.map { chosen($0, p) })
    default: return rule
    }
  }

  private func satisfied(_ rule: Rule, _ p: Int, now: Int64) -> Bool {
    sides(p).allSatisfy { holds(rule, p, $0, cutoff: now - proposals[p].wait, now: now) }
      && !waitObjectors(p).contains { objecting(p, committee: $0.committee).count >= $0.threshold }
  }

  private func waitObjectors(_ p: Int) -> [Quorum] { proposals[p].waitObjectors }

  /// Open: opened, in its epoch, not expired, not begun, not withdrawn, not killed.
  private func isOpen(_ p: Int, at now: Int64) -> Bool {
    guard opened(p) != nil, constitution().epoch == proposals[p].statement.epoch,
      now < proposals[p].statement.expires, started(p) == nil, !withdrawn(p)
    else { return false }
    let (normal, breakGlass) = rules(p)
    let isKilled =
      killed(normal, p)
      || waitObjectors(p).contains { quorum in
        objecting(p, committee: quorum.committee).count >= quorum.threshold
      }
    return !isKilled || breakGlass.map { !killed($0, p) } ?? false
  }

  /// The mode in which an execution may start at `now`, and the approvals that it must name; nil when it may not.
  func decision(_ p: Int, at now: Int64) -> (mode: Mode, approvals: [String])? {
    guard isOpen(p, at: now) else { return nil }
    let (normal, breakGlass) = rules(p)
    let mode: Mode
    let rule: Rule
    if satisfied(normal, p, now: now) {
      (mode, rule) = (.normal, normal)
    } else if let breakGlass, satisfied(breakGlass, p, now: now) {
      (mode, rule) = (.breakGlass, breakGlass)
    } else {
      return nil
    }
    let asked = Self.committees(rule)
    var names: Set<String> = []
    for side in sides(p) {
      let seats = Set(asked.flatMap { side.committees[$0] ?? [] })
      names.formUnion(approving(p, side, cutoff: now, now: now).intersection(seats))
    }
    return (mode, names.sorted())
  }

  private static func committees(_ rule: Rule) -> Set<String> {
    switch rule {
    case .single(let committee): [committee]
    case .quorum(let quorum): [quorum.committee]
    case .groups(let quorums): Set(quorums.map(\.committee))
    case .timelock(let lock): committees(lock.after)
    case .all(let rules), .any(let rules): rules.reduce(into: []) { $0.formUnion(committees($1)) }
    case .deny, .automatic, .code: []
    }
  }

  private static func watchers(_ rule: Rule) -> Set<String> {
    switch rule {
    case .timelock(let lock): watchers(lock.after).union([lock.objectors.committee])
    case .all(let rules), .any(let rules): rules.reduce(into: []) { $0.formUnion(watchers($1)) }
    default: []
    }
  }

  // MARK: What may come next

  func allows(_ event: Event, at now: Int64) -> Bool {
    if let last = facts.last, now < last.at { return false }
    let current = constitution()
    switch event {
    case .open(let p):
      let proposal = proposals[p]
      return opened(p) == nil && proposal.statement.epoch == current.epoch && now < proposal.statement.expires
        && current.policies[proposal.policy]?.digest(name: proposal.policy) == proposal.statement.policy
        && effectPossible(p, at: now) && !(proposal.proposer.map { revoked($0, at: now) } ?? false)
    case .approve(let p, let signer, let key):
      guard isOpen(p, at: now), proposals[p].proposer != signer, !revoked(signer, at: now),
        times(.object(p, by: signer)).isEmpty
      else { return false }
      let (normal, breakGlass) = rules(p)
      let asked = Self.committees(normal).union(breakGlass.map(Self.committees) ?? [])
      let seats = sides(p).filter { side in
        owns(side, signer, key) && asked.contains { side.committees[$0]?.contains(signer) ?? false }
      }
      return seats.contains { !approving(p, $0, cutoff: now, now: now).contains(signer) }
    case .object(let p, let signer):
      guard isOpen(p, at: now), times(event).isEmpty, current.signers[signer] != nil else { return false }
      let (normal, breakGlass) = rules(p)
      var watchers = Self.watchers(normal).union(waitObjectors(p).map(\.committee))
      var asked = Self.committees(normal)
      if let breakGlass {
        watchers.formUnion(Self.watchers(breakGlass))
        asked.formUnion(Self.committees(breakGlass))
      }
      func sits(_ committee: String) -> Bool { current.committees[committee]?.contains(signer) ?? false }
      let watching = watchers.filter(sits)
      if watching.isEmpty { return asked.contains(where: sits) }
      return watching.contains { objectionCounts(p, signer, $0, current) }
    case .withdraw(let p, let client): return isOpen(p, at: now) && proposals[p].client == client
    case .start(let p, let approvals, let mode):
      guard let decision = decision(p, at: now), decision.mode == mode, decision.approvals == approvals else {
        return false
      }
      if proposals[p].kind == .outside, stopped(at: now) { return false }
      if proposals[p].change != nil {
        let busy = proposals.indices.contains { q in
          proposals[q].change != nil && started(q) != nil && finished(q) == nil
        }
        if busy { return false }
      }
      return effectPossible(p, at: now)
    case .finish(let p, let outcome):
      guard started(p) != nil, finished(p) == nil else { return false }
      if proposals[p].kind != .outside, outcome == .unknown { return false }
      return outcome != .executed || effectPossible(p, at: now)
    }
  }

  private func effectPossible(_ p: Int, at now: Int64) -> Bool {
    let current = constitution()
    switch proposals[p].kind {
    case .outside, .members, .policies, .stops, .resumes: return true
    case .revokes(let signer):
      let root = Set(current.committees[current.root.committee] ?? [])
      return current.signers[signer] != nil
        && root.filter { $0 != signer && !revoked($0, at: now) }.count >= current.root.threshold
    case .resolves(let q): return finished(q)?.outcome == .unknown && !resolved(q)
    case .ratifies(let q):
      guard let done = finished(q), done.outcome == .executed, started(q)?.mode == .breakGlass,
        now < done.at + proposals[q].ttl
      else { return false }
      let again = facts.contains { fact in
        guard case .finish(let r, .executed) = fact.event, case .ratifies(q) = proposals[r].kind else { return false }
        return true
      }
      let cleared = facts.drop { $0.event != .finish(q, .executed) }.contains { fact in
        guard case .finish(let r, .executed) = fact.event else { return false }
        return proposals[r].kind == .resumes && proposals[q].kind == .stops
          || proposals[r].kind == .members && proposals[q].kind != .stops
      }
      return !again && !cleared
    }
  }
}

/// A proposal of a small world.
struct ModelProposal: Sendable {
  enum Kind: Hashable, Sendable {
    case outside, members, policies, stops, resumes
    case revokes(String)
    case resolves(Int)
    case ratifies(Int)
  }

  var body: ProposalOpened
  var kind: Kind
  var policy: String
  /// What a change makes of the constitution that it meets.
  var change: (@Sendable (Constitution) -> Constitution)?
  /// What a change has to wait out on top of its rule, in milliseconds, and who may object to it.
  var wait: Int64 = 0
  var waitObjectors: [Quorum] = []
  /// Milliseconds after which a break-glass effect lapses.
  var ttl: Int64 = 0
  var amount: Int64 = 0
  /// What the code of its policy names for it; nil where that fails.
  var branch: String?

  var statement: Statement { body.statement }
  /// The signer who proposes; nil for a client.
  var proposer: String? { body.proposer.signer }
  var client: String? { if case .client(let name) = body.proposer { name } else { nil } }
}
