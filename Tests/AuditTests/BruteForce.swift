import Cryptography
import Governance

@testable import Audit

/// The simulation again, without any thought for cost: every prefix of the log is a state, and every proposal is put to the
/// policy in each of them at every moment.
struct BruteForce {
  private let box: TestBox
  private let name: String
  private let policy: Policy
  private var states: [BoxState] = [BoxState()]
  private var moments: [Int64] = []

  init(_ box: TestBox, name: String, policy: Policy) throws {
    self.box = box
    self.name = name
    self.policy = policy
    for entry in box.log {
      var state = states[states.count - 1]
      try state.apply(entry)
      states.append(state)
    }
    let delays = Set([0] + (policy.rule.timelocks + [3600, 600].map(Self.lock)).map(\.delay))
    moments = Set(box.log.flatMap { entry in delays.map { entry.at + $0 * 1000 } }).sorted()
  }

  private static func lock(_ delay: Int64) -> Timelock {
    Timelock(delay: delay, objectors: Quorum(1, of: "auditors"), after: .deny)
  }

  static func text(_ difference: SimulatedDifference) -> String {
    "\(difference.index) \(difference.kind.rawValue) \(text(difference.before)) -> \(text(difference.after))"
  }

  private static func text(_ outcome: SimulatedOutcome) -> String {
    if case .allowed(let satisfaction, let at) = outcome { "\(satisfaction) \(at)" } else { outcome.name }
  }

  func differences() throws -> (texts: [String], considered: UInt64) {
    var texts: [String] = []
    var considered: UInt64 = 0
    for (index, entry) in box.log.enumerated() where entry.kind == .proposalOpened {
      let body = try ProposalOpened(body: entry.body)
      guard let constitution = states[index].constitution else { continue }
      var policies = constitution.policies
      policies[name] = policy
      let proposed = Constitution(
        box: constitution.box, epoch: constitution.epoch, signers: Array(constitution.signers.values),
        committees: constitution.committees, policies: policies, root: constitution.root)
      let type = body.statement.action.type
      let names = [proposed, constitution].map { $0.policy(covering: type)?.name }
      guard names.contains(name) else { continue }
      considered += 1
      let before = before(body, opened: index)
      let after = try after(body, opened: index, proposed)
      let kind: String? =
        switch (before, after) {
        case (.allowed(_, let was), .allowed(_, let would)) where was != would:
          was < would ? "later" : "sooner"
        case (.allowed(let one, _), .allowed(let two, _)):
          one.approvals == two.approvals && one.mode == two.mode ? nil : "other-signers"
        default: before.name == after.name ? nil : after.name
        }
      if let kind { texts.append("\(index) \(kind) \(Self.text(before)) -> \(Self.text(after))") }
    }
    return (texts, considered)
  }

  /// Each state and each moment at which the log was in it, after the proposal was opened.
  private func steps(after opened: Int) -> [(state: BoxState, time: Int64)] {
    (opened + 1..<states.count).flatMap { size in
      let from = box.log[size - 1].at
      let to = size < box.log.count ? box.log[size].at : from
      return moments.filter { $0 >= from && $0 <= to }.map { (states[size], $0) }
    }
  }

  private func before(_ body: ProposalOpened, opened: Int) -> SimulatedOutcome {
    for (state, time) in steps(after: opened) {
      switch state.status(of: body.proposal, at: time) {
      case .approved(let satisfaction): return .allowed(satisfaction, at: time)
      case .denied, .objected: return .denied("")
      default: continue
      }
    }
    return .pending([])
  }

  private func after(_ body: ProposalOpened, opened: Int, _ proposed: Constitution) throws -> SimulatedOutcome {
    guard let procedure = try? proposed.procedure(for: body.statement.action) else { return .denied("") }
    let openedAt = box.log[opened].at
    let ends = min(body.statement.expires, openedAt + procedure.maxExpiry * 1000)
    var approvals: [Approval] = []
    var objections: [Objection] = []
    for (state, time) in steps(after: opened) {
      guard state.epoch == body.statement.epoch, time < ends else { break }
      if let proposal = state.proposal(body.proposal) {
        approvals = proposal.approvals
        objections = proposal.objections
      } else if objections.isEmpty {
        let later = box.log[(opened + 1)..<Int(state.size)]
        for entry in later where entry.kind == .proposalObjected && entry.body["proposal"]?.string == body.proposal.hex
        {
          objections.append(Objection(signer: entry.body["signer"]?.string ?? "", at: entry.at, index: 0))
        }
      }
      let votes = Votes(
        openedAt: openedAt, proposer: body.proposer, approvals: approvals, objections: objections,
        revoked: state.revokedSigners(at: time), spending: .ledger(Ledger()))
      switch procedure.evaluate(votes, for: body.statement.action, under: proposed, at: time) {
      case .satisfied(let satisfaction): return .allowed(satisfaction, at: time)
      case .impossible: return .denied("")
      case .pending: continue
      }
    }
    return .pending([])
  }
}
