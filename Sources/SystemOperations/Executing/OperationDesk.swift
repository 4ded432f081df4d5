import CanonicalJSON
import Cryptography
import Governance
import Synchronization

/// Where requests become operations: the follower says what is mandated, the journal what has happened, and one operation
/// at a time is carried out.
public final class OperationDesk: Sendable {
  /// What the desk is put together from.
  public struct Parts: Sendable {
    public var pins: LogPins
    /// The root directory of the privileged process; `log` and `journal` are made in it.
    public var root: AnchoredDirectory
    public var key: SystemKey
    /// What is not here answers `not_available`.
    public var executors: [Operation: any OperationExecutor]
    public var snapshots: (any SnapshotHook)?
    public var patience: ChurnGuard.Patience
    /// Unix milliseconds.
    public var clock: @Sendable () -> Int64
    /// Told one line for each thing that an operator wants to know of.
    public var report: @Sendable (String) -> Void

    public init(
      pins: LogPins, root: AnchoredDirectory, key: SystemKey, executors: [Operation: any OperationExecutor],
      snapshots: (any SnapshotHook)? = nil, patience: ChurnGuard.Patience = .standard,
      clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void
    ) {
      self.pins = pins
      self.root = root
      self.key = key
      self.executors = executors
      self.snapshots = snapshots
      self.patience = patience
      self.clock = clock
      self.report = report
    }
  }

  /// What the owners' decisions want of the machine at this moment.
  public struct Standing: Sendable, Hashable {
    public let position: LogPosition
    public let isHalted: Bool
    public let models: [ApprovedModel]
    public let runners: [ApprovedRunner]
  }

  /// How a request is answered.
  enum Admission: Sendable {
    /// It is over; this is what was recorded.
    case recorded(ReportedResult)
    case running(RunningOperation)
  }

  /// What is under way.
  struct Occupation: Sendable, Hashable {
    let operation: Operation
    /// The proposal, or the object of a restart.
    let subject: String
    let since: Int64
  }

  private struct Books: ~Copyable {
    var follower: LogFollower
    let journal: OperationJournal
  }

  let parts: Parts
  private let queue = OwnQueue("safebox-system.log")
  private let books: Mutex<Books>
  private let lock: FileLock
  private let following = Mutex(false)
  private let occupation = Mutex<Occupation?>(nil)
  private let churn: Mutex<ChurnGuard>
  /// Set when the journal could not be written: nothing more is begun by this process.
  private let isBroken = Mutex(false)

  /// Opens log and journal and folds the log again; blocks. Refuses a root directory that another process uses.
  public init(_ parts: Parts) throws {
    self.parts = parts
    lock = try parts.root.lock("lock")
    let follower = try LogFollower(parts.pins, in: parts.root.makeDirectory("log", mode: 0o700))
    let journal = OperationJournal(try parts.root.makeDirectory("journal", mode: 0o700))
    let state = follower.state
    try journal.prune { state.proposal($0) != nil }
    books = Mutex(Books(follower: follower, journal: journal))
    churn = Mutex(ChurnGuard(patience: parts.patience))
  }

  // MARK: the log

  /// Takes entries of the log. One caller at a time; a second is refused as busy.
  public func follow(_ push: LogPush) async throws -> LogPosition {
    guard
      following.withLock({ isTaken in
        defer { isTaken = true }
        return !isTaken
      })
    else { throw DeskRefusal.busy(retryAfter: 1, "another part of the log is being taken") }
    defer { following.withLock { $0 = false } }
    let now = parts.clock()
    do {
      return try await queue.run { [self] in
        try books.withLock { books throws in try books.follower.take(push, now: now) }
      }
    } catch let fault as FollowFault {
      if case .contradiction = fault { parts.report("alarm: \(fault); nothing is done until people have looked") }
      if case .fork = fault { parts.report("alarm: \(fault)") }
      throw fault
    }
  }

  public func standing() async throws -> Standing {
    try await queue.run { [self] in
      books.withLock { books in
        Standing(
          position: books.follower.position, isHalted: books.follower.isHalted, models: books.follower.state.models,
          runners: books.follower.state.runners)
      }
    }
  }

  // MARK: operations

  /// What is being done now.
  var present: Occupation? { occupation.withLock { $0 } }

  /// Begins an operation, or answers with what came of it. Everything that can be refused is refused here, before
  /// anything is touched.
  ///
  /// - Parameter only: the one operation that may be begun here; nil admits all.
  func admit(_ request: OperationRequest, only: Operation? = nil) async throws -> Admission {
    let now = parts.clock()
    // The place is taken before anything is looked up: two callers with one proposal never both find it not begun.
    try occupy(Occupation(operation: .createDirectory, subject: request.proposal.hex, since: now))
    do {
      let admission = try await prepare(request, only, now: now)
      if case .recorded = admission { leave() }
      return admission
    } catch {
      leave()
      throw error
    }
  }

