import CLinux
import Glibc

/// Snapshots as read-only subvolumes: taken at one moment and in no time, whatever the size. The scope is a subvolume
/// itself. Subvolumes below it are refused, because no snapshot would hold them. Needs root.
public struct BtrfsSnapshots: SnapshotBackend {
  public let kind = SnapshotKind.btrfs
  public var scope: String { files.scope.path }
  public var store: String? { files.directory.path }
  private let files: SnapshotStore
  private let hook: SnapshotHook

  /// - Parameters:
  ///   - scope: a subvolume, see ``makeScope(_:)``.
  ///   - store: a directory of the same file system, neither inside the other. Made if it is absent.
  public init(scope: String, store: String, hook: @escaping SnapshotHook = { _ in }) throws(SnapshotFault) {
    let path = try ScopePath(scope)
    guard let directory = try path.parent.subdirectory(path.name), Self.isSubvolume(directory) else {
      throw .badPath(scope, reason: "no btrfs subvolume")
    }
    // Subvolumes have devices of their own, so that it is the parents that are compared.
    files = try SnapshotStore(scope: path, store: store)
    self.hook = hook
  }

  /// Makes a new, empty subvolume, for a scope that is to be snapshot.
  public static func makeScope(_ path: String) throws(SnapshotFault) {
    let scope = try ScopePath(path)
    let result = linux_btrfs_create(scope.parent.descriptor, scope.name)
    guard result == 0 else { throw .system("BTRFS_IOC_SUBVOL_CREATE", path, result) }
    try scope.parent.sync()
  }

  /// The root of every subvolume is inode 256 (BTRFS_FIRST_FREE_OBJECTID).
  static func isSubvolume(_ directory: OpenDirectory) -> Bool {
    linux_is_btrfs(directory.descriptor) == 1 && (try? directory.itself().inode) == 256
  }

  public func take(_ label: SnapshotLabel) throws(SnapshotFault) {
    guard try !files.contains(label) else { throw .exists(label) }
    guard let source = try files.scope.parent.subdirectory(files.scope.name) else {
      throw .badPath(scope, reason: "no directory")
    }
    try snapshot(source, as: SnapshotStore.taking, readOnly: true)
    try hook(.takeBuilt)
    try files.directory.syncFileSystem()
    try hook(.takeSynced)
    try files.publish(label)
    try hook(.takeNamed)
  }

  public func restore(
    _ label: SnapshotLabel, check: (String) throws(SnapshotFault) -> Void
  ) throws(SnapshotFault) {
    guard let source = try files.directory.subdirectory(label.text) else { throw .missing(label) }
    try snapshot(source, as: SnapshotStore.restoring, readOnly: false)
    try hook(.restoreBuilt)
    try check("\(files.directory.path)/\(SnapshotStore.restoring)")
    try hook(.restoreChecked)
    try files.directory.syncFileSystem()
    try hook(.restoreSynced)
    try files.exchange()
    try hook(.restoreExchanged)
    try TreeRemoval.remove(Array(SnapshotStore.restoring.utf8), in: files.directory)
    try hook(.restoreRemoved)
  }

  private func snapshot(_ source: OpenDirectory, as name: String, readOnly: Bool) throws(SnapshotFault) {
    try TreeRemoval.remove(Array(name.utf8), in: files.directory)
    let result = linux_btrfs_snapshot(source.descriptor, files.directory.descriptor, name, readOnly ? 1 : 0)
    guard result == 0 else { throw .system("BTRFS_IOC_SNAP_CREATE_V2", "\(files.directory.path)/\(name)", result) }
  }

  public func path(of label: SnapshotLabel) throws(SnapshotFault) -> String { try files.path(of: label) }
  public func list() throws(SnapshotFault) -> [SnapshotLabel] { try files.list() }
  public func remove(_ label: SnapshotLabel) throws(SnapshotFault) { try files.remove(label, hook: hook) }
  public func recover() throws(SnapshotFault) { try files.clear() }
}
