import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Snapshots

/// The commands that are given to `zfs`, and what is made of what it was recorded to say. No pool is behind it.
struct ZFSTests {
  /// Answers one command after the other, and keeps what it was asked.
  private final class Recorded: CommandRunner {
    private let answers: Mutex<[CommandResult]>
    private let asked = Mutex<[String]>([])

    init(_ answers: (Int32, String)...) {
      self.answers = Mutex(
        [CommandResult(status: 0, output: "/tank/models\n")] + answers.map { .init(status: $0.0, output: $0.1) })
    }

    var commands: [String] { asked.withLock { Array($0.dropFirst()) } }

    func run(_ path: String, _ arguments: [String]) throws(SnapshotFault) -> CommandResult {
      asked.withLock { $0.append(([path] + arguments).joined(separator: " ")) }
      guard let answer = answers.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
        throw .command(path, status: -1, output: "nothing recorded for \(arguments)")
      }
      return answer
    }
  }

  private static let list = """
    tank/models@autosnap_2026-01-01_00:00:02_daily
    tank/models@safebox-first
    tank/models@safebox-second
    tank/models@safebox-

    """

  @Test func commandsAreFixed() throws {
    let recorded = Recorded((0, ""), (0, Self.list), (0, Self.list), (0, ""), (0, ""))
    let zfs = try ZFSSnapshots(scope: "/tank/models", dataset: "tank/models", runner: recorded)
    try zfs.take("first")
    #expect(try zfs.list() == ["first", "second"])
    var checked: [String] = []
    try zfs.restore("second") { checked.append($0) }
    #expect(checked == ["/tank/models/.zfs/snapshot/safebox-second"])
    try zfs.remove("first")
    #expect(
      recorded.commands == [
        "/usr/sbin/zfs snapshot tank/models@safebox-first",
        "/usr/sbin/zfs list -H -p -t snapshot -o name -d 1 tank/models",
        "/usr/sbin/zfs list -H -p -t snapshot -o name -d 1 tank/models",
        "/usr/sbin/zfs rollback tank/models@safebox-second",
        "/usr/sbin/zfs destroy tank/models@safebox-first",
      ])
  }

  @Test func aRefusedCheckRollsNothingBack() throws {
    let recorded = Recorded((0, Self.list))
    let zfs = try ZFSSnapshots(scope: "/tank/models", dataset: "tank/models", runner: recorded)
    #expect(throws: SnapshotFault.badLabel("x")) {
      try zfs.restore("second") { (_) throws(SnapshotFault) in throw .badLabel("x") }
    }
    #expect(recorded.commands.count == 1)
  }

  @Test func moreRecentSnapshotsAreNamedAndKept() throws {
    let recorded = Recorded(
      (0, Self.list),
      (
        1,
        """
        cannot rollback to 'tank/models@safebox-first': more recent snapshots or bookmarks exist
        use '-r' to force deletion of the following snapshots and bookmarks:
        tank/models@safebox-second
        tank/models#mark

        """
      ))
    let zfs = try ZFSSnapshots(scope: "/tank/models", dataset: "tank/models", runner: recorded)
    #expect(throws: SnapshotFault.moreRecent(["tank/models@safebox-second", "tank/models#mark"])) {
      try zfs.restore("first") { _ in }
    }
  }

  @Test(arguments: [
    "cannot destroy snapshot tank/models@safebox-first: dataset is busy\n",
    "cannot destroy 'tank/models@safebox-first': dataset is busy\n",
    "cannot unmount '/tank/models': target is busy\n",
    "cannot unmount '/tank/models': pool or dataset is busy\n",
  ])
  func busyIsSaid(_ output: String) throws {
    let zfs = try ZFSSnapshots(scope: "/tank/models", dataset: "tank/models", runner: Recorded((1, output)))
    #expect(throws: SnapshotFault.busy("tank/models@safebox-first")) { try zfs.remove("first") }
  }

  @Test func takenNamesAndAbsentOnesAreSaid() throws {
    let taken = Recorded((1, "cannot create snapshot 'tank/models@safebox-first': dataset already exists\n"))
    #expect(throws: SnapshotFault.exists("first")) {
      try ZFSSnapshots(scope: "/tank/models", dataset: "tank/models", runner: taken).take("first")
    }
    let absent = Recorded((1, "could not find any snapshots to destroy; check snapshot names.\n"))
    #expect(throws: SnapshotFault.missing("first")) {
      try ZFSSnapshots(scope: "/tank/models", dataset: "tank/models", runner: absent).remove("first")
    }
    let empty = Recorded((0, ""))
    #expect(throws: SnapshotFault.missing("first")) {
      try ZFSSnapshots(scope: "/tank/models", dataset: "tank/models", runner: empty).restore("first") { _ in }
    }
  }

  @Test func otherFailuresAreShownAsTheyAre() throws {
    let output = "The ZFS modules are not loaded.\nTry running '/sbin/modprobe zfs' as root to load them.\n"
    let zfs = try ZFSSnapshots(scope: "/tank/models", dataset: "tank/models", runner: Recorded((1, output)))
    #expect(throws: SnapshotFault.command("zfs", status: 1, output: output)) { try zfs.take("first") }
  }

  @Test(arguments: [
    "", "tank/", "/tank", "tank//models", "tank@x", "-r", "tank/../x", "tank models", "tank/mod\nels", "tank/%s",
  ])
  func datasetsAreNames(_ dataset: String) throws {
    #expect(throws: SnapshotFault.badPath(dataset, reason: "no name of a dataset")) {
      try ZFSSnapshots(scope: "/tank/models", dataset: dataset, runner: Recorded())
    }
  }

  @Test func theDatasetIsMountedThere() throws {
    #expect(throws: SnapshotFault.badPath("/tank/other", reason: "tank/models is mounted at \"/tank/models\\n\"")) {
      try ZFSSnapshots(scope: "/tank/other", dataset: "tank/models", runner: Recorded())
    }
  }

  @Test func datasetsAreFoundAmongTheMounts() {
    let mounts = """
      22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
      40 22 0:45 / /tank/models rw,relatime shared:9 - zfs tank/models rw,xattr,noacl
      41 22 0:46 / /tank/covered rw - zfs tank/covered rw
      42 41 0:47 / /tank/covered rw - tmpfs tmpfs rw

      """
    #expect(SnapshotDetection.zfsDataset(at: "/tank/models", mounts: mounts) == "tank/models")
    #expect(SnapshotDetection.zfsDataset(at: "/tank/covered", mounts: mounts) == nil)
    #expect(SnapshotDetection.zfsDataset(at: "/tank", mounts: mounts) == nil)
  }
}
