import CanonicalJSON
import Cryptography
import Governance
import TransparencyLog

/// Decides logged history again under a proposed policy.
///
/// The proposed policy stands under its name in every epoch, beside or in place of the policy of that name. The votes are
/// those of the log, and so is everything else that happened: a change of signers that the proposed policy would have
/// denied has happened all the same. Only budgets, counts and quotas of the proposed policy are kept anew; an execution
/// is taken to start at the moment when its decision stands. Stops and seals are left out on both sides.
///
/// What the simulation cannot know is who would have signed had the policy asked them: those approvals are missing.
public struct PolicySimulation {
  /// So many differences are listed; all are counted.
  public static let maxDifferences = 10_000

  private let name: String
  private let policy: Policy?
  private var state = BoxState()
  private var proposed: Constitution?
  private var trials: [SHA256Digest: PolicyTrial] = [:]
  /// When to look at a trial again.
  private var moments = Moments()
  private var ledgers: [SHA256Digest: Ledger] = [:]
  private var quotas: [QuotaKey: [(at: Int64, proposal: SHA256Digest)]] = [:]
  private var report = SimulationReport()

  private struct QuotaKey: Hashable {
    var policy: SHA256Digest
    var party: String
  }

  /// - Parameter policy: What `name` would be; nil takes it away.
  public init(name: String, policy: Policy?) {
    self.name = name
    self.policy = policy
  }

  /// Goes through a whole log.
  ///
  /// - Parameter progress: Called with entries done and entries in all.
  public static func run(
    _ source: some AuditSource, name: String, policy: Policy?,
    progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) throws -> SimulationReport {
    guard let size = try source.latestCheckpoint()?.checkpoint.size else { throw AuditSourceFailure.empty }
    var simulation = PolicySimulation(name: name, policy: policy)
    var next: UInt64 = 0
    while next < size {
      let entries = try source.entryBytes(from: next, limit: Int(min(256, size - next)))
      guard !entries.isEmpty else { throw AuditSourceFailure.missing("entry \(next)") }
      for bytes in entries { simulation.add(bytes) }
      next += UInt64(entries.count)
      progress(next, size)
    }
    return simulation.finished()
  }

  /// The next entry of the log. One that cannot stand there is left out and counted.
  public mutating func add(_ bytes: [UInt8]) {
    guard let entry = try? Entry(parsing: bytes), entry.at >= state.lastAt else {
      report.refusedEntries += 1
      return
    }
    pass(until: entry.at)
    let id = entry.body["proposal"]?.string.flatMap { SHA256Digest(hex: $0) }
    // What decided is known just before the start; after it the proposal is no longer open.
    if entry.kind == .executionStarted, let id, trials[id] != nil { look(at: id, now: entry.at) }
    let meters = entry.kind == .executionStarted ? id.flatMap { state.proposal($0)?.procedure.meters } ?? [] : []
    let index = state.size
    do throws(Fault) {
      let constitution = state.constitution
      let applied = try state.apply(entry)
      let denied = entry.kind == .proposalOpened ? Self.denial(applied) : nil
      for meter in meters { moments.add(.waitingForRoom, at: entry.at + meter.period * 1000) }
      if applied.opensEpoch { openEpoch(before: constitution) }
      if let id { note(entry, id, index: index, denied: denied) }
      for settlement in applied.settled { settle(settlement, now: entry.at) }
    } catch {
      report.refusedEntries += 1
    }
  }

  /// What was found; the log ends here.
  public consuming func finished() -> SimulationReport {
    for id in oldestFirst {
      trials[id]?.closeBefore()
      trials[id]?.closeAfter()
      close(id)
    }
    report.differences.sort { $0.index < $1.index }
    return report
  }

  private var oldestFirst: [SHA256Digest] {
    trials.values.sorted { $0.index < $1.index }.map(\.opened.proposal)
  }

  /// Why a proposal was over at its opening; nil for one that was not.
  private static func denial(_ applied: Applied) -> SimulatedOutcome? {
    for settlement in applied.settled where settlement.proposal == applied.proposal {
      if case .denied(let why) = settlement.status { return .denied("\(why)") }
      return .denied(settlement.status.name)
    }
    return nil
  }

  private mutating func note(_ entry: Entry, _ id: SHA256Digest, index: UInt64, denied: SimulatedOutcome?) {
    switch entry.kind {
    case .boxCreated, .executionFinished, .runStarted, .runResumed, .runCalled, .runFinished, .identityClaimed,
      .codeMeasured:
      return
    case .proposalOpened: open(entry, index, denied: denied)
    case .proposalApproved, .proposalObjected:
      guard trials[id] != nil else { return }
      if let proposal = state.proposal(id) {
        trials[id]?.approvals = proposal.approvals
        trials[id]?.objections = proposal.objections
      } else if let vote = entry.body["signer"]?.string, entry.kind == .proposalObjected {
        trials[id]?.objections.append(Objection(signer: vote, at: entry.at, index: index))
      }
      look(at: id, now: entry.at)
    case .proposalWithdrawn:
      trials[id]?.closeBefore()
      trials[id]?.closeAfter()
      close(id)
    case .executionStarted:
      trials[id]?.start(at: entry.at)
      close(id)
    }
  }

