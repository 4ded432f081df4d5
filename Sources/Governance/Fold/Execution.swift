import CanonicalJSON
import Cryptography

/// Checking executions.
extension BoxState {
  /// The decision on a proposal at `now`, as the present state yields it; nil and why, when there is none.
  func decide(_ id: SHA256Digest, at now: Int64) throws(Refusal) -> (proposal: Proposal, Satisfaction) {
    guard let proposal = live[id], let status = status(of: proposal, at: now) else {
      guard let status = status(of: id, at: now) else { throw .unknownProposal(id) }
      throw .notApproved(id, status)
    }
    guard case .approved(let satisfaction) = status else { throw .notApproved(id, status) }
    try checkRestraints(proposal, at: now)
    // Two changes at once would each have been decided, and found fit to govern, against what the other replaces.
    if proposal.procedure.effect.constitution != nil, let changing { throw .changeInProgress(changing) }
    do {
      try checkEffect(proposal.procedure.effect, at: now)
    } catch {
      throw .effect(error)
    }
    do {
      try requireMeasured(for: proposal)
    } catch {
      throw .effect(.measurement(error))
    }
    return (proposal, satisfaction)
  }

  /// Whether a stop or seal forbids this type to execute at `now`.
  func checkRestraints(_ proposal: Proposal, at now: Int64) throws(Refusal) {
    if !ActionType.runsWhileStopped(proposal.type) {
      let stops = restraints(.stop, at: now)
      guard stops.isEmpty else { throw .stopped(by: stops.map(\.proposal)) }
    }
    if !ActionType.acceptedWhileSealed.contains(proposal.type) {
      let seals = restraints(.seal, at: now)
      guard seals.isEmpty else { throw .sealed(by: seals.map(\.proposal)) }
    }
  }

  func checkStarted(_ body: ExecutionStarted, at now: Int64) throws(Fault) -> Transition {
    let satisfaction: Satisfaction
    do {
      satisfaction = try decide(body.proposal, at: now).1
    } catch {
      throw .execution(.refused(error))
    }
    guard body.mode == satisfaction.mode else {
      throw .execution(.mode(expected: satisfaction.mode, actual: body.mode))
    }
    guard body.approvals == satisfaction.approvals else {
      throw .execution(.approvals(expected: satisfaction.approvals, actual: body.approvals))
    }
    return .started(
      body.proposal, Proposal.Start(at: now, index: size, mode: body.mode, approvals: body.approvals))
  }

  func checkFinished(_ body: ExecutionFinished, at now: Int64) throws(Fault) -> Transition {
    guard let proposal = live[body.proposal], case .executing = proposal.phase else {
      throw .execution(.notExecuting(body.proposal, status(of: body.proposal, at: now)))
    }
    let effect = proposal.procedure.effect
    // The fold is its own executor here and always knows what it did.
    guard effect.isOutside || body.outcome != .unknown else {
      throw .execution(.outcome(type: proposal.type, body.outcome))
    }
    let opened = body.outcome == .executed ? effect.constitution : nil
    guard body.epoch == opened?.epoch else {
      throw .execution(.epoch(expected: opened?.epoch, actual: body.epoch))
    }
    guard body.constitution == opened?.digest else {
      throw .execution(.constitution(expected: opened?.digest, actual: body.constitution))
    }
    if body.outcome == .executed && !effect.isOutside {
      do {
        try checkEffect(effect, at: now)
      } catch {
        throw .execution(.effect(error))
      }
    }
    return .finished(body.proposal, body.outcome)
  }
}
