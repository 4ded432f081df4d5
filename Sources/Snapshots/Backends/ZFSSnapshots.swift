/// Snapshots of a ZFS dataset, through the `zfs` command with fixed arguments.
///
/// This has been held against what `zfs` was recorded to say; it has not run on a pool here. ZFS restores only a dataset's
/// latest snapshot: for an older one ``restore(_:check:)`` says which are in the way and removes none of them.
public struct ZFSSnapshots: SnapshotBackend {
  public let kind = SnapshotKind.zfs
  public let scope: String
  public let store: String? = nil
  /// As in `tank/safebox/models`.
  public let dataset: String
  private let runner: any CommandRunner
  private let hook: SnapshotHook

  /// The program; one path, so that nothing else can stand in for it.
  public static let program = "/usr/sbin/zfs"
  /// Snapshots of others in the same dataset are none of ours.
  static let prefix = "safebox-"

  /// - Parameters:
  ///   - scope: where the dataset is mounted.
  ///   - runner: how commands are run; ``ProgramRunner`` in operation.
  public init(
    scope: String, dataset: String, runner: any CommandRunner = ProgramRunner(seconds: 300),
    hook: @escaping SnapshotHook = { _ in }
  ) throws(SnapshotFault) {
    let parts = dataset.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard dataset.utf8.count <= 180, parts.allSatisfy({ SnapshotLabel(valid: String($0)?.lowercased() ?? "") != nil })
    else { throw .badPath(dataset, reason: "no name of a dataset") }
    self.scope = try AbsolutePath.plain(scope)
    self.dataset = dataset
    self.runner = runner
    self.hook = hook
    let mountpoint = try zfs("get", "-H", "-p", "-o", "value", "mountpoint", dataset)
    guard mountpoint == scope + "\n" else {
      throw .badPath(scope, reason: "\(dataset) is mounted at \(mountpoint.debugDescription)")
    }
  }

  private func name(_ label: SnapshotLabel) -> String { "\(dataset)@\(Self.prefix)\(label)" }

  public func take(_ label: SnapshotLabel) throws(SnapshotFault) {
    // Snapshots are taken at one moment and are on the disk when the command ends.
    do { _ = try zfs("snapshot", name(label)) } catch {
      if case .command(_, _, let output) = error, output.contains("dataset already exists") { throw .exists(label) }
      throw error
    }
    try hook(.takeNamed)
  }

  public func restore(
    _ label: SnapshotLabel, check: (String) throws(SnapshotFault) -> Void
  ) throws(SnapshotFault) {
    guard try list().contains(label) else { throw .missing(label) }
    try check(path(of: label))
    try hook(.restoreChecked)
    // Without -r, which would destroy every later snapshot, and without -f.
    _ = try zfs("rollback", name(label))
    try hook(.restoreExchanged)
  }

  public func path(of label: SnapshotLabel) throws(SnapshotFault) -> String {
    "\(scope)/.zfs/snapshot/\(Self.prefix)\(label)"
  }

  public func list() throws(SnapshotFault) -> [SnapshotLabel] {
    let output = try zfs("list", "-H", "-p", "-t", "snapshot", "-o", "name", "-d", "1", dataset)
    return output.split(separator: "\n").compactMap { line in
      guard line.hasPrefix("\(dataset)@\(Self.prefix)") else { return nil }
      return SnapshotLabel(valid: String(line.dropFirst(dataset.utf8.count + 1 + Self.prefix.utf8.count)))
    }.sorted()
  }

  public func remove(_ label: SnapshotLabel) throws(SnapshotFault) {
    do { _ = try zfs("destroy", name(label)) } catch {
      if case .command(_, _, let output) = error,
        output.contains("could not find any snapshots to destroy") || output.contains("dataset does not exist")
      {
        throw .missing(label)
      }
      throw error
    }
  }

  /// Nothing: no command leaves half a result.
  public func recover() {}

  private func zfs(_ arguments: String...) throws(SnapshotFault) -> String {
    let result = try runner.run(Self.program, arguments)
    guard result.status != 0 || result.isTimedOut else { return result.output }
    if result.output.contains("is busy") { throw .busy(arguments.last ?? dataset) }
    if result.output.contains("more recent snapshots or bookmarks exist") {
      // After two lines of explanation one name a line.
      throw .moreRecent(result.output.split(separator: "\n").dropFirst(2).map(String.init))
    }
    throw .command("zfs", status: result.status, output: String(result.output.prefix(2000)))
  }
}
