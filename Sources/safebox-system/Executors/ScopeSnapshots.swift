import CanonicalJSON
import Glibc
import Governance
import Snapshots
import SystemOperations

/// The snapshots of the three scopes, taken before operations and on order, and rolled back on order.
struct ScopeSnapshots: SystemOperations.SnapshotHook {
  let keepers: [SnapshotName.Scope: SnapshotKeeper]
  private let retention: RetentionPolicy
  private let never: Set<String>
  private let clock: @Sendable () -> Int64

  init(root: String, settings: OperatorSettings, clock: @escaping @Sendable () -> Int64) throws {
    retention = settings.retention
    never = settings.withoutSnapshots
    self.clock = clock
    var keepers: [SnapshotName.Scope: SnapshotKeeper] = [:]
    for scope in SnapshotName.Scope.allCases {
      let path = "\(root)/\(scope.rawValue)"
      let store = "\(root)/snapshots/\(scope.rawValue)"
      keepers[scope] = try SnapshotKeeper(
        try SnapshotDetection.backend(scope: path, store: store), index: "\(root)/snapshots/\(scope.rawValue).json",
        log: "\(root)/log", apart: ["\(root)/journal"])
    }
    self.keepers = keepers
  }

  /// The name of the snapshot before an operation: that of its proposal, so that it is found from the log.
  static func label(before mandate: Mandate) throws(SnapshotFault) -> SnapshotLabel {
    try SnapshotLabel("before-\(mandate.proposal.hex.prefix(32))")
  }

  func before(_ mandate: Mandate, scope: SnapshotName.Scope) async throws -> JSONObject {
    // Whoever installs packages takes the snapshot at the moment that counts, and goes back to it when it fails.
    if mandate.operation == .installPackages { return ["by": "package.install"] }
    guard !never.contains(scope.rawValue) else { return ["scope": .string(scope.rawValue), "taken": false] }
    let keeper = try keeper(scope)
    let (retention, at) = (retention, clock())
    let label = try Self.label(before: mandate)
    let record = try await OwnThread.run { () throws(SnapshotFault) in
      do throws(SnapshotFault) {
        let record = try keeper.before(label, at: at)
        _ = try keeper.prune(retention)
        return record
      } catch .exists {
        // It was interrupted after it had taken it.
        guard let record = try keeper.list().first(where: { $0.label == label }) else { throw .missing(label) }
        return record
      }
    }
    return [
      "scope": .string(scope.rawValue), "name": .string(label.text), "before": .string(record.digest.hex),
      "kind": .string(keeper.kind.rawValue),
    ]
  }

  func after(_ mandate: Mandate, scope: SnapshotName.Scope, succeeded: Bool) async throws -> JSONObject {
    guard mandate.operation != .installPackages, !never.contains(scope.rawValue) else { return [:] }
    let keeper = try keeper(scope)
    let digest = try await OwnThread.run { () throws(SnapshotFault) in try keeper.digest().digest }
    return ["after": .string(digest.hex)]
  }

  func list() async throws -> [JSONObject] {
    var all: [JSONObject] = []
    for scope in SnapshotName.Scope.allCases {
      let keeper = try keeper(scope)
      let records = try await OwnThread.run { () throws(SnapshotFault) in try keeper.list() }
      all += records.map { record in
        [
          "scope": .string(scope.rawValue), "name": .string(record.label.text), "digest": .string(record.digest.hex),
          "kind": .string(keeper.kind.rawValue), "at": .integer(record.takenAt), "bytes": .integer(record.bytes),
          "entries": .integer(Int64(record.entries)),
        ]
      }
    }
    return all
  }

  func keeper(_ scope: SnapshotName.Scope) throws(OperationFault) -> SnapshotKeeper {
    guard let keeper = keepers[scope] else {
      throw OperationFault(code: "snapshot.scope", detail: "\(scope.rawValue) has no snapshots")
    }
    return keeper
  }
}

/// `snapshot.create`.
struct SnapshotCreation: OperationExecutor {
  let snapshots: ScopeSnapshots
  let clock: @Sendable () -> Int64

  func examine(_ mandate: Mandate) throws {
    guard case .createSnapshot(let name) = mandate.order else {
      throw OperationFault(code: "order", detail: "it is no snapshot")
    }
    _ = try snapshots.keeper(name.scope)
    // Those are taken by themselves, and rolled back to by their proposals' names.
    guard !name.name.hasPrefix("before-") else {
      throw OperationFault(
        code: "snapshot.name", field: "params.name", detail: "names that begin with before- are taken")
    }
  }

  func perform(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> JSONObject {
    try await take(mandate, mayExist: false)
  }

  func reconcile(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> Reconciliation {
    .executed(try await take(mandate, mayExist: true))
  }

  private func take(_ mandate: Mandate, mayExist: Bool) async throws -> JSONObject {
    guard case .createSnapshot(let name) = mandate.order else { return [:] }
    let (keeper, at) = (try snapshots.keeper(name.scope), clock())
    do {
      let record = try await OwnThread.run { () throws(SnapshotFault) in
        let label = try SnapshotLabel(name.name)
        do throws(SnapshotFault) {
          let record = try keeper.before(label, at: at)
          // Whoever ordered it wants it kept.
          try keeper.pin(label)
          return record
        } catch .exists where mayExist {
          try keeper.pin(label)
          guard let record = try keeper.list().first(where: { $0.label == label }) else { throw .missing(label) }
          return record
        }
      }
      return ["scope": .string(name.scope.rawValue), "snapshot": record.json, "kind": .string(keeper.kind.rawValue)]
    } catch {
      throw OperationFault(code: "snapshot", detail: "\(error)")
    }
  }
}

/// `snapshot.rollback`. The log is in no scope: what was decided and done stays in it.
struct SnapshotRollback: OperationExecutor {
  let snapshots: ScopeSnapshots

  func examine(_ mandate: Mandate) throws {
    guard case .rollBack(let name) = mandate.order else {
      throw OperationFault(code: "order", detail: "it is no rollback")
    }
    _ = try snapshots.keeper(name.scope)
  }

  func perform(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> JSONObject {
    guard case .rollBack(let name) = mandate.order else { return [:] }
    let keeper = try snapshots.keeper(name.scope)
    do {
      // A runner goes on with the files that it has open, which are those that it was started with.
      let evidence = try await OwnThread.run { () throws(SnapshotFault) in
        try keeper.rollback(SnapshotLabel(name.name), inUse: .restoreAnyway)
      }
      return ["scope": .string(name.scope.rawValue), "rollback": evidence.json]
    } catch {
      throw OperationFault(code: "snapshot", detail: "\(error)")
    }
  }

  /// The scope is the old tree or the restored one; restoring it once more is restoring it.
  func reconcile(_ mandate: Mandate, progress: @escaping @Sendable (JSON) -> Void) async throws -> Reconciliation {
    .executed(try await perform(mandate, progress: progress))
  }
}
