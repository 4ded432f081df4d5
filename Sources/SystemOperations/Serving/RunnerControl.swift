import CanonicalJSON
import Governance

/// The runners as the composition supervises them, for the routes under `/v1/runners`. Names have been checked, and
/// ``restart(_:)`` is called only for a runner that ought to run by the log.
public protocol RunnerControl: Sendable {
  /// One object for each runner, sorted by name, at most 64.
  func list() async -> [JSONObject]
  /// The newest `bytes` (at most 1 MiB) of a runner's output; nil for one that has none.
  func log(_ name: String, tail bytes: Int) async throws -> [UInt8]?
  /// Stops and starts a runner.
  func restart(_ runner: ApprovedRunner, serving model: ApprovedModel) async throws -> JSONObject
}
