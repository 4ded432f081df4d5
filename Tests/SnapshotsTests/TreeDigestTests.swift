import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Snapshots

/// The digest is what its description says, changes with everything that it covers, and is given for no tree that moves.
struct TreeDigestTests {
  /// Built from the description of the format alone.
  @Test func formatIsAsDescribed() throws {
    let directory = try TemporaryDirectory()
    let tree = directory.file("tree")
    try FileManager.default.createDirectory(atPath: tree + "/d", withIntermediateDirectories: true)
    try SampleTree.write(tree + "/d/f", "hello", mode: 0o4640)
    try SampleTree.write(tree + "/d.x", "", mode: 0o600)
    try FileManager.default.createSymbolicLink(atPath: tree + "/l", withDestinationPath: "d/f")
    try SampleTree.check(chmod(tree, 0o750), "chmod")
    try SampleTree.check(chmod(tree + "/d", 0o1777), "chmod")
    func number(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    func head(_ type: Character, _ path: String, _ mode: UInt32) -> [UInt8] {
      [type.asciiValue ?? 0] + number(UInt32(path.utf8.count)) + Array(path.utf8) + number(mode) + number(geteuid())
        + number(getegid())
    }
    var message = Array("safebox tree v1\n".utf8)
    message += head("d", "", 0o750) + number(0)
    message += head("d", "d", 0o1777) + number(0)
    // A full stop sorts before a slash.
    message += head("f", "d.x", 0o600) + number(0) + number(0) + SHA256.hash([]).bytes + number(0)
    message += head("f", "d/f", 0o4640) + number(0) + number(5) + SHA256.hash(utf8: "hello").bytes + number(0)
    message += head("l", "l", 0o777) + number(3) + Array("d/f".utf8) + number(0)
    let found = try TreeDigest(of: tree)
    #expect(found.digest == SHA256.hash(message))
    #expect(found.entries == 5)
    #expect(found.bytes == 5)
  }

  enum Change: String, CaseIterable {
    case content, contentOfSameSize, permissions, setid, name, target, added, removed, typeOf, directory, swap,
      attribute
    case owner, device
  }

  @Test(arguments: Change.allCases)
  func everyChangeIsSeen(_ change: Change) throws {
    if !SampleTree.isRoot, change == .owner || change == .device { return }
    let directory = try TemporaryDirectory()
    let tree = directory.file("tree")
    try SampleTree.make(tree)
    let before = try TreeDigest(of: tree)
    #expect(try TreeDigest(of: tree) == before)
    let files = FileManager.default
    switch change {
    case .content: try SampleTree.write(tree + "/empty", "x", mode: 0o600)
    case .contentOfSameSize: try SampleTree.write(tree + "/etc/config", "one = 2\n", mode: 0o640)
    case .permissions: try SampleTree.check(chmod(tree + "/etc/config", 0o644), "chmod")
    case .setid: try SampleTree.check(chmod(tree + "/run.sh", 0o755), "chmod")
    case .name: try files.moveItem(atPath: tree + "/empty", toPath: tree + "/Empty")
    case .target:
      try files.removeItem(atPath: tree + "/link")
      try files.createSymbolicLink(atPath: tree + "/link", withDestinationPath: "etc/confih")
    case .added: try SampleTree.write(tree + "/etc/deep/er/more", "")
    case .removed: try files.removeItem(atPath: tree + "/empty")
    case .typeOf:
      try files.removeItem(atPath: tree + "/empty")
      try SampleTree.check(mkfifo(tree + "/empty", 0o600), "mkfifo")
    case .directory: try files.createDirectory(atPath: tree + "/etc/none", withIntermediateDirectories: false)
    case .swap:
      try files.moveItem(atPath: tree + "/empty", toPath: tree + "/x")
      try files.moveItem(atPath: tree + "/run.sh", toPath: tree + "/empty")
      try files.moveItem(atPath: tree + "/x", toPath: tree + "/run.sh")
    case .attribute:
      guard Subprocess.find("setfattr") != nil else { return }
      try SampleTree.attribute("user.note", "changed", of: tree + "/etc/config")
    case .owner: try SampleTree.check(lchown(tree + "/link", 5, 5), "lchown")
    case .device:
      try files.removeItem(atPath: tree + "/null")
      try SampleTree.check(mknod(tree + "/null", S_IFCHR | 0o666, (1 << 8) | 5), "mknod")
    }
    #expect(try TreeDigest(of: tree).digest != before.digest)
  }

  @Test func timesAndHardLinksAreNotPartOfIt() throws {
    let directory = try TemporaryDirectory()
    let tree = directory.file("tree")
    try SampleTree.make(tree)
    let before = try TreeDigest(of: tree)
    var times = [timespec(tv_sec: 5, tv_nsec: 0), timespec(tv_sec: 6, tv_nsec: 0)]
    try SampleTree.check(utimensat(AT_FDCWD, tree + "/run.sh", &times, 0), "utimensat")
    #expect(try TreeDigest(of: tree) == before)
  }

  enum Meanwhile: String, CaseIterable { case append, rewrite, permissions, add, remove, exchange, linkForDirectory }

  /// What is changed after it was read is noticed, also where the time of the last change of content is set back.
  @Test(arguments: Meanwhile.allCases)
  func aTreeThatMovesHasNoDigest(_ change: Meanwhile) throws {
    let directory = try TemporaryDirectory()
    let tree = directory.file("tree")
    try SampleTree.make(tree)
    let root = try OpenDirectory(opening: tree)
    let fault = #expect(throws: SnapshotFault.self) {
      _ = try TreeDigest(of: root, limits: TreeLimits()) {
        switch change {
        case .append: _ = try? SampleTree.write(tree + "/empty", "x", mode: 0o600)
        case .rewrite:
          var status = stat()
          guard stat(tree + "/etc/config", &status) == 0 else { return }
          let file = open(tree + "/etc/config", O_WRONLY)
          _ = pwrite(file, "two", 3, 0)
          var times = [status.st_atim, status.st_mtim]
          futimens(file, &times)
          close(file)
        case .permissions: _ = chmod(tree + "/run.sh", 0o755)
        case .add: _ = try? SampleTree.write(tree + "/etc/added", "x")
        case .remove: unlink(tree + "/link")
        case .exchange:
          rename(tree + "/etc/deep", tree + "/etc/moved")
          _ = try? FileManager.default.createDirectory(atPath: tree + "/etc/deep", withIntermediateDirectories: false)
        case .linkForDirectory:
          rename(tree + "/etc/deep", directory.path + "/deep")
          symlink(directory.path + "/deep", tree + "/etc/deep")
        }
      }
    }
    guard case .changed = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
  }

