import CanonicalJSON
import Cryptography

/// Checking `proposal.opened`.
extension BoxState {
  func checkOpened(
    _ body: ProposalOpened, _ constitution: Constitution, at now: Int64
  ) throws(Fault) -> Proposal {
    let procedure: Procedure
    do throws(StatementFault) {
      procedure = try checkStatement(body, constitution, at: now)
      try checkProposer(body, constitution, at: now)
      try checkRoom(body, procedure, at: now)
    } catch {
      throw .statement(error)
    }
    do throws(ClaimFault) {
      try checkClaim(body, constitution, at: now)
    } catch {
      throw .claim(error)
    }
    var proposal = Proposal(
      id: body.proposal, statement: body.statement, proposer: body.proposer, tool: body.tool, openedAt: now,
      openedIndex: size,
      // Policy code costs most and runs last; and only now, so that its answer is the same for ever.
      procedure: procedure.choosing(for: PolicyFacts(body, at: now)),
      weight: body.statement.json.canonicalBytes().count
        + (procedure.effect.constitution == nil ? 0 : Constitution.Limits.bytes)
        + (procedure.restsOnCode ? CodeRule.weight : 0))
    for predecessor in body.statement.action.follows {
      if case .executed = settled[predecessor]?.status { proposal.executedPredecessors.insert(predecessor) }
    }
    return proposal
  }

  private func checkStatement(
    _ body: ProposalOpened, _ constitution: Constitution, at now: Int64
  ) throws(StatementFault) -> Procedure {
    let statement = body.statement
    guard statement.digest == body.proposal else {
      throw .digest(expected: statement.digest, actual: body.proposal)
    }
    guard statement.box == constitution.box else { throw .box(expected: constitution.box, actual: statement.box) }
    guard statement.epoch == constitution.epoch else {
      throw .epoch(expected: constitution.epoch, actual: statement.epoch)
    }
    let nonce = Statement.nonce(proposer: body.proposer, salt: body.salt)
    guard statement.nonce == nonce else { throw .nonce(expected: nonce, actual: statement.nonce) }
    guard live[body.proposal] == nil, settled[body.proposal] == nil else { throw .repeated(body.proposal) }
    guard now < statement.expires else { throw .expired(expires: statement.expires, at: now) }
    let procedure: Procedure
    do {
      procedure = try constitution.procedure(for: statement.action, floors: floors, with: signatures)
    } catch {
      throw .undecidable(error)
    }
    guard statement.policy == procedure.digest else {
      throw .policy(expected: procedure.digest, actual: statement.policy)
    }
    let limit = now + procedure.maxExpiry * 1000
    guard statement.expires <= limit else { throw .expiresTooLate(limit: limit, actual: statement.expires) }
    for predecessor in statement.action.follows where !remembers(predecessor, at: now) {
      throw .unknownPredecessor(predecessor)
    }
    do {
      try checkEffect(procedure.effect, at: now)
    } catch {
      throw .effect(error)
    }
    return procedure
  }

  private func remembers(_ id: SHA256Digest, at now: Int64) -> Bool {
    guard let expires = live[id]?.statement.expires ?? settled[id]?.expires else { return false }
    return live[id]?.start != nil || now < expires + Self.memory
  }

  private func checkProposer(
    _ body: ProposalOpened, _ constitution: Constitution, at now: Int64
  ) throws(StatementFault) {
    switch body.proposer {
    case .client: return
    case .run(let id):
      guard let name = toolName(of: id) else { throw .unknownProposer(body.proposer.text) }
      guard body.tool == name else { throw .tool(expected: name, actual: body.tool) }
    case .signer(let name):
      guard constitution.signers[name] != nil else { throw .unknownProposer(name) }
      guard !revokedSigners(at: now).contains(name) else { throw .revokedProposer(name) }
    }
  }

  private func checkRoom(_ body: ProposalOpened, _ procedure: Procedure, at now: Int64) throws(StatementFault) {
    let type = body.statement.action.type
    guard restraints(.seal, at: now).isEmpty || ActionType.acceptedWhileSealed.contains(type) else {
      throw .sealed(type: type)
    }
    try room.check(body.proposer, live: liveAmount) {
      live.values.reduce(into: LiveRoom.Amount()) { if $1.proposer == body.proposer { $0.add($1) } }
    }
    guard let quota = procedure.quota, let party = party(of: body.proposer) else { return }
    let key = Quotas.Key(policy: procedure.digest, party: party)
    try quotas.check(key, quota, at: now) { isOpen($0) }
  }

  /// Whether a proposal has neither ended nor begun to execute. Expiry is the caller's to look at.
  func isOpen(_ id: SHA256Digest) -> Bool {
    guard let proposal = live[id] else { return false }
    return proposal.phase == .open
  }

  private func checkClaim(
    _ body: ProposalOpened, _ constitution: Constitution, at now: Int64
  ) throws(ClaimFault) {
    switch (body.proposer, body.claim) {
    case (.client, nil), (.run, nil): return
    case (.client, .some), (.run, .some): throw .superfluous(proposer: body.proposer.text)
    case (.signer, nil): throw .missing(proposer: body.proposer.text)
    case (.signer(let name), .some(let json)):
      let claim = try VoteClaim(json, .propose, of: body.statement, by: name, at: now)
      try claim.verify(under: constitution, at: now, with: signatures)
    }
  }

  /// Whether the fold could bring the effect about now. Asked when a proposal opens, when its execution starts and when
  /// it has finished: in between, another proposal may have changed the answer.
  func checkEffect(_ effect: Effect, at now: Int64) throws(EffectFault) {
    switch effect {
    case .outside, .policies, .committees, .recovery, .release, .restrain(.stop), .restrain(.seal): return
    case .system(let order): try system.check(order)
    case .key(let order): try keys.check(order)
    case .register(let manifest): try registry.checkRegister(manifest)
    case .retire(let name, let version): try registry.checkRetire(name: name, version: version)
    case .community(let name, _):
      guard communities[name] != nil || communities.count < maxCommunities else {
        throw .communitiesFull(limit: maxCommunities)
      }
    case .approveRelease(let release): try releaseRegistry.checkApprove(release)
    case .revokeRelease(let name, let version): try releaseRegistry.checkRevoke(name: name, version: version)
    case .lockMeasurement:
      guard measured.isOn else { throw .measurement(.off) }
      guard !measured.isClosed else { throw .measurement(.locked) }
    case .ratify(let id):
      let waiting = restraints.contains { $0.proposal == id && $0.lapse != .never && $0.holds(at: now) }
      guard waiting else { throw .nothingToRatify(id) }
    case .resolve(let id, _):
      guard case .unknown = live[id]?.phase else { throw .notUnknown(id) }
    case .restrain(.revoke(let name)):
      guard let constitution, constitution.signers[name] != nil else { throw .noSigner(name) }
      let root = constitution.root
      let left = (constitution.members[root.committee] ?? []).subtracting(revokedSigners(at: now))
        .subtracting([name])
      guard left.count >= root.threshold else {
        throw .lockout(committee: root.committee, needs: root.threshold, left: left.count)
      }
    }
  }
}
