import CanonicalJSON
import Cryptography
import Governance

/// Leave to do one thing once: an approved order whose execution the log has begun. The follower alone makes one, from
/// what it has verified and folded itself, so a function that takes a `Mandate` cannot be talked into anything.
public struct Mandate: Sendable {
  public let operation: Operation
  public let order: SystemOrder
  /// The action digest.
  public let proposal: SHA256Digest
  public let statement: Statement
  /// When and by whose approvals the execution began.
  public let start: Proposal.Start
  /// The name of the policy that decided; nil for the root rule.
  public let policyName: String?
  /// The documents that the order names by digest, under the names of the parameters; each has that digest.
  public let attachments: [String: [UInt8]]
  /// The approved model that the order refers to: what `model.remove` removes and `runner.start` serves.
  public let model: ApprovedModel?
  /// The runner that the order refers to, as it ought to run before it.
  public let runner: ApprovedRunner?
  /// The approved model that this runner serves until then.
  public let previous: ApprovedModel?

  fileprivate init(
    operation: Operation, order: SystemOrder, decision: borrowing Decision.Started, attachments: [String: [UInt8]],
    model: ApprovedModel?, runner: ApprovedRunner?, previous: ApprovedModel?
  ) {
    self.operation = operation
    self.order = order
    proposal = decision.proposal
    statement = decision.statement
    start = decision.start
    policyName = decision.policyName
    self.attachments = attachments
    self.model = model
    self.runner = runner
    self.previous = previous
  }
}

extension LogFollower {
  /// Whether an operation begins, or was begun in time and is brought to its end.
  public enum Occasion: Sendable, Hashable { case beginning, resuming }

  /// The mandate for a request at `now` (the local clock, Unix milliseconds), or why there is none.
  public borrowing func mandate(
    for request: OperationRequest, _ occasion: Occasion, now: Int64
  ) throws(MandateFault) -> Mandate {
    guard !isHalted else { throw .contradicted }
    let state = state
    let now = max(now, state.lastAt)
    let decision: Decision.Started
    do {
      decision = try state.startedDecision(for: request.proposal, at: now)
    } catch {
      throw .notExecuting(error)
    }
    let statement = decision.statement
    guard statement.epoch == state.epoch else { throw .epoch(expected: state.epoch, actual: statement.epoch) }
    // The daemon may sit on a decision, or date it back. What was begun in time may be brought to its end later.
    if occasion == .beginning, decision.start.at < now - recency {
      throw .stale(startedAt: decision.start.at, earliest: now - recency)
    }
    if case .changed(let why) = state.stillValid(decision, at: now) { throw .changed(why) }
    let action = statement.action
    let order: SystemOrder?
    do { order = try SystemOrder.of(action) } catch { throw .field(error) }
    guard let operation = Operation(rawValue: action.type), let order else {
      throw .notAnOperation(type: action.type)
    }
    do throws(FieldError) {
      try Self.check(order.params, against: action.params, path: "statement.action.params")
      if let claimed = request.action {
        guard claimed.type == action.type else {
          throw FieldError(field: "action.type", expected: action.type, actual: JSON.string(claimed.type).summary)
        }
        try Self.check(claimed.params, against: action.params, path: "action.params")
      }
      try Self.check(request.attachments, for: operation, action.params)
    } catch {
      throw .field(error)
    }
    let runner = order.runnerName.flatMap { state.runner(named: $0) }
    return Mandate(
      operation: operation, order: order, decision: decision, attachments: request.attachments,
      model: order.modelDigest.flatMap { state.model(digest: $0) }, runner: runner,
      previous: runner.flatMap { state.model(digest: $0.record.model) })
  }

  /// A stranger's name for an error: as it is where it is plain, otherwise not at all.
  private static func shown(_ name: String) -> String {
    let isPlain = name.utf8.count <= 64 && name.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    return isPlain ? name : "?"
  }

  /// Both have the same members with the same values; the error names the first that differs.
  private static func check(
    _ actual: JSONObject, against approved: JSONObject, path: String
  ) throws(FieldError) {
    for member in approved where actual[member.key] != member.value {
      throw FieldError(
        field: "\(path).\(member.key)", expected: member.value.summary, actual: actual[member.key]?.summary ?? "nothing"
      )
    }
    for member in actual where approved[member.key] == nil {
      throw FieldError(
        field: "\(path).\(shown(member.key))", expected: "no such field", actual: member.value.summary)
    }
  }

  private static func check(
    _ attachments: [String: [UInt8]], for operation: Operation, _ params: JSONObject
  ) throws(FieldError) {
    let name = operation.surface.attachment
    if let stranger = attachments.keys.sorted().first(where: { $0 != name }) {
      throw FieldError(
        field: "attachments.\(shown(stranger))", expected: "no such attachment",
        actual: "\(attachments[stranger]?.count ?? 0) bytes")
    }
    guard let name else { return }
    guard let bytes = attachments[name] else {
      throw FieldError(field: "attachments.\(name)", expected: "a document", actual: "nothing")
    }
    let actual = SHA256.hash(bytes).hex
    guard let expected = params[name]?.string, expected == actual else {
      throw FieldError(
        field: "attachments.\(name)", expected: "a document with digest \(params[name]?.string ?? "?")",
        actual: "one with digest \(actual)")
    }
  }
}

extension SystemOrder {
  fileprivate var modelDigest: SHA256Digest? {
    switch self {
    case .removeModel(let digest): digest
    case .startRunner(let record): record.model
    default: nil
    }
  }

  fileprivate var runnerName: String? {
    switch self {
    case .startRunner(let record): record.name
    case .stopRunner(let name): name
    default: nil
    }
  }
}
