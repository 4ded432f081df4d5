extension Catalogue {
  /// Snapshots and rollbacks by the size of the tree.
  static let snapshots: [Group] = ["1000", "10000", "50000", "100m", "1000m"].flatMap { size in
    let tree = size.hasSuffix("m") ? "8 files, \(size.dropLast()) MB" : "\(size) files of 2 KiB"
    return [
      Group(
        "snapshot by copying: \(tree)", unit: "snapshots", kind: .latency,
        ("snapshot-directory-take-\(size)/safebox", "Safebox, digested, durable"),
        ("snapshot-directory-take-\(size)/safebox-bare", "Safebox, without digests"),
        ("snapshot-directory-take-\(size)/cp", "cp -a and sync")),
      Group(
        "rollback by copying: \(tree)", unit: "rollbacks", kind: .latency,
        ("snapshot-directory-restore-\(size)/safebox", "Safebox, with evidence"),
        ("snapshot-directory-restore-\(size)/safebox-bare", "Safebox, without digests")),
      Group(
        "snapshot by btrfs: \(tree)", unit: "snapshots", kind: .latency,
        ("snapshot-btrfs-take-\(size)/safebox", "Safebox, digested, durable"),
        ("snapshot-btrfs-take-\(size)/safebox-bare", "Safebox, without digests"),
        ("snapshot-btrfs-take-\(size)/btrfs", "btrfs subvolume snapshot")),
      Group(
        "rollback by btrfs: \(tree)", unit: "rollbacks", kind: .latency,
        ("snapshot-btrfs-restore-\(size)/safebox", "Safebox, with evidence"),
        ("snapshot-btrfs-restore-\(size)/safebox-bare", "Safebox, without digests")),
    ]
  }
}