  private mutating func open(_ entry: Entry, _ index: UInt64, denied: SimulatedOutcome?) {
    guard let body = try? ProposalOpened(body: entry.body), let constitution = state.constitution, let proposed else {
      return
    }
    let type = body.statement.action.type
    let isOurs = proposed.policy(covering: type)?.name == name || constitution.policy(covering: type)?.name == name
    guard isOurs else { return }
    report.considered += 1
    let procedure = Result { () throws(Undecidable) in
      try proposed.procedure(for: body.statement.action).choosing(for: PolicyFacts(body, at: entry.at))
    }
    var trial = PolicyTrial(body, index: index, at: entry.at, procedure: procedure, constitution: proposed)
    if let denied { trial.close(denied) }
    if case .success(let procedure) = procedure, let why = checkQuota(procedure, body, now: entry.at) {
      trial.refuse(why)
    }
    trials[body.proposal] = trial
    moments.add(.proposal(body.proposal), at: trial.ends)
    moments.add(.proposal(body.proposal), at: body.statement.expires)
    look(at: body.proposal, now: entry.at)
  }

  /// Looks at one proposal under both policies.
  private mutating func look(at id: SHA256Digest, now: Int64) {
    guard var trial = trials[id] else { return }
    var again = trial.observe(state.evaluation(of: id, at: now), at: now)
    if now >= trial.opened.statement.expires { trial.closeBefore() }
    let wasDecided = trial.after != nil
    if !wasDecided, case .success(let procedure) = trial.procedure {
      let votes = Votes(
        openedAt: trial.openedAt, proposer: trial.opened.proposer, approvals: trial.approvals,
        objections: trial.objections, revoked: state.revokedSigners(at: now),
        spending: .ledger(ledgers[procedure.digest] ?? Ledger()))
      let waiting = trial.opened.statement.action.follows.filter { predecessor in
        if case .executed = state.status(of: predecessor, at: now) { return false }
        return true
      }
      again += trial.decide(votes, waitingFor: waiting, at: now)
    }
    trials[id] = trial
    for moment in again where moment > now { moments.add(.proposal(id), at: moment) }
    if !wasDecided, case .allowed = trial.after, case .success(let procedure) = trial.procedure {
      spend(trial, procedure, now: now)
    }
    close(id)
  }

  /// Records an execution that the proposed policy would have begun, and the moments at which its room is free again.
  private mutating func spend(_ trial: PolicyTrial, _ procedure: Procedure, now: Int64) {
    let meters = procedure.meters
    guard !meters.isEmpty else { return }
    ledgers[procedure.digest, default: Ledger()].record(trial.opened.statement.action, meters: meters, at: now)
    for meter in meters { moments.add(.waitingForRoom, at: now + meter.period * 1000) }
  }

  /// Everything that time alone brings about until `now`.
  private mutating func pass(until now: Int64) {
    while let (time, target) = moments.next(due: now) {
      switch target {
      case .proposal(let id): look(at: id, now: time)
      case .waitingForRoom: for id in oldestFirst where trials[id]?.waitsForRoom == true { look(at: id, now: time) }
      case .undecided: for id in oldestFirst { look(at: id, now: time) }
      }
    }
  }

  private mutating func settle(_ settlement: Applied.Settlement, now: Int64) {
    if case .executed = settlement.status {
      let followers = trials.values.filter { $0.opened.statement.action.follows.contains(settlement.proposal) }
      for follower in followers.sorted(by: { $0.index < $1.index }) { look(at: follower.opened.proposal, now: now) }
      for restraint in state.restraints where restraint.proposal == settlement.proposal {
        // When it lapses, approvals count again.
        if case .revoke = restraint.kind, case .at(let end) = restraint.lapse { moments.add(.undecided, at: end) }
      }
    }
    guard trials[settlement.proposal] != nil else { return }
    switch settlement.status {
    case .objected(let names):
      trials[settlement.proposal]?.close(.denied("objection by \(names.joined(separator: ", "))"))
    case .denied(let why): trials[settlement.proposal]?.close(.denied("\(why)"))
    case .stale, .withdrawn:
      trials[settlement.proposal]?.closeBefore()
      trials[settlement.proposal]?.closeAfter()
    default: trials[settlement.proposal]?.closeBefore()
    }
    close(settlement.proposal)
  }

  /// The proposals of an epoch end with it, those that are executing too as far as the proposed policy is concerned.
  private mutating func openEpoch(before: Constitution?) {
    guard let constitution = state.constitution else { return }
    var policies = constitution.policies
    policies[name] = policy
    proposed = Constitution(
      box: constitution.box, epoch: constitution.epoch, signers: Array(constitution.signers.values),
      committees: constitution.committees, policies: policies, root: constitution.root,
      passkeys: constitution.passkeys)
    guard before != nil else { return }
    for id in oldestFirst {
      trials[id]?.closeAfter()
      close(id)
    }
  }

  private mutating func checkQuota(_ procedure: Procedure, _ body: ProposalOpened, now: Int64) -> String? {
    guard let quota = procedure.quota, let party = state.party(of: body.proposer) else { return nil }
    let key = QuotaKey(policy: procedure.digest, party: party)
    let since = now - quota.period * 1000
    var rows = quotas[key] ?? []
    rows.removeAll { $0.at <= since && trials[$0.proposal]?.after != nil }
    defer { quotas[key] = rows }
    if rows.count(where: { $0.at > since }) >= quota.count {
      return "\(party) had opened \(quota.count) proposals within \(quota.period) seconds"
    }
    let open = rows.count { row in trials[row.proposal].map { $0.after == nil && now < $0.ends } ?? false }
    if open >= quota.open { return "\(party) had \(quota.open) proposals open" }
    rows.append((now, body.proposal))
    return nil
  }

  /// Lets go of a proposal that is decided on both sides.
  private mutating func close(_ id: SHA256Digest) {
    guard let trial = trials[id], trial.isOver else { return }
    trials[id] = nil
    guard let difference = trial.difference else {
      report.unchanged += 1
      return
    }
    report.counts[difference.kind, default: 0] += 1
    if report.differences.count < Self.maxDifferences { report.differences.append(difference) }
  }
}
