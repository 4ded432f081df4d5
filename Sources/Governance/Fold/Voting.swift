import CanonicalJSON
import Cryptography

/// Checking approvals, objections and withdrawals. The signature is checked last: it costs most, and nobody should be
/// able to make the box check signatures that could not count.
extension BoxState {
  func checkApproved(
    _ vote: ProposalVote, _ constitution: Constitution, at now: Int64
  ) throws(Fault) -> Transition {
    let proposal = try proposalTakingVotes(vote, at: now)
    let (signer, claim) = try signedVoice(vote, proposal, .approve, at: now)
    guard proposal.procedure.selfApproval || proposal.proposer.signer != signer else {
      throw .vote(.selfApproval(signer: signer))
    }
    guard !proposal.objections.contains(where: { $0.signer == signer }) else {
      throw .vote(.afterObjection(signer: signer))
    }
    guard !revokedSigners(at: now).contains(signer) else { throw .vote(.revoked(signer: signer)) }
    let seats = try seats(of: claim, on: proposal, constitution)
    let standing = proposal.approvals.filter { $0.signer == signer && now < $0.lapses }
      .reduce(into: Approval.Sides()) { $0.formUnion($1.sides) }
    guard !standing.isSuperset(of: seats) else { throw .vote(.duplicate(signer: signer)) }
    let sides = try verifiedSides(claim, seats, on: proposal, constitution, at: now)
    guard !standing.isSuperset(of: sides) else { throw .vote(.duplicate(signer: signer)) }
    return .approved(
      proposal.id, Approval(signer: signer, at: now, lapses: claim.lapses, index: size, sides: sides))
  }

  func checkObjected(
    _ vote: ProposalVote, _ constitution: Constitution, at now: Int64
  ) throws(Fault) -> Transition {
    let proposal = try proposalTakingVotes(vote, at: now)
    let (signer, claim) = try signedVoice(vote, proposal, .object, at: now)
    guard !proposal.objections.contains(where: { $0.signer == signer }) else {
      throw .vote(.duplicate(signer: signer))
    }
    let procedure = proposal.procedure
    let names = procedure.objectors.union(procedure.approvers)
    guard constitution.members(of: names).contains(signer) else {
      if constitution.signers[signer] == nil { throw .claim(.unknownSigner(signer)) }
      throw .vote(.notMember(signer: signer, committees: names.sorted()))
    }
    let seats = procedure.objectors.filter { constitution.members[$0]?.contains(signer) ?? false }
    guard seats.isEmpty || seats.contains(where: { !procedure.removes(signer, from: $0) }) else {
      throw .vote(.ownRemoval(signer: signer))
    }
    try verify(claim, constitution, at: now)
    return .objected(proposal.id, Objection(signer: signer, at: now, index: size))
  }

  func checkWithdrawn(
    _ vote: ProposalVote, _ constitution: Constitution, at now: Int64
  ) throws(Fault) -> Transition {
    let proposal = try proposalTakingVotes(vote, at: now)
    let speaker: Proposer =
      switch vote.voice {
      case .client(let name): .client(name)
      case .run(let id): .run(id)
      case .signer(let name, _): .signer(name)
      }
    guard proposal.proposer == speaker else {
      throw .vote(.notProposer(expected: proposal.proposer.text, actual: speaker.text))
    }
    if case .signer(let name, let json) = vote.voice {
      guard !proposal.procedure.demotes(name, constitution) else { throw .vote(.ownRemoval(signer: name)) }
      try verify(Self.voteClaim(json, .withdraw, proposal, name, at: now), constitution, at: now)
    }
    return .withdrawn(proposal.id)
  }

  private func proposalTakingVotes(_ vote: ProposalVote, at now: Int64) throws(Fault) -> Proposal {
    guard let status = status(of: vote.proposal, at: now) else { throw .vote(.unknownProposal(vote.proposal)) }
    guard status.takesVotes, let proposal = live[vote.proposal] else {
      throw .vote(.notOpen(vote.proposal, status))
    }
    return proposal
  }

  private func signedVoice(
    _ vote: ProposalVote, _ proposal: Proposal, _ verdict: Verdict, at now: Int64
  ) throws(Fault) -> (String, VoteClaim) {
    guard case .signer(let name, let json) = vote.voice else {
      throw .vote(.notProposer(expected: "a signer", actual: "no signer"))
    }
    return (name, try Self.voteClaim(json, verdict, proposal, name, at: now))
  }

  private static func voteClaim(
    _ json: JSON, _ verdict: Verdict, _ proposal: Proposal, _ signer: String, at now: Int64
  ) throws(Fault) -> VoteClaim {
    do {
      return try VoteClaim(json, verdict, of: proposal.statement, by: signer, at: now)
    } catch {
      throw .claim(error)
    }
  }

  private func verify(_ claim: VoteClaim, _ constitution: Constitution, at now: Int64) throws(Fault) {
    do {
      try claim.verify(under: constitution, at: now, with: signatures)
    } catch {
      throw .claim(error)
    }
  }

  /// Those of `sides` for which the signature is valid; throws where it is for none. A change may bring another relying
  /// party or other origins for passkeys: an assertion then speaks for one side only, and a second one for the other.
  private func verifiedSides(
    _ claim: VoteClaim, _ sides: Approval.Sides, on proposal: Proposal, _ constitution: Constitution, at now: Int64
  ) throws(Fault) -> Approval.Sides {
    var verified = Approval.Sides()
    var reason: Fault?
    for (side, signers) in [(Approval.Sides.current, constitution), (.proposed, proposal.procedure.newSigners)] {
      guard sides.contains(side), let signers else { continue }
      do {
        try verify(claim, signers, at: now)
        verified.insert(side)
      } catch {
        reason = reason ?? error
      }
    }
    if verified.isEmpty, let reason { throw reason }
    return verified
  }

  /// For whose signers an approval counts: it needs a seat in a committee that the rule asks, and a key of that side.
  private func seats(
    of claim: VoteClaim, on proposal: Proposal, _ constitution: Constitution
  ) throws(Fault) -> Approval.Sides {
    let approvers = proposal.procedure.approvers
    var sides = Approval.Sides()
    var isKnown = false
    var ownsKey = false
    for (side, seats) in [(Approval.Sides.current, constitution), (.proposed, proposal.procedure.newSigners)] {
      guard let seats, let signer = seats.signers[claim.signer] else { continue }
      isKnown = true
      guard signer.owns(claim.key) else { continue }
      ownsKey = true
      if seats.members(of: approvers).contains(claim.signer) { sides.insert(side) }
    }
    guard isKnown else { throw .claim(.unknownSigner(claim.signer)) }
    guard ownsKey else { throw .claim(.foreignKey(signer: claim.signer, key: claim.key.text)) }
    guard !sides.isEmpty else { throw .vote(.notMember(signer: claim.signer, committees: approvers.sorted())) }
    return sides
  }
}

extension Procedure {
  /// Whether the action takes a signer out of any committee they are in, or takes away their vote.
  func demotes(_ signer: String, _ constitution: Constitution) -> Bool {
    if case .restrain(.revoke(signer)) = effect { return true }
    return constitution.committees.contains { $0.value.contains(signer) && removes(signer, from: $0.key) }
  }
}
