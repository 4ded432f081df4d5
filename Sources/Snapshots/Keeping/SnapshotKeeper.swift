import CLinux
import Cryptography
import Glibc

/// Takes and restores the snapshots of one scope, and can show what was restored. One operation at a time, also among
/// several keepers and processes: whoever comes second gets ``SnapshotFault/locked(path:)`` at once.
///
/// Every method blocks for as long as its trees take; call them on a thread of your own (``OwnThread``).
public struct SnapshotKeeper: Sendable {
  /// What a rollback does when somebody uses the scope.
  public enum InUse: Sendable, Hashable {
    /// ``SnapshotFault/inUse(_:)``; nothing is changed.
    case refuse
    /// Restores all the same: whoever has the old tree open goes on with it and is not served by the new one.
    case restoreAnyway
  }

  public let backend: any SnapshotBackend
  private let directory: OpenDirectory
  private let name: String
  private let forbidden: [String]
  private let limits: TreeLimits
  private let hook: SnapshotHook

  public var kind: SnapshotKind { backend.kind }
  public var scope: String { backend.scope }

  /// - Parameters:
  ///   - index: file in which the digests are kept; its directory is there. Not in the scope and not in a snapshot.
  ///   - log: the log's directory. A scope that holds it, or lies in it, is refused: no rollback rewinds the log.
  ///   - apart: further paths for which the same holds, such as the journal.
  public init(
    _ backend: any SnapshotBackend, index: String, log: String, apart: [String] = [], limits: TreeLimits = TreeLimits(),
    hook: @escaping SnapshotHook = { _ in }
  ) throws(SnapshotFault) {
    self.backend = backend
    self.limits = limits
    self.hook = hook
    let index = try AbsolutePath.checked(index)
    guard let slash = index.lastIndex(of: "/"), slash != index.startIndex else {
      throw .badPath(index, reason: "no place for an index")
    }
    directory = try OpenDirectory(opening: String(index[..<slash]))
    name = String(index[index.index(after: slash)...])
    guard SnapshotLabel(valid: name) != nil else { throw .badPath(index, reason: "no name for an index") }
    if let store = backend.store, AbsolutePath.isInside(index, store) { throw .overlap(scope: store, with: index) }
    forbidden = [log] + apart
    try checkPlaces()
  }

  /// Takes a snapshot before an action, and digests it. Durable on return.
  ///
  /// - Parameter at: Unix milliseconds, for the record.
  /// - Throws: ``SnapshotFault/exists(_:)``; ``SnapshotFault/changed(path:)`` when the tree did not hold still and the
  ///   backend is not atomic, then no snapshot is left.
  @discardableResult
  public func before(_ label: SnapshotLabel, at: Int64) throws(SnapshotFault) -> SnapshotRecord {
    try locked { (index: inout SnapshotIndex) throws(SnapshotFault) in
      guard index[label] == nil, try !backend.list().contains(label) else { throw .exists(label) }
      guard index.records.count < SnapshotIndex.limit else { throw .full(limit: SnapshotIndex.limit) }
      index.begin(label)
      try write(index)
      try hook(.takeBegun)
      let live = kind.isAtomic ? nil : try TreeDigest(of: scope, limits: limits)
      try backend.take(label)
      let tree = try TreeDigest(of: backend.path(of: label), limits: limits)
      if let live, live != tree { throw .changed(path: "") }
      let record = SnapshotRecord(
        label: label, digest: tree.digest, entries: tree.entries, bytes: tree.bytes, takenAt: at)
      index.add(record)
      try write(index)
      return record
    }
  }

  /// Makes the scope again what it was when the snapshot was taken, and proves it.
  ///
  /// The tree is digested before it takes the scope's place and once more there: a snapshot that was altered is refused
  /// with ``SnapshotFault/altered(_:recorded:found:)`` and the scope stays as it is.
  public func rollback(_ label: SnapshotLabel, inUse: InUse = .refuse) throws(SnapshotFault) -> RollbackEvidence {
    try locked { (index: inout SnapshotIndex) throws(SnapshotFault) in
      guard let record = index[label] else {
        throw try backend.list().contains(label) ? .unrecorded(label) : .missing(label)
      }
      if inUse == .refuse {
        let uses = try TreeUse.find(scope)
        guard uses.isEmpty else { throw .inUse(uses) }
      }
      // A tree that an action has ruined beyond reading is no reason to keep it.
      let after = try? TreeDigest(of: scope, limits: limits).digest
      try backend.restore(label) { (path) throws(SnapshotFault) in
        let found = try TreeDigest(of: path, limits: limits).digest
        guard found == record.digest else { throw .altered(label, recorded: record.digest, found: found) }
      }
      let restored = try TreeDigest(of: scope, limits: limits).digest
      guard restored == record.digest else { throw .notRestored(label, recorded: record.digest, found: restored) }
      return RollbackEvidence(label: label, before: record.digest, after: after, restored: restored)
    }
  }

