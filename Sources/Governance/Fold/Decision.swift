import CanonicalJSON
import Cryptography

/// What the fold yields and executors need. Only the fold can make one, and neither can be copied: an executor that has
/// used its decision has none left.
public enum Decision {
  /// An execution may start. It becomes an `execution.started` entry; nothing may be done before that entry is stored.
  public struct Approved: ~Copyable, Sendable {
    public let proposal: SHA256Digest
    public let statement: Statement
    public let satisfaction: Satisfaction
    /// The time for which it was decided (Unix milliseconds).
    public let at: Int64

    fileprivate init(proposal: SHA256Digest, statement: Statement, satisfaction: Satisfaction, at: Int64) {
      self.proposal = proposal
      self.statement = statement
      self.satisfaction = satisfaction
      self.at = at
    }

    /// The entry to record before acting. The fold decides again when it is applied.
    public var started: ExecutionStarted {
      ExecutionStarted(proposal: proposal, approvals: satisfaction.approvals, mode: satisfaction.mode)
    }
  }

  /// An execution has been recorded as started and not as finished: an executor may act, exactly once. After a crash the
  /// same decision is found again, and the executor must first find out how far it had come.
  public struct Started: ~Copyable, Sendable {
    public let proposal: SHA256Digest
    public let statement: Statement
    /// The name of the policy that decided; nil for the root rule.
    public let policyName: String?
    public let start: Proposal.Start

    fileprivate init(_ proposal: Proposal, _ start: Proposal.Start) {
      self.proposal = proposal.id
      statement = proposal.statement
      policyName = proposal.procedure.policyName
      self.start = start
    }
  }

  /// Whether a decision, made at its start, would be made again in the state that the effect left behind.
  public enum Validity: Sendable, Hashable {
    case unchanged
    /// It would not, for this reason; the result records it.
    case changed(String)
  }
}

extension BoxState {
  /// The approved decision on a proposal at `now`, or why there is none.
  public func approvedDecision(for id: SHA256Digest, at now: Int64) throws(Refusal) -> Decision.Approved {
    let (proposal, satisfaction) = try decide(id, at: now)
    return Decision.Approved(
      proposal: id, statement: proposal.statement, satisfaction: satisfaction, at: now)
  }

  /// The decision of an execution that has been recorded as started, or why there is none.
  public func startedDecision(for id: SHA256Digest, at now: Int64) throws(Refusal) -> Decision.Started {
    guard let status = status(of: id, at: now) else { throw .unknownProposal(id) }
    guard let proposal = live[id], case .executing(let start) = proposal.phase else {
      throw .notApproved(id, status)
    }
    return Decision.Started(proposal, start)
  }

  /// Looks at a decision again, after its effect. What has changed meanwhile cannot undo the effect, but whoever reads the
  /// outcome must learn of it.
  public func stillValid(_ decision: borrowing Decision.Started, at now: Int64) -> Decision.Validity {
    let id = decision.proposal
    guard let proposal = live[id], proposal.phase == .executing(decision.start), let constitution else {
      return .changed("\(id) is not executing")
    }
    guard proposal.statement.epoch == constitution.epoch else {
      return .changed("epoch \(proposal.statement.epoch) has passed, it is epoch \(constitution.epoch)")
    }
    do {
      try checkRestraints(proposal, at: now)
    } catch {
      return .changed("\(error)")
    }
    // Held against the start's own time, so that what lapsed by the mere passing of time is no change; but with the
    // revocations of now. Its own spending is in the ledger already, and was checked at the start.
    var votes = votes(on: proposal, at: now)
    votes.spending = .assumedWithin
    let start = decision.start
    let evaluation = proposal.procedure.evaluate(
      votes, for: proposal.statement.action, under: constitution, at: start.at)
    guard case .satisfied(let satisfaction) = evaluation, satisfaction.mode == start.mode else {
      return .changed("the approvals that count now no longer suffice")
    }
    return .unchanged
  }

  /// The executions that were started and not finished, oldest first: what an executor reconciles after a crash.
  public var interrupted: [SHA256Digest] {
    live.values.compactMap { proposal in
      if case .executing(let start) = proposal.phase { (start.index, proposal.id) } else { nil }
    }
    .sorted { $0.0 < $1.0 }.map(\.1)
  }
}
