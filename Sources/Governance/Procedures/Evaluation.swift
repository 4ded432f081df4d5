/// What the votes on a proposal amount to at a moment.
public enum Evaluation: Sendable, Hashable {
  case satisfied(Satisfaction)
  case pending([Missing])
  case impossible(Impossibility)
}

/// A procedure that has been gone through.
public struct Satisfaction: Sendable, Hashable {
  /// Unix milliseconds.
  public var since: Int64
  public var mode: Mode
  /// The signers whose approvals count, ascending.
  public var approvals: [String]
}

extension Procedure {
  /// What `votes` amount to at `now` (Unix milliseconds) under a constitution. A pure function: the daemon, an auditor
  /// and a receipt's verifier all call this one.
  public func evaluate(_ votes: Votes, for action: Action, under constitution: Constitution, at now: Int64)
    -> Evaluation
  {
    let normal = standing(of: rule, votes, action, constitution, at: now)
    if case .satisfied(let since) = normal {
      return .satisfied(satisfaction(.normal, rule, since, votes, constitution, now))
    }
    guard let breakGlass else { return Self.evaluation(normal) }
    let fast = standing(of: breakGlass.rule, votes, action, constitution, at: now)
    switch (normal, fast) {
    case (_, .satisfied(let since)):
      return .satisfied(satisfaction(.breakGlass, breakGlass.rule, since, votes, constitution, now))
    case (.pending(let slow), .pending(let quick)): return .pending([.oneOf([slow, quick])])
    case (.impossible, .pending(let quick)): return .pending(quick)
    default: return Self.evaluation(normal)
    }
  }

  private static func evaluation(_ standing: Standing) -> Evaluation {
    switch standing {
    // A satisfied standing has been dealt with by the caller; seen here it grants nothing.
    case .satisfied(let since): .pending([.time(until: since)])
    case .pending(let missing): .pending(missing)
    case .impossible(let why): .impossible(why)
    }
  }

  private func satisfaction(
    _ mode: Mode, _ rule: Rule, _ since: Int64, _ votes: Votes, _ constitution: Constitution, _ now: Int64
  ) -> Satisfaction {
    var names = Set(counted(rule, votes, .current, constitution, at: now).map(\.signer))
    if let newSigners { names.formUnion(counted(rule, votes, .proposed, newSigners, at: now).map(\.signer)) }
    return Satisfaction(since: since, mode: mode, approvals: names.sorted())
  }

  private func counted(
    _ rule: Rule, _ votes: Votes, _ side: Approval.Sides, _ constitution: Constitution, at now: Int64
  ) -> [Approval] {
    votes.counted(side, among: constitution.members(of: rule.approvers), selfApproval: selfApproval, at: now)
  }

  /// The rule by the current signers, the same rule by the proposed ones where there are such, and then the waits.
  private func standing(
    of rule: Rule, _ votes: Votes, _ action: Action, _ constitution: Constitution, at now: Int64
  ) -> Standing {
    func ballot(_ side: Approval.Sides, _ seats: Constitution) -> Ballot {
      Ballot(
        action: action, openedAt: votes.openedAt, committees: seats.members,
        approvals: counted(rule, votes, side, seats, at: now).map { ($0.signer, $0.at) },
        candidates: { votes.mayApprove($0, selfApproval: selfApproval) },
        objections: { objectors(in: $0, votes, constitution) }, spending: votes.spending)
    }
    var result = rule.standing(ballot(.current, constitution), at: now)
    if let newSigners {
      result = result.and(rule.standing(ballot(.proposed, newSigners), at: now).ofProposedSigners)
    }
    for wait in waits {
      for quorum in wait.objectors {
        let names = objectors(in: quorum.committee, votes, constitution)
        if names.count >= quorum.threshold { return .impossible(.objected(committee: quorum.committee, by: names)) }
      }
    }
    guard let delay = waits.map(\.delay).max(), delay > 0 else { return result }
    switch result {
    case .impossible: return result
    case .pending(let missing): return .pending(missing + [.delay(seconds: delay)])
    case .satisfied(let since):
      let opens = since + delay * 1000
      return now >= opens ? .satisfied(since: opens) : .pending([.time(until: opens)])
    }
  }

  /// The members of a committee who object with effect, ascending.
  func objectors(in committee: String, _ votes: Votes, _ constitution: Constitution) -> [String] {
    if votes.objections.isEmpty { return [] }
    let members = constitution.members[committee] ?? []
    return votes.objections.map(\.signer).filter { members.contains($0) && !removes($0, from: committee) }.sorted()
  }

  /// Whether the action takes a signer out of a committee, or takes away their vote: then their objection does not stop
  /// it, or nobody could ever be removed.
  func removes(_ signer: String, from committee: String) -> Bool {
    switch effect {
    case .committees(let new), .recovery(let new): !(new.members[committee] ?? []).contains(signer)
    case .restrain(.revoke(let name)): name == signer
    default: false
    }
  }
}

extension Standing {
  /// Both.
  fileprivate func and(_ other: Standing) -> Standing {
    switch (self, other) {
    case (.impossible, _): self
    case (_, .impossible): other
    case (.satisfied(let one), .satisfied(let two)): .satisfied(since: max(one, two))
    case (.pending(let one), .pending(let two)): .pending(one + two.filter { !one.contains($0) })
    case (.pending, .satisfied): self
    case (.satisfied, .pending): other
    }
  }

  /// Says of missing approvals that they are the proposed signers'.
  fileprivate var ofProposedSigners: Standing {
    guard case .pending(let missing) = self else { return self }
    return .pending(missing.map(\.ofProposedSigners))
  }
}

extension Missing {
  fileprivate var ofProposedSigners: Missing {
    switch self {
    case .approvals(let committee, let count, let candidates):
      .newApprovals(committee: committee, count: count, candidates: candidates)
    case .oneOf(let lists): .oneOf(lists.map { $0.map(\.ofProposedSigners) })
    default: self
    }
  }
}

extension Constitution {
  /// Everybody in any of these committees.
  func members(of names: Set<String>) -> Set<String> {
    names.reduce(into: Set()) { $0.formUnion(members[$1] ?? []) }
  }
}
