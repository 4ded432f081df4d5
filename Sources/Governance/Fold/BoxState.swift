import CanonicalJSON
import Cryptography

/// The state of a box: a pure fold over the entries of its log. The daemon, the privileged process, the auditor's
/// command and the tests all run this fold, so a decision is not what somebody says but what the log yields.
///
/// There is no clock here. Whatever depends on time takes it as an argument in Unix milliseconds.
public struct BoxState: Sendable {
  /// Entries folded so far.
  public internal(set) var size: UInt64 = 0
  /// The time of the last entry (Unix milliseconds); 0 before the first.
  public internal(set) var lastAt: Int64 = 0
  /// The body of entry 0, with the first constitution; nil before it.
  public internal(set) var created: BoxCreated?
  /// The constitution in force; nil before entry 0.
  public internal(set) var constitution: Constitution?
  /// Index of the entry that opened the present epoch.
  public internal(set) var epochIndex: UInt64 = 0
  /// Power taken away: stops, seals and revocations, oldest first. Those that have lapsed may still be listed.
  public internal(set) var restraints: [Restraint] = []

  var live: [SHA256Digest: Proposal] = [:]
  var settled: [SHA256Digest: SettledProposal] = [:]
  /// Live proposals by the predecessor they wait for.
  var followers: [SHA256Digest: Set<SHA256Digest>] = [:]
  var deadlines = Deadlines()
  /// The change of the constitution that is executing.
  var changing: SHA256Digest?
  /// What was executed under each policy that has budgets or counts.
  var ledgers: [SHA256Digest: Ledger] = [:]
  var quotas = Quotas()
  var floors = DelayFloors()
  var room = LiveRoom()
  /// What is in ``live``.
  var liveAmount = LiveRoom.Amount()
  // Tools, communities and runs are of the box, not of an epoch: a change of its rules leaves them as they are.
  var registry = ToolRegistry()
  var communities: [String: CommunityRecord] = [:]
  var maxCommunities = CommunityRecord.maxCount
  var system = SystemRegistry()
  var releaseRegistry = ReleaseRegistry()
  var claimedIdentity: ClaimedIdentity?
  /// The code that was measured since the machine started.
  public internal(set) var measured = MeasuredCode()
  var keys = KeyRegistry()
  var runs: [RunID: LiveRun] = [:]
  var maxRuns = LiveRun.maxCount
  let signatures: SignatureCheck

  /// How long after its `expires` a proposal is remembered, in milliseconds: one day. Nothing can be repeated after it,
  /// because a statement that has expired is refused whether or not it is remembered.
  public static let memory: Int64 = 86_400_000
  /// Proposals that may be open or executing at one time.
  public static let maxLive = 100_000

  /// The state before entry 0.
  public init() { self.init(signatures: .real) }

  init(signatures: SignatureCheck) { self.signatures = signatures }

  /// The box's name; nil before entry 0.
  public var box: String? { created?.box }
  /// The present epoch; 0 before entry 0.
  public var epoch: Int64 { constitution?.epoch ?? 0 }
  /// The digest of the constitution in force.
  public var constitutionDigest: SHA256Digest? { constitution?.digest }

  /// A proposal that is open, executing or unknown; nil for one that is over or was never opened.
  public func proposal(_ id: SHA256Digest) -> Proposal? { live[id] }

  /// Every such proposal, in no particular order.
  public var proposals: some Collection<Proposal> & Sendable { live.values }

  /// The restraints of one kind that hold at `now`, oldest first.
  public func restraints(_ kind: Restraint.Kind, at now: Int64) -> [Restraint] {
    restraints.filter { $0.kind == kind && $0.holds(at: now) }
  }

  /// The signers whose approvals do not count at `now`.
  public func revokedSigners(at now: Int64) -> Set<String> {
    restraints.reduce(into: []) { names, restraint in
      if case .revoke(let name) = restraint.kind, restraint.holds(at: now) { names.insert(name) }
    }
  }

  /// Where a proposal stands at `now`, which must not lie before ``lastAt``. nil for one that was never opened, or that
  /// expired more than ``memory`` ago.
  public func status(of id: SHA256Digest, at now: Int64) -> Status? {
    if let proposal = live[id] { return status(of: proposal, at: now) }
    guard let settled = settled[id], now < settled.expires + Self.memory else { return nil }
    return settled.status
  }

  func status(of proposal: Proposal, at now: Int64) -> Status? {
    switch proposal.phase {
    case .executing(let start): return .executing(since: start.at)
    case .unknown(_, let at): return .unknown(at: at)
    case .open:
      let expires = proposal.statement.expires
      if now >= expires { return now < expires + Self.memory ? .expired(at: expires) : nil }
      return evaluation(of: proposal, at: now).status
    }
  }

  /// What the votes on an open proposal amount to at `now`; nil for one that is not open.
  public func evaluation(of id: SHA256Digest, at now: Int64) -> Evaluation? {
    guard let proposal = live[id], case .open = proposal.phase, now < proposal.statement.expires else { return nil }
    return evaluation(of: proposal, at: now)
  }

  /// What the votes on a proposal would amount to if `policy` decided it, in any phase; nil for one that is over. For
  /// simulation: nothing rests on it.
  public func evaluation(of id: SHA256Digest, under policy: Policy, named name: String, at now: Int64) -> Evaluation? {
    guard let proposal = live[id], let constitution else { return nil }
    let procedure = Procedure(
      policyName: name, digest: policy.digest(name: name), rule: policy.rule, breakGlass: policy.breakGlass,
      selfApproval: policy.selfApproval, maxExpiry: policy.maxExpiry, quota: policy.quota, waits: [],
      effect: proposal.procedure.effect)
    let facts = PolicyFacts(
      statement: proposal.statement, proposer: proposal.proposer, tool: proposal.tool, openedAt: proposal.openedAt)
    return procedure.choosing(for: facts).evaluate(
      votes(on: proposal, at: now), for: proposal.statement.action, under: constitution, at: now)
  }

  func evaluation(of proposal: Proposal, at now: Int64) -> Evaluation {
    guard let constitution else { return .impossible(.denied) }
    var waiting: [Missing] = []
    for predecessor in proposal.statement.action.follows where !proposal.executedPredecessors.contains(predecessor) {
      // It waits, unless it was never begun and is over or has expired.
      guard let other = live[predecessor], other.phase != .open || now < other.statement.expires else {
        return .impossible(.predecessor(predecessor))
      }
      waiting.append(.predecessor(predecessor))
    }
    let evaluation = proposal.procedure.evaluate(
      votes(on: proposal, at: now), for: proposal.statement.action, under: constitution, at: now)
    guard !waiting.isEmpty else { return evaluation }
    switch evaluation {
    case .satisfied: return .pending(waiting)
    case .pending(let missing): return .pending(waiting + missing)
    case .impossible: return evaluation
    }
  }

  func votes(on proposal: Proposal, at now: Int64) -> Votes {
    Votes(
      openedAt: proposal.openedAt, proposer: proposal.proposer, approvals: proposal.approvals,
      objections: proposal.objections, revoked: revokedSigners(at: now),
      spending: .ledger(ledgers[proposal.procedure.digest] ?? Ledger()))
  }
}
