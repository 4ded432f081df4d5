import CLinux
import Glibc

/// Finds out which kind of snapshots a directory can have.
public enum SnapshotDetection {
  /// ZFS for a directory at which a dataset is mounted, btrfs for a subvolume, else copies. `dataset` names the dataset.
  public static func kind(of scope: String) throws(SnapshotFault) -> (kind: SnapshotKind, dataset: String?) {
    let path = try ScopePath(scope)
    guard let directory = try path.parent.subdirectory(path.name) else {
      throw .badPath(scope, reason: "no directory")
    }
    if BtrfsSnapshots.isSubvolume(directory) { return (.btrfs, nil) }
    let mounts = ProcFile.read("/proc/self/mountinfo") ?? ""
    if let dataset = zfsDataset(at: path.path, mounts: mounts) { return (.zfs, dataset) }
    return (.directory, nil)
  }

  /// The backend of that kind.
  ///
  /// - Parameter store: where the snapshots go, for those that lie in directories.
  public static func backend(scope: String, store: String) throws(SnapshotFault) -> any SnapshotBackend {
    let found = try kind(of: scope)
    switch (found.kind, found.dataset) {
    case (.zfs, let dataset?): return try ZFSSnapshots(scope: scope, dataset: dataset)
    case (.btrfs, _): return try BtrfsSnapshots(scope: scope, store: store)
    default: return try DirectorySnapshots(scope: scope, store: store)
    }
  }

  /// proc_pid_mountinfo(5): after ` - ` come type and source, which for ZFS is the dataset.
  static func zfsDataset(at path: String, mounts: String) -> String? {
    var dataset: String?
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 5, fields[4] == path, let dash = fields.firstIndex(of: "-"), dash + 2 < fields.count else {
        continue
      }
      // A later mount covers an earlier one.
      dataset = fields[dash + 1] == "zfs" ? String(fields[dash + 2]) : nil
    }
    return dataset
  }
}
