import CanonicalJSON
import Cryptography

/// Making the bodies of the next entries. What they say is checked again when they are folded.
extension BoxState {
  /// A proposal with box, epoch and policy filled in, and for a run the name of its tool. For a signer the claim is still missing: the statement is what
  /// they sign. `expires` is in Unix milliseconds; nil asks for the longest that the policy allows from `now`.
  public func openStatement(
    action: Action, proposer: Proposer, salt: [UInt8], expires: Int64?, at now: Int64
  ) throws(Fault) -> ProposalOpened {
    guard let constitution else { throw .order(.notCreated(first: .proposalOpened)) }
    let procedure: Procedure
    do {
      procedure = try constitution.procedure(for: action, floors: floors, with: signatures)
    } catch {
      throw .statement(.undecidable(error))
    }
    let tool = proposer.run.flatMap { toolName(of: $0) }
    guard proposer.run == nil || tool != nil else { throw .statement(.unknownProposer(proposer.text)) }
    let statement = Statement(
      action: action, box: constitution.box, epoch: constitution.epoch,
      expires: expires ?? now + procedure.maxExpiry * 1000,
      nonce: Statement.nonce(proposer: proposer, salt: salt), policy: procedure.digest)
    return ProposalOpened(
      statement: statement, proposer: proposer, salt: salt, claim: nil, tool: tool)
  }

  /// The end of an execution. For an executed change of the constitution the epoch and digest are filled in.
  public func finishDraft(
    for id: SHA256Digest, outcome: Outcome, result: JSONObject, at now: Int64
  ) throws(Refusal) -> ExecutionFinished {
    guard let status = status(of: id, at: now) else { throw .unknownProposal(id) }
    guard let proposal = live[id], case .executing = proposal.phase else { throw .notApproved(id, status) }
    let new = outcome == .executed ? proposal.procedure.effect.constitution : nil
    return ExecutionFinished(
      proposal: id, outcome: outcome, result: result, epoch: new?.epoch, constitution: new?.digest)
  }

  /// The next answer delivered to a run, with its index filled in.
  public func callRunDraft(_ answer: RunCalled) throws(RunFault) -> RunCalled {
    guard let run = runs[answer.run] else { throw .unknownRun(answer.run) }
    var body = answer
    body.index = run.calls
    return body
  }

  /// A new session of a run, with the number of delivered answers filled in.
  public func resumeRunDraft(for id: RunID, isolation: RunIsolation, engine: String) throws(RunFault) -> RunResumed {
    guard let run = runs[id] else { throw .unknownRun(id) }
    return RunResumed(run: id, calls: run.calls, isolation: isolation, engine: engine)
  }

  /// The end of a run, with its answers counted, and chain and execution hash computed.
  public func finishRunDraft(for id: RunID, fuel: Int64, outcome: RunOutcome) throws(RunFault) -> RunFinished {
    guard let run = runs[id], let tool = registry.byDigest[run.tool] else { throw .unknownRun(id) }
    return RunFinished(
      run: id, calls: run.calls, chain: run.chain.digest, fuel: fuel, outcome: outcome,
      execution: run.execution(tool.manifest, fuel: fuel, outcome: outcome).digest)
  }
}
