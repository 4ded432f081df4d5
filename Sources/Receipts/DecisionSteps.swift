import CanonicalJSON
import Cryptography
import Governance
import OpenClaims

/// The steps that recompute the decision from the signatures: the box's own verdict is not taken from it.
extension Verification {
  func checkStatement() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let constitution = try need(constitution, .constitution)
    let body = log.opened.body
    let statement = body.statement
    guard statement.digest == body.proposal else {
      throw CheckFailure("statement.digest", expected: body.proposal.hex, actual: statement.digest.hex)
    }
    let others =
      log.approvals.map { ($0.index, $0.body.proposal) }
      + [(log.started.index, log.started.body.proposal), (log.finished.index, log.finished.body.proposal)]
    for (index, proposal) in others where proposal != statement.digest {
      throw CheckFailure(
        "statement.proposal", expected: "entries about \(statement.digest.hex)",
        actual: "entry \(index) about \(proposal.hex)")
    }
    guard statement.box == constitution.box else {
      throw CheckFailure("statement.box", expected: constitution.box, actual: statement.box)
    }
    guard statement.epoch == constitution.epoch else {
      throw CheckFailure("statement.epoch", expected: "\(constitution.epoch)", actual: "\(statement.epoch)")
    }
    let nonce = Statement.nonce(proposer: body.proposer, salt: body.salt)
    guard statement.nonce == nonce else {
      throw CheckFailure("statement.nonce", expected: nonce.hex, actual: statement.nonce.hex)
    }
    let epochIndex = if case .change(let finished) = log.epoch { finished.index } else { log.genesis.index }
    let order = [epochIndex, log.opened.index] + log.approvals.map(\.index) + [log.started.index, log.finished.index]
    for (one, next) in zip(order, order.dropFirst()) where next <= one {
      throw CheckFailure(
        "statement.order", expected: "rules, proposal, approvals, start and end in that order",
        actual: "entry \(next) after entry \(one)")
    }
    return .passed("Action digest \(statement.digest.hex).")
  }

  mutating func checkPolicy() throws(CheckFailure) -> StepOutcome {
    let opened = try need(log, .entries).opened
    let statement = opened.body.statement
    let constitution = try need(constitution, .constitution)
    let procedure: Procedure
    do { procedure = try constitution.procedure(for: statement.action) } catch { throw Self.failure(error) }
    let name = procedure.policyName ?? "root"
    guard procedure.digest == statement.policy else {
      throw CheckFailure("policy.digest", expected: "\(procedure.digest.hex) (\(name))", actual: statement.policy.hex)
    }
    // How long a change may wait can rest on a delay of an earlier epoch, which is not in the receipt.
    let isLate = procedure.effect.constitution != nil && constitution.epoch > 1
    let latest = opened.at + (isLate ? Policy.longestExpiry : procedure.maxExpiry) * 1000
    guard statement.expires <= latest else {
      throw CheckFailure(
        "policy.expiry", expected: "at most \(PlainWords.time(latest))", actual: PlainWords.time(statement.expires))
    }
    // The receipt holds all that policy code is told: it runs here again, and nothing is taken from the box.
    let chosen = procedure.choosing(for: PolicyFacts(opened.body, at: opened.at))
    self.procedure = chosen
    return .passed("\(name): \(PlainWords.rule(chosen.rule)).")
  }

  private static func failure(_ error: Undecidable) -> CheckFailure {
    switch error {
    case .noPolicy(let type):
      CheckFailure("policy.none", expected: "a policy that covers \(type)", actual: "none, which denies")
    case .reservedType(let type):
      CheckFailure("policy.reserved-type", expected: "an action type that exists", actual: type)
    case .parameters(let field):
      CheckFailure("policy.parameters", expected: "\(field.field): \(field.expected)", actual: field.actual)
    case .constitution(let refusal):
      CheckFailure("policy.change", expected: "a change of the rules that may happen", actual: "\(refusal)")
    }
  }

  func checkProposer() throws(CheckFailure) -> StepOutcome {
    let opened = try need(log, .entries).opened
    let constitution = try need(constitution, .constitution)
    switch (opened.body.proposer, opened.body.claim) {
    case (.client(let name), nil):
      return .notProved("That the client \(name) asked is the box's word: clients do not sign.")
    case (.run(let id), nil):
      return .notProved("That the run \(id) asked is the box's word: runs do not sign.")
    case (.client, .some), (.run, .some):
      throw CheckFailure(
        "proposer.superfluous", expected: "no claim of \(opened.body.proposer.text)", actual: "one")
    case (.signer(let name), nil):
      throw CheckFailure("proposer.missing", expected: "the claim of \(name)", actual: "none")
    case (.signer(let name), .some(let json)):
      let claim = try ClaimCheck(step: .proposer).read(json, .propose, opened.body.statement, by: name, at: opened.at)
      try ClaimCheck(step: .proposer).verify(claim, under: constitution, at: opened.at)
      return .passed("Signed by \(name).")
    }
  }

  mutating func checkApprovals() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let constitution = try need(constitution, .constitution)
    let procedure = try need(procedure, .policy)
    let proposed: Constitution? = if case .committees(let new) = procedure.effect { new } else { nil }
    let check = ClaimCheck(step: .approvals)
    var counted: [String: Approval.Sides] = [:]
    for entry in log.approvals {
      guard case .signer(let name, let json) = entry.body.voice else { continue }
      guard log.opened.body.proposer.signer != name || procedure.selfApproval else {
        throw CheckFailure("approvals.self-approval", expected: "approvals by others than the proposer", actual: name)
      }
      let claim = try check.read(json, .approve, log.opened.body.statement, by: name, at: entry.at)
      let sides = try check.sides(claim, current: constitution, proposed: proposed, at: entry.at)
      // Twice only with an old and a new key, where each speaks for its own side of a change of signers.
      guard !(counted[name] ?? []).isSuperset(of: sides) else {
        throw CheckFailure("approvals.duplicate", expected: "each signer once", actual: name)
      }
      counted[name, default: []].formUnion(sides)
      approvals.append(
        CountedApproval(
          approval: Approval(signer: name, at: entry.at, lapses: claim.lapses, index: entry.index, sides: sides),
          isByPasskey: claim.key.algorithm == .webauthn))
    }
    let names = counted.keys.sorted()
    let listed = log.started.body.approvals
    guard listed == names else {
      throw CheckFailure(
        "approvals.list", expected: names.joined(separator: ", "), actual: listed.joined(separator: ", "))
    }
    guard !names.isEmpty else { return .notApplicable("The policy decided without anybody's approval.") }
    return .passed("\(listed.joined(separator: ", ")): each signed this action digest, this policy and this epoch.")
  }

  mutating func checkDecision() throws(CheckFailure) -> StepOutcome {
    let log = try need(log, .entries)
    let procedure = try need(procedure, .policy)
    let statement = log.opened.body.statement
    let start = log.started.at
    guard start < statement.expires else {
      throw CheckFailure(
        "decision.expired", expected: "before \(PlainWords.time(statement.expires))", actual: PlainWords.time(start))
    }
    for approval in approvals.map(\.approval) where start >= approval.lapses {
      throw CheckFailure(
        "decision.lapsed", expected: "approvals that had not expired by \(PlainWords.time(start))",
        actual: "\(approval.signer)'s, which ended \(PlainWords.time(approval.lapses))")
    }
    let rules = PlainWords.rule(procedure.rule)
    guard case .satisfied(var decision) = try evaluate(.assumedWithin, at: start) else {
      // The same votes at a time when every wait is over: then only time was lacking.
      guard case .satisfied(let later) = try evaluate(.assumedWithin, at: Self.endOfTime, lapsing: false) else {
        throw CheckFailure(
          "decision.not-satisfied", expected: rules, actual: log.started.body.approvals.joined(separator: ", "))
      }
      throw CheckFailure(
        "decision.too-early", expected: "not before \(PlainWords.time(later.since))", actual: PlainWords.time(start))
    }
    let certain = try evaluate(.assumedExhausted, at: start)
    // Budgets of the normal rule may have been used up; then break-glass was the only way, as the box says.
    var wasUsedUp = false
    if decision.mode == .normal, log.started.body.mode == .breakGlass, case .satisfied(let other) = certain,
      other.mode == .breakGlass
    {
      decision = other
      wasUsedUp = true
    }
    guard decision.mode == log.started.body.mode else {
      throw CheckFailure(
        "decision.mode", expected: decision.mode.rawValue, actual: log.started.body.mode.rawValue)
    }
    guard decision.approvals == log.started.body.approvals else {
      throw CheckFailure(
        "decision.counted", expected: decision.approvals.joined(separator: ", "),
        actual: log.started.body.approvals.joined(separator: ", "))
    }
    self.decision = decision
    if !wasUsedUp, case .satisfied(let certain) = certain, certain.mode == decision.mode {
      restsOnBudgets = false
    } else {
      restsOnBudgets = true
    }
    let how = decision.mode == .breakGlass ? "By break-glass: \(Self.breakGlassWords(procedure))" : rules
    let condition = wasUsedUp ? ", if the budgets were used up" : restsOnBudgets ? ", if the budgets were kept" : ""
    return .passed("\(how); satisfied at \(PlainWords.time(decision.since))\(condition).")
  }

  private static func breakGlassWords(_ procedure: Procedure) -> String {
    procedure.breakGlass.map { PlainWords.rule($0.rule) } ?? "no rule"
  }

  /// Later than every wait that starts at a time of the log.
  private static let endOfTime: Int64 = 1 << 60

  private func evaluate(
    _ spending: Spending, at now: Int64, lapsing: Bool = true
  ) throws(CheckFailure) -> Evaluation {
    let opened = try need(log, .entries).opened
    let counted = approvals.map { counted in
      var approval = counted.approval
      if !lapsing { approval.lapses = .max }
      return approval
    }
    let votes = Votes(
      openedAt: opened.at, proposer: opened.body.proposer, approvals: counted, objections: [], revoked: [],
      spending: spending)
    return try need(procedure, .policy).evaluate(
      votes, for: opened.body.statement.action, under: need(constitution, .constitution), at: now)
  }
}
