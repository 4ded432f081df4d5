import SystemOperations

/// Which operation is carried out by what: the composition point. An operation that is not in the table answers
/// `not_available`.
struct Executors: Sendable {
  let table: [Operation: any OperationExecutor]
  let snapshots: (any SnapshotHook)?
  let runners: (any RunnerControl)?

  init(_ configuration: SystemConfiguration, root: AnchoredDirectory) throws {
    table = [.createDirectory: try DirectoryCreation(root: root)]
    snapshots = nil
    runners = nil
  }

  /// Starts the runners that ought to run by the log, after everything interrupted was brought to an end.
  func start(_ standing: OperationDesk.Standing) async throws {}

  /// Stops what would outlive this process.
  func stop() async {}
}
