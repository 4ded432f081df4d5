import CanonicalJSON
import Cryptography
import Glibc
import Governance
import OpenClaims
import Synchronization
import TestSupport
import TransparencyLog

@testable import SystemOperations

/// A machine of a test: a root directory, a desk with a clock that the test sets, and an executor that records.
final class Machine: Sendable {
  /// What a test changes while the desk works.
  private final class World: Sendable {
    let now: Mutex<Int64>
    let lines = Mutex<[String]>([])
    init(_ now: Int64) { self.now = Mutex(now) }
  }

  let directory: TemporaryDirectory
  let desk: OperationDesk
  let executor: RecordingExecutor
  let key: ClaimKey
  private let world: World

  init(
    _ log: BoxLog, genesis: SHA256Digest? = nil, witnesses: String? = nil, in existing: TemporaryDirectory? = nil,
    executors: [Operation: any OperationExecutor]? = nil, snapshots: (any SnapshotHook)? = NoSnapshots(),
    patience: ChurnGuard.Patience = .standard, maxLogBytes: Int64 = 64 << 20
  ) throws {
    directory = try existing ?? TemporaryDirectory()
    var configuration = SystemConfiguration(
      box: log.origin, keys: try BoxLog.keys(log.origin), genesis: genesis ?? log.genesis, root: directory.path,
      socket: directory.file("s"), uids: [0], witnesses: witnesses)
    configuration.maxLogBytes = maxLogBytes
    let world = World(log.now)
    self.world = world
    let secret = try Owners.key("safebox-system")
    key = ClaimKey(secret.publicKey)
    let executor = RecordingExecutor()
    self.executor = executor
    let all = Operation.allCases.map { ($0, executor as any OperationExecutor) }
    desk = try OperationDesk(
      OperationDesk.Parts(
        pins: configuration.pins(), root: AnchoredDirectory(opening: directory.path), key: SystemKey(secret),
        executors: executors ?? Dictionary(uniqueKeysWithValues: all), snapshots: snapshots, patience: patience,
        clock: { world.now.withLock { $0 } }, report: { line in world.lines.withLock { $0.append(line) } }))
  }

  var now: Int64 {
    get { world.now.withLock { $0 } }
    set { world.now.withLock { $0 = newValue } }
  }

  /// What the operator was told.
  var lines: [String] { world.lines.withLock { $0 } }

  /// Has an operation carried out to its end.
  @discardableResult
  func perform(
    _ proposal: SHA256Digest, action: (type: String, params: JSONObject)? = nil, attachments: [String: [UInt8]] = [:]
  ) async throws -> ReportedResult {
    let request = OperationRequest(proposal: proposal, action: action, attachments: attachments)
    switch try await desk.admit(request) {
    case .recorded(let result): return result
    case .running(let operation): return try await operation.result()
    }
  }
}

/// Notes what reaches it. It can be told to fail, and to wait in the middle until it is let go.
final class RecordingExecutor: OperationExecutor {
  struct Call: Sendable, Hashable {
    enum Way: Sendable { case examine, perform, reconcile }
    let way: Way
    let proposal: SHA256Digest
  }

  private struct State {
    var calls: [Call] = []
    var failure: OperationFault?
    var refusal: OperationFault?
    var reconciliation = Reconciliation.executed(["reconciled": true])
    var gate: Gate?
  }

  private let state = Mutex(State())

  var calls: [Call] { state.withLock { $0.calls } }
  var performed: Int { calls.count { $0.way == .perform } }
  var reconciled: Int { calls.count { $0.way == .reconcile } }

  func fail(with fault: OperationFault?) { state.withLock { $0.failure = fault } }
  func refuse(with fault: OperationFault?) { state.withLock { $0.refusal = fault } }
  func answer(_ reconciliation: Reconciliation) { state.withLock { $0.reconciliation = reconciliation } }
  /// From now on `perform` stops in the gate.
  func hold(_ gate: Gate) { state.withLock { $0.gate = gate } }

  func examine(_ mandate: Mandate) throws {
    let refusal = note(.examine, mandate).refusal
    if let refusal { throw refusal }
  }

  func perform(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> JSONObject {
    let state = note(.perform, mandate)
    progress(["stage": "begun"])
    if let gate = state.gate { await gate.pass() }
    if let failure = state.failure { throw failure }
    return ["done": .string(mandate.operation.rawValue)]
  }

  func reconcile(
    _ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void
  ) async throws -> Reconciliation { note(.reconcile, mandate).reconciliation }

  private func note(_ way: Call.Way, _ mandate: Mandate) -> State {
    state.withLock { state in
      state.calls.append(Call(way: way, proposal: mandate.proposal))
      return state
    }
  }
}

/// Holds a task in the middle of something.
actor Gate {
  private var isOpen = false
  private var isEntered = false
  private var inside: [CheckedContinuation<Void, Never>] = []
  private var outside: [CheckedContinuation<Void, Never>] = []

  func pass() async {
    isEntered = true
    for one in outside { one.resume() }
    outside = []
    guard !isOpen else { return }
    await withCheckedContinuation { inside.append($0) }
  }

  /// Returns when somebody is inside.
  func entered() async {
    guard !isEntered else { return }
    await withCheckedContinuation { outside.append($0) }
  }

  func open() {
    isOpen = true
    for one in inside { one.resume() }
    inside = []
  }
}

/// Takes no snapshot, and says so.
struct NoSnapshots: SnapshotHook {
  func before(_ mandate: Mandate, scope: SnapshotName.Scope) async throws -> JSONObject { ["before": "nothing"] }
  func after(_ mandate: Mandate, scope: SnapshotName.Scope, succeeded: Bool) async throws -> JSONObject {
    ["after": .bool(succeeded)]
  }
}

/// The stable code of what is thrown; nil when nothing is.
func code(_ body: () async throws -> Void) async -> String? {
  do {
    try await body()
    return nil
  } catch let fault as FollowFault {
    return fault.code
  } catch let fault as MandateFault {
    return fault.code + (fault.field.map { " \($0)" } ?? "")
  } catch let fault as OperationFault {
    return fault.code
  } catch let refusal as DeskRefusal {
    switch refusal {
    case .busy: return "busy"
    case .churn: return "churn"
    case .noRunner: return "no_runner"
    case .broken: return "journal"
    }
  } catch SystemClient.Failure.refused(_, let code, _, _) {
    return code
  } catch let error as FieldError {
    return "field \(error.field)"
  } catch {
    return "\(error)"
  }
}

/// What a progress closure was told.
final class Seen: Sendable {
  private let values = Mutex<[JSON]>([])
  func add(_ value: JSON) { values.withLock { $0.append(value) } }
  var all: [JSON] { values.withLock { $0 } }
}