  /// The snapshots that there are and whose digests are known, the oldest first.
  public func list() throws(SnapshotFault) -> [SnapshotRecord] {
    try locked { (index: inout SnapshotIndex) throws(SnapshotFault) in
      let present = Set(try backend.list())
      return index.records.filter { present.contains($0.label) }.sorted {
        ($0.takenAt, $0.label) < ($1.takenAt, $1.label)
      }
    }
  }

  /// Removes a snapshot. ``SnapshotFault/pinned(_:)`` when it is.
  public func remove(_ label: SnapshotLabel) throws(SnapshotFault) {
    try locked { (index: inout SnapshotIndex) throws(SnapshotFault) in try remove(label, &index) }
  }

  /// Pins a snapshot, or lets it go.
  public func pin(_ label: SnapshotLabel, _ isPinned: Bool = true) throws(SnapshotFault) {
    try locked { (index: inout SnapshotIndex) throws(SnapshotFault) in
      guard index[label] != nil else { throw .missing(label) }
      index.pin(label, isPinned)
      try write(index)
    }
  }

  /// Removes what the policy lets go; says what was removed.
  public func prune(_ policy: RetentionPolicy) throws(SnapshotFault) -> [SnapshotLabel] {
    try locked { (index: inout SnapshotIndex) throws(SnapshotFault) in
      let labels = policy.removable(index.records)
      for label in labels { try remove(label, &index) }
      return labels
    }
  }

  /// Digest of the scope as it is.
  public func digest() throws(SnapshotFault) -> TreeDigest { try TreeDigest(of: scope, limits: limits) }

  /// Removes what an interrupted operation left. Every other method does it first.
  public func recover() throws(SnapshotFault) { try locked { (_: inout SnapshotIndex) throws(SnapshotFault) in } }

  // MARK: under the lock

  private func remove(_ label: SnapshotLabel, _ index: inout SnapshotIndex) throws(SnapshotFault) {
    guard let record = index[label] else { throw .missing(label) }
    guard !record.isPinned else { throw .pinned(label) }
    // The snapshot first: a record without a snapshot is passed over, a snapshot without a record would stay for ever.
    do { try backend.remove(label) } catch SnapshotFault.missing {}
    index.remove(label)
    try write(index)
  }

  private func write(_ index: SnapshotIndex) throws(SnapshotFault) {
    try index.write(name, in: directory, scope: scope)
  }

  private func locked<Result>(
    _ body: (inout SnapshotIndex) throws(SnapshotFault) -> Result
  ) throws(SnapshotFault) -> Result {
    let path = "\(directory.path)/\(name).lock"
    // Never removed: removing it would let two in.
    let lock = openat(directory.descriptor, "\(name).lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard lock >= 0 else { throw .last("openat", path) }
    defer { close(lock) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      throw errno == EWOULDBLOCK ? .locked(path: path) : .last("flock", path)
    }
    // Not by closing alone: a child that another thread is just starting holds the same open file until its exec.
    defer { flock(lock, LOCK_UN) }
    try checkPlaces()
    var index = try SnapshotIndex.read(name, in: directory, scope: scope)
    try settle(&index)
    do { return try body(&index) } catch {
      if case .interrupted = error { throw error }
      // Room on the disk, if nothing else; what fails here is tried again by the next operation.
      try? settle(&index)
      throw error
    }
  }

  /// Makes an end of what was interrupted.
  private func settle(_ index: inout SnapshotIndex) throws(SnapshotFault) {
    try backend.recover()
    guard let pending = index.pending else { return }
    do { try backend.remove(pending) } catch SnapshotFault.missing {}
    index.giveUp()
    try write(index)
  }

  /// The log and the index lie outside the scope, by what the directories are and not by what their paths say: a link
  /// or a second mount of the scope would not be seen in the text.
  private func checkPlaces() throws(SnapshotFault) {
    _ = try AbsolutePath.checked(scope)
    // After an interrupted action there may be none; a rollback makes it again.
    let inside = access(scope, F_OK) == 0 ? try OpenDirectory(opening: scope).itself() : nil
    for path in forbidden + [directory.path] {
      let real = try AbsolutePath.realPath(path)
      guard !AbsolutePath.isInside(real, scope) else { throw .overlap(scope: scope, with: path) }
      guard path == directory.path || !AbsolutePath.isInside(scope, real) else {
        throw .overlap(scope: scope, with: path)
      }
      if let inside, try Self.chain(real).contains(where: { $0.inode == inside.inode && $0.device == inside.device }) {
        throw .overlap(scope: scope, with: path)
      }
    }
  }

  /// What a path is and what holds it, up to the root.
  private static func chain(_ path: String) throws(SnapshotFault) -> [linux_node] {
    var nodes: [linux_node] = []
    var place = path
    while true {
      var node = linux_node()
      let result = place.withCString { linux_look(AT_FDCWD, $0, &node) }
      guard result == 0 else { throw .system("fstatat", place, result) }
      nodes.append(node)
      guard let slash = place.lastIndex(of: "/"), place != "/" else { return nodes }
      place = slash == place.startIndex ? "/" : String(place[..<slash])
    }
  }
}
