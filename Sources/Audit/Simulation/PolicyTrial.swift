import Cryptography
import Governance

/// One proposal, put to the policy that decided it and to the proposed one at the same time.
struct PolicyTrial {
  let opened: ProposalOpened
  let index: UInt64
  let openedAt: Int64
  /// How the proposed policy decides; why it cannot, where it does not cover the type.
  let procedure: Result<Procedure, Undecidable>
  /// The constitution of the proposal's epoch, with the proposed policy.
  let constitution: Constitution
  /// When nothing may start any more under the proposed policy (Unix milliseconds).
  private(set) var ends: Int64

  var approvals: [Approval] = []
  var objections: [Objection] = []
  /// What the log holds; nil as long as that is not known.
  private(set) var before: SimulatedOutcome?
  private(set) var after: SimulatedOutcome?
  private(set) var startedAt: Int64?
  /// What was missing when last looked at.
  private var missingBefore: [String] = []
  private var missingAfter: [String] = []
  private var needsRoomBefore = false
  private var needsRoomAfter = false

  init(
    _ opened: ProposalOpened, index: UInt64, at: Int64, procedure: Result<Procedure, Undecidable>,
    constitution: Constitution
  ) {
    self.opened = opened
    self.index = index
    openedAt = at
    self.procedure = procedure
    self.constitution = constitution
    ends = opened.statement.expires
    switch procedure {
    // Under a policy that allows less time the proposal would have been opened with less.
    case .success(let procedure): ends = min(ends, at + procedure.maxExpiry * 1000)
    case .failure(let why): after = .denied("\(why)")
    }
  }

  /// The log has no more to say about it.
  private var isSettled = false

  /// Room in a budget or count may decide it.
  var waitsForRoom: Bool { before == nil && needsRoomBefore || after == nil && needsRoomAfter }

  var isOver: Bool { isSettled && before != nil && after != nil }

  /// What the fold says at a moment. Returns the times at which to look again.
  mutating func observe(_ evaluation: Evaluation?, at now: Int64) -> [Int64] {
    guard before == nil, let evaluation else { return [] }
    switch evaluation {
    case .satisfied(let satisfaction): before = .allowed(satisfaction, at: now)
    case .impossible(let why): before = .denied("\(why)")
    case .pending(let missing):
      missingBefore = missing.map(\.description)
      needsRoomBefore = missing.contains(where: \.needsRoom)
      return missing.flatMap(\.moments)
    }
    return []
  }

  mutating func start(at time: Int64) {
    startedAt = startedAt ?? time
    isSettled = true
  }

  /// Puts the votes to the proposed policy. Returns the times at which to look again.
  mutating func decide(_ votes: Votes, waitingFor predecessors: [SHA256Digest], at now: Int64) -> [Int64] {
    guard after == nil, case .success(let procedure) = procedure else { return [] }
    guard now < ends else {
      after = .pending(missingAfter)
      return []
    }
    needsRoomAfter = false
    switch procedure.evaluate(votes, for: opened.statement.action, under: constitution, at: now) {
    case .satisfied(let satisfaction):
      guard predecessors.isEmpty else {
        missingAfter = predecessors.map { Missing.predecessor($0).description }
        return []
      }
      after = .allowed(satisfaction, at: now)
    case .impossible(let why): after = .denied("\(why)")
    case .pending(let missing):
      missingAfter = missing.map(\.description)
      needsRoomAfter = missing.contains(where: \.needsRoom)
      return missing.flatMap(\.moments)
    }
    return []
  }

  /// The proposal could not have been opened under the proposed policy.
  mutating func refuse(_ why: String) { after = after ?? .denied(why) }

  /// It ended in the log, for this reason.
  mutating func close(_ outcome: SimulatedOutcome) {
    before = before ?? outcome
    isSettled = true
  }

  /// Nothing happens to it in the log any more.
  mutating func closeBefore() { close(.pending(missingBefore)) }
  /// Nothing would happen to it any more.
  mutating func closeAfter() { after = after ?? .pending(missingAfter) }

  /// The difference; nil when there is none.
  var difference: SimulatedDifference? {
    guard let before, let after, let kind = Self.kind(before, after, startedAt) else { return nil }
    return SimulatedDifference(
      kind: kind, proposal: opened.proposal, type: opened.statement.action.type, proposer: opened.proposer.text,
      index: index, openedAt: openedAt, before: before, startedAt: startedAt, after: after)
  }

  private static func kind(
    _ before: SimulatedOutcome, _ after: SimulatedOutcome, _ startedAt: Int64?
  ) -> SimulatedDifference.Kind? {
    switch (before, after) {
    case (.allowed(let one, let was), .allowed(let two, let would)):
      if would != was { return would < was ? .sooner : .later }
      return one.approvals == two.approvals && one.mode == two.mode ? nil : .otherSigners
    case (.denied, .denied), (.pending, .pending): return nil
    case (_, .allowed): return .allowed
    case (_, .denied): return .denied
    case (_, .pending): return .pending
    }
  }
}

extension Missing {
  /// The moments at which time alone may change something.
  fileprivate var moments: [Int64] {
    switch self {
    case .time(let until): [until]
    case .oneOf(let lists): lists.flatMap { $0.flatMap(\.moments) }
    default: []
    }
  }

  fileprivate var needsRoom: Bool {
    switch self {
    case .room: true
    case .oneOf(let lists): lists.contains { $0.contains(where: \.needsRoom) }
    default: false
    }
  }
}
