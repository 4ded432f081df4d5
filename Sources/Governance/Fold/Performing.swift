import CanonicalJSON
import Cryptography

/// Changing the state. Everything has been checked; nothing here can fail.
extension BoxState {
  mutating func perform(_ transition: Transition, at now: Int64) -> Applied {
    let index = size
    lastAt = now
    size += 1
    forget(at: now)
    switch transition {
    case .created(let body):
      created = body
      constitution = body.constitution
      return Applied(index: index, proposal: nil, settled: [], opensEpoch: true)
    case .opened(let proposal):
      return Applied(index: index, proposal: proposal.id, settled: open(proposal, at: now), opensEpoch: false)
    case .approved(let id, let approval):
      live[id]?.approvals.append(approval)
      return Applied(index: index, proposal: id, settled: [], opensEpoch: false)
    case .objected(let id, let objection):
      live[id]?.objections.append(objection)
      return Applied(index: index, proposal: id, settled: endIfImpossible(id, at: now), opensEpoch: false)
    case .withdrawn(let id):
      return Applied(
        index: index, proposal: id, settled: [settle(id, .withdrawn(at: now))], opensEpoch: false)
    case .started(let id, let start):
      begin(id, start)
      return Applied(index: index, proposal: id, settled: [], opensEpoch: false)
    case .finished(let id, let outcome):
      let (settled, opensEpoch) = finish(id, outcome, at: now, index: index)
      return Applied(index: index, proposal: id, settled: settled, opensEpoch: opensEpoch)
    case .claimed(let claimed):
      claimedIdentity = claimed
      return Applied(index: index, proposal: nil, settled: [], opensEpoch: false)
    case .measured(let body):
      perform(body)
      return Applied(index: index, proposal: nil, settled: [], opensEpoch: false)
    case .ran(let step):
      return Applied(index: index, proposal: nil, run: perform(step, at: now), settled: [], opensEpoch: false)
    }
  }

  private mutating func open(_ proposal: Proposal, at now: Int64) -> [Applied.Settlement] {
    let id = proposal.id
    live[id] = proposal
    liveAmount.add(proposal)
    deadlines.add(id, at: proposal.statement.expires + Self.memory)
    for predecessor in proposal.statement.action.follows where !proposal.executedPredecessors.contains(predecessor) {
      followers[predecessor, default: []].insert(id)
    }
    if let quota = proposal.procedure.quota, let party = party(of: proposal.proposer) {
      let key = Quotas.Key(policy: proposal.procedure.digest, party: party)
      let live = live
      quotas.record(key, quota, proposal, at: now) { live[$0]?.phase == .open }
    }
    return endIfImpossible(id, at: now)
  }

  /// A proposal that can no longer be approved is over at once: an agent that keeps asking for what is denied fills the
  /// log, not the memory.
  private mutating func endIfImpossible(_ id: SHA256Digest, at now: Int64) -> [Applied.Settlement] {
    guard let proposal = live[id], let status = status(of: proposal, at: now), status.isFinal else { return [] }
    return [settle(id, status)]
  }

  private mutating func begin(_ id: SHA256Digest, _ start: Proposal.Start) {
    guard let proposal = live[id] else { return }
    live[id]?.phase = .executing(start)
    if proposal.procedure.effect.constitution != nil { changing = id }
    let meters = proposal.procedure.meters
    guard !meters.isEmpty else { return }
    ledgers[proposal.procedure.digest, default: Ledger()]
      .record(proposal.statement.action, meters: meters, at: start.at)
  }

  private mutating func finish(
    _ id: SHA256Digest, _ outcome: Outcome, at now: Int64, index: UInt64
  ) -> ([Applied.Settlement], opensEpoch: Bool) {
    guard let proposal = live[id], let start = proposal.start else { return ([], false) }
    if changing == id { changing = nil }
    switch outcome {
    case .unknown:
      live[id]?.phase = .unknown(start, at: now)
      return ([], false)
    case .failed: return ([settle(id, .failed(at: now))], false)
    case .executed:
      var settled = [settle(id, .executed(at: now))]
      settled += bringAbout(proposal, start.mode, at: now, index: index)
      return (settled, proposal.procedure.effect.constitution != nil)
    }
  }

