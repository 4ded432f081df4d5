import CanonicalJSON
import Governance

/// Keeps what an operation is about to change. Called before every operation whose ``Surface/snapshot`` says so; when it
/// throws, nothing is done.
public protocol SnapshotHook: Sendable {
  /// Takes the snapshot and returns its evidence, which becomes `snapshot` of the operation's result.
  func before(_ mandate: Mandate, scope: SnapshotName.Scope) async throws -> JSONObject

  /// Looks again after the operation, whatever its outcome; what it returns is added to the evidence.
  func after(_ mandate: Mandate, scope: SnapshotName.Scope, succeeded: Bool) async throws -> JSONObject

  /// The snapshots that are kept: one object for each, with `scope`, `name`, `digest`, `kind` and `at`, at most 1,024.
  func list() async throws -> [JSONObject]
}

extension SnapshotHook {
  /// None.
  public func list() async throws -> [JSONObject] { [] }
}
