import Foundation
import TestSupport
import Testing

@testable import Snapshots

/// What only btrfs does, on a real file system in a file.
@Suite(.enabled(if: BtrfsDisk.isAvailable, BtrfsDisk.absence))
struct BtrfsTests {
  @Test func snapshotsAreReadOnlySubvolumes() throws {
    let place = try Place(.btrfs, kind: .btrfs)
    let keeper = try place.keeper()
    try keeper.before("first", at: 0)
    let path = try keeper.backend.path(of: "first")
    #expect(open(path + "/new", O_WRONLY | O_CREAT, 0o600) == -1)
    #expect(errno == EROFS)
    let shown = try Subprocess.run("/usr/bin/env", ["btrfs", "subvolume", "show", path])
    #expect(shown.status == 0)
    #expect(String(decoding: shown.output, as: UTF8.self).contains("readonly"))
    // What takes its place can be written to.
    _ = try keeper.rollback("first")
    try SampleTree.write(place.scope + "/new", "x")
  }

  /// Root can make a snapshot writable; the digest still tells.
  @Test func anAlteredSubvolumeIsNotRestored() throws {
    let place = try Place(.btrfs, kind: .btrfs)
    let keeper = try place.keeper()
    let record = try keeper.before("first", at: 0)
    let path = try keeper.backend.path(of: "first")
    try BtrfsDisk.run("/usr/bin/env", ["btrfs", "property", "set", "-f", path, "ro", "false"])
    try SampleTree.write(path + "/etc/config", "one = 9\n", mode: 0o640)
    let found = try TreeDigest(of: path).digest
    #expect(throws: SnapshotFault.altered("first", recorded: record.digest, found: found)) {
      try keeper.rollback("first")
    }
    #expect(try place.leftovers() == [])
  }

  @Test func subvolumesInsideAreRefused() throws {
    let place = try Place(.btrfs, kind: .btrfs)
    try BtrfsSnapshots.makeScope(place.scope + "/inner")
    #expect(throws: SnapshotFault.otherFileSystem(path: "inner")) { try place.keeper().before("first", at: 0) }
    #expect(try place.keeper().backend.list() == [])
  }

  @Test func theKindIsFound() throws {
    let place = try Place(.btrfs, kind: .btrfs)
    #expect(try SnapshotDetection.kind(of: place.scope).kind == .btrfs)
    #expect(try SnapshotDetection.kind(of: place.log).kind == .directory)
    #expect(try SnapshotDetection.backend(scope: place.scope, store: place.store).kind == .btrfs)
    #expect(throws: SnapshotFault.badPath(place.log, reason: "no btrfs subvolume")) {
      try BtrfsSnapshots(scope: place.log, store: place.store)
    }
    let other = try Place()
    #expect(try SnapshotDetection.kind(of: other.scope).kind == .directory)
  }
}