  private mutating func bringAbout(
    _ proposal: Proposal, _ mode: Mode, at now: Int64, index: UInt64
  ) -> [Applied.Settlement] {
    switch proposal.procedure.effect {
    case .outside: return []
    case .system(let order):
      system.record(order, by: proposal.id, index: index)
      return []
    case .key(let order):
      keys.record(order, by: proposal.id)
      return []
    case .policies(let new): return openEpoch(new, at: now, index: index)
    case .committees(let new), .recovery(let new):
      restraints.removeAll { if case .revoke = $0.kind { true } else { false } }
      return openEpoch(new, at: now, index: index)
    case .ratify(let id):
      for place in restraints.indices where restraints[place].proposal == id && restraints[place].holds(at: now) {
        restraints[place].lapse = .never
      }
      return []
    case .resolve(let id, let outcome):
      if outcome == .executed {
        switch live[id]?.procedure.effect {
        case .system(let order): system.record(order, by: id, index: index)
        case .key(let order): keys.record(order, by: id)
        default: break
        }
      }
      return [settle(id, outcome == .executed ? .executed(at: now) : .failed(at: now))]
    case .restrain(let kind):
      let ttl = proposal.procedure.breakGlass?.ttl ?? 0
      let lapse: Restraint.Lapse = mode == .breakGlass ? .at(now + ttl * 1000) : .never
      restraints.append(Restraint(kind: kind, proposal: proposal.id, lapse: lapse))
      return []
    case .release(let kind):
      restraints.removeAll { $0.kind == kind }
      return []
    case .register(let manifest):
      registry.register(manifest, by: proposal.id, index: index)
      return []
    case .retire(let name, let version):
      registry.retire(name: name, version: version, by: proposal.id)
      return []
    case .community(let name, let settings):
      communities[name] = CommunityRecord(settings: settings, proposal: proposal.id)
      return []
    case .approveRelease(let release):
      releaseRegistry.approve(release, by: proposal.id, index: index)
      return []
    case .revokeRelease(let name, let version):
      releaseRegistry.revoke(name: name, version: version, by: proposal.id)
      return []
    case .lockMeasurement:
      // The marker in the register is an entry of its own, which the box appends before it extends.
      measured.lockDue = proposal.id
      return []
    }
  }

  /// A new constitution. What is open belongs to signers and policies that no longer hold; what executes may finish.
  private mutating func openEpoch(_ new: Constitution, at now: Int64, index: UInt64) -> [Applied.Settlement] {
    if let old = constitution { floors = old.floors(after: new, floors) }
    constitution = new
    epochIndex = index
    let policies = Set(new.policyDigests.values)
    ledgers = ledgers.filter { policies.contains($0.key) }
    quotas.keep(policies: policies)
    let stale = live.values.filter { $0.phase == .open }
      .sorted { $0.openedIndex < $1.openedIndex }
    return stale.map { proposal in
      let expires = proposal.statement.expires
      return settle(proposal.id, now >= expires ? .expired(at: expires) : .stale(at: now))
    }
  }

  private mutating func settle(_ id: SHA256Digest, _ status: Status) -> Applied.Settlement {
    let settlement = Applied.Settlement(proposal: id, status: status)
    guard let proposal = live.removeValue(forKey: id) else { return settlement }
    liveAmount.remove(proposal)
    for predecessor in proposal.statement.action.follows { unfollow(predecessor, id) }
    let waiting = followers.removeValue(forKey: id) ?? []
    if case .executed = status {
      for follower in waiting { live[follower]?.executedPredecessors.insert(id) }
    }
    let expires = proposal.statement.expires
    if lastAt < expires + Self.memory { settled[id] = SettledProposal(status: status, expires: expires) }
    return settlement
  }

  private mutating func unfollow(_ predecessor: SHA256Digest, _ id: SHA256Digest) {
    // In place: thousands may follow one proposal, and all of them end when an epoch does.
    followers[predecessor]?.remove(id)
    if followers[predecessor]?.isEmpty == true { followers[predecessor] = nil }
  }

  /// Lets go of proposals whose time is over, so that memory does not grow with the log. One that executes, or whose
  /// outcome is unknown, stays until that is settled.
  private mutating func forget(at now: Int64) {
    while let id = deadlines.next(due: now) {
      settled[id] = nil
      guard let proposal = live[id], proposal.phase == .open else { continue }
      _ = settle(id, .expired(at: proposal.statement.expires))
    }
    restraints.removeAll { !$0.holds(at: now) }
  }
}
