import CLinux
import Glibc

/// A scope and the directory beside it in which its snapshots lie, one name each. Names that begin with a dot are of
/// operations that are under way, or were when the machine stopped. Scope and store are on one file system, so that a
/// tree can be put in the scope's place in one step.
struct SnapshotStore: Sendable {
  /// The tree that takes the scope's place, and after the exchange the one that it had.
  static let restoring = ".restoring"
  static let taking = ".taking"
  private static let removing = ".removing-"

  let scope: ScopePath
  let directory: OpenDirectory

  /// Opens the store and makes it (mode 0700) if it is absent; what holds it must be there.
  init(scope: ScopePath, store: String) throws(SnapshotFault) {
    let path = try AbsolutePath.checked(store)
    guard !AbsolutePath.isInside(path, scope.path), !AbsolutePath.isInside(scope.path, path) else {
      throw .overlap(scope: scope.path, with: path)
    }
    self.scope = scope
    directory = try OpenDirectory.making(path)
    guard try directory.itself().device == scope.parent.itself().device else {
      throw .badPath(path, reason: "not on the file system of \(scope.path)")
    }
  }

  func contains(_ label: SnapshotLabel) throws(SnapshotFault) -> Bool { try directory.look(label.text) != nil }

  func path(of label: SnapshotLabel) throws(SnapshotFault) -> String {
    guard try contains(label) else { throw .missing(label) }
    return "\(directory.path)/\(label.text)"
  }

  func list() throws(SnapshotFault) -> [SnapshotLabel] {
    try directory.names(limit: 1 << 16).compactMap { SnapshotLabel(valid: $0.text) }.sorted()
  }

  /// Gives what was built its label.
  func publish(_ label: SnapshotLabel) throws(SnapshotFault) {
    let result = linux_rename_new(directory.descriptor, Self.taking, directory.descriptor, label.text)
    if result == -EEXIST { throw .exists(label) }
    guard result == 0 else { throw .system("renameat2", "\(directory.path)/\(label.text)", result) }
    try directory.sync()
  }

  /// Puts the restored tree in the scope's place. A crash leaves the one there or the other; the one that is not there is
  /// under ``restoring`` and is removed by the next ``clear()``.
  func exchange() throws(SnapshotFault) {
    let isThere = try scope.parent.look(scope.name) != nil
    let result =
      isThere
      ? linux_exchange(directory.descriptor, Self.restoring, scope.parent.descriptor, scope.name)
      : linux_rename_new(directory.descriptor, Self.restoring, scope.parent.descriptor, scope.name)
    guard result == 0 else { throw .system("renameat2", scope.path, result) }
    try scope.parent.sync()
    try directory.sync()
  }

  /// Takes the label away, then the tree: a crash in between leaves no half snapshot under a label.
  func remove(_ label: SnapshotLabel, hook: SnapshotHook) throws(SnapshotFault) {
    let hidden = Self.removing + label.text
    let result = linux_rename_new(directory.descriptor, label.text, directory.descriptor, hidden)
    if result == -ENOENT { throw .missing(label) }
    guard result == 0 else { throw .system("renameat2", "\(directory.path)/\(label.text)", result) }
    try directory.sync()
    try hook(.removeRenamed)
    try TreeRemoval.remove(Array(hidden.utf8), in: directory)
  }

  /// Removes what operations left that came to no end.
  func clear() throws(SnapshotFault) {
    for name in try directory.names(limit: 1 << 16) where name.first == UInt8(ascii: ".") {
      try TreeRemoval.remove(name, in: directory)
    }
  }
}
