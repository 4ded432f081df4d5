import Foundation
import Synchronization
import TestSupport
import Testing

/// A btrfs file system in a file, on a loop device; gone with the last reference.
final class BtrfsDisk: Sendable {
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  /// Where it is mounted.
  let path: String
  private let directory: TemporaryDirectory

  /// Whether this machine can: root, loop devices, btrfs in the kernel, mkfs.btrfs.
  static let isAvailable: Bool = (try? BtrfsDisk()) != nil
  static let absence: Comment = "needs root, a free loop device, btrfs in the kernel and mkfs.btrfs (btrfs-progs)"

  private struct Weak: Sendable {
    weak var disk: BtrfsDisk?
  }
  private static let last = Mutex(Weak())

  /// One for all tests that run at the same time, each in a directory of its own.
  static func shared() throws -> BtrfsDisk {
    try last.withLock { last in
      if let disk = last.disk { return disk }
      let disk = try BtrfsDisk()
      last.disk = disk
      return disk
    }
  }

  private init(megabytes: Int = 512) throws {
    directory = try TemporaryDirectory()
    path = directory.file("mount")
    let image = directory.file("image")
    guard geteuid() == 0, let mkfs = Subprocess.find("mkfs.btrfs", "/usr/sbin/mkfs.btrfs", "/sbin/mkfs.btrfs") else {
      throw Failed(description: "no root or no mkfs.btrfs")
    }
    _ = FileManager.default.createFile(atPath: image, contents: nil)
    guard truncate(image, off_t(megabytes) << 20) == 0 else { throw Failed(description: "truncate") }
    try Self.run(mkfs, ["-q", image])
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    // The device is let go when it is unmounted.
    try Self.run("/bin/mount", ["-o", "loop,noatime", "-t", "btrfs", image, path])
  }

  deinit {
    // Lazily if somebody still has something open: nothing must stay mounted.
    let status = (try? Subprocess.run("/bin/umount", [path]).status) ?? -1
    if status != 0 { _ = try? Subprocess.run("/bin/umount", ["-l", path]) }
  }

  static func run(_ program: String, _ arguments: [String]) throws {
    let result = try Subprocess.run(program, arguments)
    guard result.status == 0 else { throw Failed(description: "\(program) \(arguments): \(result.errors)") }
  }
}
