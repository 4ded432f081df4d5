import Glibc

/// Snapshots as copies beside the scope, on any file system; where it can share blocks between files (btrfs, XFS) a copy
/// takes room for names only. Taking one is not atomic: the keeper compares digests and refuses a copy of a tree that
/// changed meanwhile.
public struct DirectorySnapshots: SnapshotBackend {
  public let kind = SnapshotKind.directory
  public var scope: String { files.scope.path }
  public var store: String? { files.directory.path }
  private let files: SnapshotStore
  private let limits: TreeLimits
  private let hook: SnapshotHook

  /// - Parameters:
  ///   - scope: the directory; absolute, reached without a link.
  ///   - store: where the copies go: on the same file system, neither inside the other. Made if it is absent.
  public init(
    scope: String, store: String, limits: TreeLimits = TreeLimits(), hook: @escaping SnapshotHook = { _ in }
  ) throws(SnapshotFault) {
    files = try SnapshotStore(scope: ScopePath(scope), store: store)
    self.limits = limits
    self.hook = hook
  }

  public func take(_ label: SnapshotLabel) throws(SnapshotFault) {
    guard try !files.contains(label) else { throw .exists(label) }
    guard let source = try files.scope.parent.subdirectory(files.scope.name) else {
      throw .badPath(scope, reason: "no directory")
    }
    try build(SnapshotStore.taking, from: source)
    try hook(.takeBuilt)
    // One call for all files. On a failed write-back this reports it; the copy is then left without a label.
    try files.directory.syncFileSystem()
    try hook(.takeSynced)
    try files.publish(label)
    try hook(.takeNamed)
  }

  public func restore(
    _ label: SnapshotLabel, check: (String) throws(SnapshotFault) -> Void
  ) throws(SnapshotFault) {
    guard let source = try files.directory.subdirectory(label.text) else { throw .missing(label) }
    try build(SnapshotStore.restoring, from: source)
    try hook(.restoreBuilt)
    try check("\(files.directory.path)/\(SnapshotStore.restoring)")
    try hook(.restoreChecked)
    // Before the exchange: a crash after it must not find names without contents in the scope's place.
    try files.directory.syncFileSystem()
    try hook(.restoreSynced)
    try files.exchange()
    try hook(.restoreExchanged)
    try TreeRemoval.remove(Array(SnapshotStore.restoring.utf8), in: files.directory)
    try hook(.restoreRemoved)
  }

  private func build(_ name: String, from source: OpenDirectory) throws(SnapshotFault) {
    try TreeRemoval.remove(Array(name.utf8), in: files.directory)
    guard mkdirat(files.directory.descriptor, name, 0o700) == 0 else {
      throw .last("mkdirat", "\(files.directory.path)/\(name)")
    }
    guard let target = try files.directory.subdirectory(name) else {
      throw .system(call: "openat", subject: "\(files.directory.path)/\(name)", errno: ENOENT)
    }
    try TreeCopy.copy(source, to: target, limits: limits)
  }

  public func path(of label: SnapshotLabel) throws(SnapshotFault) -> String { try files.path(of: label) }
  public func list() throws(SnapshotFault) -> [SnapshotLabel] { try files.list() }
  public func remove(_ label: SnapshotLabel) throws(SnapshotFault) { try files.remove(label, hook: hook) }
  public func recover() throws(SnapshotFault) { try files.clear() }
}
