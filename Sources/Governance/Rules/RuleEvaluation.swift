/// What a rule is held against: the action, and the votes that count on one side.
struct Ballot {
  var action: Action
  /// When the proposal was opened (Unix milliseconds).
  var openedAt: Int64
  /// The members of each committee.
  var committees: [String: Set<String>]
  /// The approvals that count: signer and when it was recorded, oldest first; each signer once.
  var approvals: [(signer: String, at: Int64)]
  /// Signers whose approval could still be added.
  var candidates: (String) -> Bool
  /// The signers who object, with effect against time-locks of that committee.
  var objections: (String) -> [String]
  /// What was spent before under the policy.
  var spending: Spending
}

/// What is known of earlier executions under a policy.
public enum Spending: Sendable {
  /// Everything: the fold has the whole log.
  case ledger(Ledger)
  /// Nothing, and budgets and counts are taken as kept; for a receipt, which says that it did not check them.
  case assumedWithin
  /// Nothing, and budgets and counts are taken as used up: what is satisfied even so rests on none of them.
  case assumedExhausted
}

extension Rule {
  /// Where this rule stands at `now` (Unix milliseconds). A function of its arguments alone.
  func standing(_ ballot: Ballot, at now: Int64) -> Standing {
    switch self {
    case .deny: return .impossible(.denied)
    case .code(let code):
      switch code.choice {
      case .branch(let name):
        return code.branches[name]?.standing(ballot, at: now) ?? .impossible(.code("\(name) is no branch"))
      case .failed(let why): return .impossible(.code(why))
      // Nobody has run it: a caller who forgets to must not get an approval.
      case nil: return .impossible(.code("it was not run"))
      }
    case .automatic(let checks): return Self.automatic(checks, ballot, at: now)
    case .single(let committee): return Self.seated([Quorum(1, of: committee)], ballot)
    case .quorum(let quorum): return Self.seated([quorum], ballot)
    case .groups(let quorums): return Self.seated(quorums, ballot)
    case .timelock(let lock): return lock.standing(ballot, at: now)
    case .all(let rules):
      var since = ballot.openedAt
      var missing: [Missing] = []
      for rule in rules {
        switch rule.standing(ballot, at: now) {
        case .satisfied(let time): since = max(since, time)
        case .pending(let more): missing += more.filter { !missing.contains($0) }
        case .impossible(let why): return .impossible(why)
        }
      }
      return missing.isEmpty ? .satisfied(since: since) : .pending(missing)
    case .any(let rules):
      var earliest: Int64?
      var pending: [[Missing]] = []
      var impossible: [Impossibility] = []
      for rule in rules {
        switch rule.standing(ballot, at: now) {
        case .satisfied(let time): earliest = min(earliest ?? time, time)
        case .pending(let missing): pending.append(missing)
        case .impossible(let why): impossible.append(why)
        }
      }
      if let earliest { return .satisfied(since: earliest) }
      if pending.isEmpty { return .impossible(impossible.count == 1 ? impossible[0] : .everyBranch(impossible)) }
      return .pending(pending.count == 1 ? pending[0] : [.oneOf(pending)])
    }
  }

  private static func automatic(_ checks: [Check], _ ballot: Ballot, at now: Int64) -> Standing {
    var missing: [Missing] = []
    for check in checks {
      if let failure = check.failure(for: ballot.action) { return .impossible(.check(failure)) }
      guard let meter = check.meter else { continue }
      let amount = meter.amount(of: ballot.action)
      let spent: Int64
      switch ballot.spending {
      case .ledger(let ledger): spent = ledger.spent(meter, at: now)
      case .assumedWithin: continue
      case .assumedExhausted: spent = .max
      }
      // Both are at most 2^53-1 times the number of executions; the ledger saturates, and this must not trap.
      let (total, overflow) = spent.addingReportingOverflow(amount)
      if overflow || total > meter.limit { missing.append(.room(meter, spent: spent, amount: amount)) }
    }
    return missing.isEmpty ? .satisfied(since: ballot.openedAt) : .pending(missing)
  }

  private static func seated(_ quorums: [Quorum], _ ballot: Ballot) -> Standing {
    let members = quorums.map { ballot.committees[$0.committee] ?? [] }
    var seating = Seating(quorums, members: members)
    for approval in ballot.approvals {
      seating.seat(approval.signer)
      if seating.isFull { return .satisfied(since: max(ballot.openedAt, approval.at)) }
    }
    let approved = Set(ballot.approvals.map(\.signer))
    let missing: [Missing] = zip(quorums.indices, seating.lacking).compactMap { index, count in
      guard count > 0 else { return nil }
      let candidates = members[index].filter { !approved.contains($0) && ballot.candidates($0) }.sorted()
      return .approvals(committee: quorums[index].committee, count: count, candidates: candidates)
    }
    return .pending(missing)
  }
}

extension Timelock {
  func standing(_ ballot: Ballot, at now: Int64) -> Standing {
    // First the objection: it kills the branch even after the delay has run out, until the execution starts.
    let objectors = ballot.objections(objectors.committee)
    guard objectors.count < self.objectors.threshold else {
      return .impossible(.objected(committee: self.objectors.committee, by: objectors))
    }
    switch after.standing(ballot, at: now) {
    case .impossible(let why): return .impossible(why)
    case .pending(let missing): return .pending(missing + [.delay(seconds: delay)])
    case .satisfied(let since):
      let opens = since + delay * 1000
      return now >= opens ? .satisfied(since: opens) : .pending([.time(until: opens)])
    }
  }
}