  @Test func limitsAreKept() throws {
    let directory = try TemporaryDirectory()
    let tree = directory.file("tree")
    try FileManager.default.createDirectory(atPath: tree + "/a/b/c", withIntermediateDirectories: true)
    for number in 0..<10 { try SampleTree.write(tree + "/f\(number)", "") }
    #expect(try TreeDigest(of: tree, limits: TreeLimits(entries: 14, depth: 4)).entries == 14)
    #expect(throws: SnapshotFault.tooLarge(what: "levels", limit: 3)) {
      try TreeDigest(of: tree, limits: TreeLimits(depth: 3))
    }
    for limit in 1..<14 {
      #expect(throws: SnapshotFault.self) { try TreeDigest(of: tree, limits: TreeLimits(entries: limit)) }
    }
    #expect(throws: SnapshotFault.tooLarge(what: "bytes in a path", limit: 4)) {
      try TreeDigest(of: tree, limits: TreeLimits(pathBytes: 4))
    }
  }

  /// A link is what it says, not what it points to; and the root itself must be no link.
  @Test func linksAreNotFollowed() throws {
    let directory = try TemporaryDirectory()
    let tree = directory.file("tree")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: false)
    try SampleTree.write(directory.file("outside"), "one")
    try FileManager.default.createSymbolicLink(atPath: tree + "/l", withDestinationPath: "../outside")
    try FileManager.default.createSymbolicLink(atPath: directory.file("way"), withDestinationPath: "tree")
    let before = try TreeDigest(of: tree)
    try SampleTree.write(directory.file("outside"), "two")
    #expect(try TreeDigest(of: tree) == before)
    #expect(throws: SnapshotFault.system(call: "open", subject: directory.file("way"), errno: ENOTDIR)) {
      try TreeDigest(of: directory.file("way"))
    }
  }

  @Test(.enabled(if: SampleTree.isRoot, "mounting needs root"))
  func mountsInsideAreRefused() throws {
    let directory = try TemporaryDirectory()
    let tree = directory.file("tree")
    try FileManager.default.createDirectory(atPath: tree + "/m", withIntermediateDirectories: true)
    try BtrfsDisk.run("/bin/mount", ["-t", "tmpfs", "none", tree + "/m"])
    defer { _ = try? Subprocess.run("/bin/umount", [tree + "/m"]) }
    #expect(throws: SnapshotFault.otherFileSystem(path: "m")) { try TreeDigest(of: tree) }
  }
}
