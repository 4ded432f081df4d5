/// How the snapshots of one scope are made. A scope is a directory with everything below it; `restore` replaces it as a
/// whole. All methods block, for as long as copying the tree takes: call them on a thread of your own.
///
/// A method that throws may leave something half made under a name that is no label; ``recover()`` removes it. A crash
/// leaves no more than that: the scope is the old tree or the new one, and a label names a whole snapshot or none.
public protocol SnapshotBackend: Sendable {
  var kind: SnapshotKind { get }
  /// The directory that is snapshot: absolute, without links.
  var scope: String { get }
  /// Where its snapshots lie; nil where they lie in the file system itself.
  var store: String? { get }

  /// Takes a snapshot; durable on return. ``SnapshotFault/exists(_:)`` when the name is taken.
  func take(_ label: SnapshotLabel) throws(SnapshotFault)

  /// Makes the scope what the snapshot holds; durable on return. `check` is called with the path of the tree that
  /// is about to take the scope's place; nothing is replaced when it throws.
  func restore(_ label: SnapshotLabel, check: (_ path: String) throws(SnapshotFault) -> Void) throws(SnapshotFault)

  /// The path at which a snapshot's tree can be read.
  func path(of label: SnapshotLabel) throws(SnapshotFault) -> String

  /// The snapshots that there are, sorted.
  func list() throws(SnapshotFault) -> [SnapshotLabel]

  /// Removes a snapshot; ``SnapshotFault/missing(_:)`` when there is none.
  func remove(_ label: SnapshotLabel) throws(SnapshotFault)

  /// Removes what an interrupted operation left.
  func recover() throws(SnapshotFault)
}

/// The ways there are.
public enum SnapshotKind: String, Sendable, Hashable, CaseIterable {
  /// A copy beside; blocks are shared where the file system can (reflink).
  case directory
  /// A read-only subvolume.
  case btrfs
  /// A snapshot of a dataset.
  case zfs

  /// Whether the file system takes a snapshot at one moment. Where it does not, the tree must not change meanwhile,
  /// which is checked.
  public var isAtomic: Bool { self != .directory }
}

/// Where an operation can be interrupted by a test, which stands for a crash there: nothing that follows is done, and
/// nothing is tidied up.
public enum SnapshotStep: String, Sendable, Hashable, CaseIterable {
  /// The intention is in the index, and nothing else was done.
  case takeBegun
  /// The copy is complete, perhaps not yet on the disk.
  case takeBuilt
  case takeSynced
  /// The snapshot has its name, but no digest in the index.
  case takeNamed
  /// The tree that is to take the scope's place is complete beside it.
  case restoreBuilt
  case restoreChecked
  case restoreSynced
  /// The scope is the restored tree; the old one still lies beside it.
  case restoreExchanged
  case restoreRemoved
  /// Some of a removed snapshot may be left, under no label.
  case removeRenamed
}

/// Called at each step; throws to interrupt. Does nothing in operation.
public typealias SnapshotHook = @Sendable (SnapshotStep) throws(SnapshotFault) -> Void