  private func prepare(_ request: OperationRequest, _ only: Operation?, now: Int64) async throws -> Admission {
    let (record, mandate) = try await queue.run { [self] in
      try books.withLock { books throws -> (OperationJournal.Record, Mandate?) in
        let record = try books.journal.record(of: request.proposal)
        switch record {
        case .finished: return (record, nil)
        // What was begun is brought to its end with what it was begun with, whatever is sent now.
        case .begun(let first): return (record, try books.follower.mandate(for: first, .resuming, now: now))
        case .none: return (record, try books.follower.mandate(for: request, .beginning, now: now))
        }
      }
    }
    if case .finished(let result) = record { return .recorded(result) }
    guard let mandate else { throw OperationFault(code: "internal", detail: "no mandate") }
    if let only, only != mandate.operation {
      throw OperationFault(
        code: "operation", field: "statement.action.type",
        detail: "expected \(only.rawValue), found \(mandate.operation.rawValue)")
    }
    guard let executor = parts.executors[mandate.operation] else {
      throw OperationFault.notAvailable(mandate.operation)
    }
    occupation.withLock {
      $0 = Occupation(operation: mandate.operation, subject: mandate.proposal.hex, since: now)
    }
    if case .begun = record {
      return .running(RunningOperation(self, mandate, executor, isResumed: true))
    }
    try checkChurn(mandate.order.object, at: now)
    try executor.examine(mandate)
    if mandate.scopeBefore != nil, parts.snapshots == nil {
      throw OperationFault(
        code: "snapshot.not_available", detail: "no snapshot can be taken before \(mandate.operation)")
    }
    try await queue.run { [self] in
      // From here on it has begun, whatever happens: it is finished or reconciled, never performed again.
      try books.withLock { books throws in try books.journal.begin(request) }
    }
    parts.report("\(mandate.operation.rawValue) \(mandate.proposal): begun")
    return .running(RunningOperation(self, mandate, executor, isResumed: false))
  }

  /// Brings to an end what the death of an earlier process interrupted. What cannot be mandated now stays as it is, and is
  /// reported.
  public func recover() async throws {
    let unfinished = try await queue.run { [self] in
      try books.withLock { books throws in try books.journal.unfinished() }
    }
    for proposal in unfinished {
      do {
        guard case .running(let operation) = try await admit(OperationRequest(proposal: proposal)) else { continue }
        _ = try await operation.result()
      } catch {
        parts.report("\(proposal): interrupted and not brought to an end: \(error)")
      }
    }
  }

  /// Records and signs a result; the place is free afterwards. Nobody has been told of it before.
  func settle(_ mandate: Mandate, _ result: OperationResult) async throws -> ReportedResult {
    defer { leave() }
    let now = parts.clock()
    if result.outcome != .executed || mandate.operation.isChurn { strain(mandate.order.object, at: now) }
    let report = try SystemReport(
      box: mandate.statement.box, proposal: mandate.proposal, operation: mandate.operation.rawValue,
      outcome: result.outcome, result: result.digest, at: now
    ).signed(by: parts.key)
    let reported = ReportedResult(result: result, report: report)
    do {
      try await queue.run { [self] in
        try books.withLock { books throws in try books.journal.finish(mandate.proposal, reported) }
      }
    } catch {
      // What was done is not on record, so nobody may be told, and nothing else may be begun: the next start finds out.
      isBroken.withLock { $0 = true }
      parts.report("alarm: the journal cannot be written: \(error); nothing more is begun")
      throw error
    }
    parts.report("\(mandate.operation.rawValue) \(mandate.proposal): \(result.outcome.rawValue)")
    return reported
  }

  // MARK: restarts

  /// Restarts a runner that ought to run by the log.
  func restart(_ name: String, by control: any RunnerControl) async throws -> JSONObject {
    let now = parts.clock()
    let standing = try await standing()
    guard !standing.isHalted else { throw MandateFault.contradicted }
    guard let runner = standing.runners.first(where: { $0.record.name == name }) else {
      throw DeskRefusal.noRunner(name)
    }
    guard let model = standing.models.first(where: { $0.record.manifest == runner.record.model }) else {
      throw DeskRefusal.noRunner(name)
    }
    let object = "runner \(name)"
    try checkChurn(object, at: now)
    try occupy(Occupation(operation: .restartRunner, subject: name, since: now))
    defer { leave() }
    strain(object, at: now)
    return try await control.restart(runner, serving: model)
  }

  // MARK: one at a time

  private func occupy(_ work: Occupation) throws(DeskRefusal) {
    guard !isBroken.withLock({ $0 }) else { throw .broken }
    let present = occupation.withLock { present in
      defer { if present == nil { present = work } }
      return present
    }
    if let present {
      throw .busy(retryAfter: 5, "\(present.operation.rawValue) is under way for \(present.subject)")
    }
  }

  private func leave() { occupation.withLock { $0 = nil } }

  private func checkChurn(_ object: String, at now: Int64) throws(DeskRefusal) {
    guard let wait = churn.withLock({ $0.wait(for: object, at: now) }) else { return }
    throw .churn(object: object, retryAfter: Int((wait + 999) / 1000))
  }

  private func strain(_ object: String, at now: Int64) { churn.withLock { $0.strain(object, at: now) } }
}

/// Why the desk does not take a request now.
enum DeskRefusal: Error, Sendable, Hashable {
  /// Seconds.
  case busy(retryAfter: Int, String)
  case churn(object: String, retryAfter: Int)
  case noRunner(String)
  /// The journal could not be written.
  case broken
}

extension Operation {
  /// Whether doing it often is a strain by itself.
  var isChurn: Bool {
    switch self {
    case .startRunner, .stopRunner, .restartRunner: true
    default: false
    }
  }
}

extension Mandate {
  /// What is snapshot before this operation.
  var scopeBefore: SnapshotName.Scope? {
    switch operation.surface.snapshot {
    case .none: return nil
    case .models: return .models
    case .packages: return .packages
    case .directories: return .directories
    case .named:
      guard case .rollBack(let snapshot) = order else { return nil }
      return snapshot.scope
    }
  }
}
