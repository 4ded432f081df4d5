import Foundation
import TestSupport

/// A directory with one of everything that a tree can hold.
enum SampleTree {
  static let isRoot = geteuid() == 0

  static func make(_ path: String) throws {
    let files = FileManager.default
    try files.createDirectory(atPath: path + "/etc/deep/er", withIntermediateDirectories: true)
    try files.createDirectory(atPath: path + "/sealed", withIntermediateDirectories: true)
    try write(path + "/etc/config", "one = 1\n", mode: 0o640)
    try write(path + "/etc/deep/er/data", String(repeating: "0123456789", count: 20_000), mode: 0o444)
    try write(path + "/run.sh", "#!/bin/sh\n", mode: 0o4755)
    try write(path + "/empty", "", mode: 0o600)
    try write(path + "/sealed/inside", "s", mode: 0o400)
    try files.createSymbolicLink(atPath: path + "/link", withDestinationPath: "etc/config")
    try files.createSymbolicLink(atPath: path + "/dangling", withDestinationPath: "/nowhere/at all")
    try check(link(path + "/etc/config", path + "/same"), "link")
    try check(mkfifo(path + "/pipe", 0o620), "mkfifo")
    // A hole of 8 MiB between two letters.
    let sparse = open(path + "/sparse", O_WRONLY | O_CREAT, 0o644)
    try check(sparse, "open")
    defer { close(sparse) }
    try check(pwrite(sparse, "a", 1, 0) == 1 ? 0 : -1, "pwrite")
    try check(pwrite(sparse, "z", 1, 8 << 20) == 1 ? 0 : -1, "pwrite")
    try attribute("user.note", "kept", of: path + "/etc/config")
    try attribute("user.on-directory", "too", of: path + "/etc/deep")
    if isRoot {
      try check(lchown(path + "/etc/deep/er/data", 1234, 4321), "lchown")
      try check(lchown(path + "/dangling", 77, 88), "lchown")
      try check(mknod(path + "/null", S_IFCHR | 0o666, (1 << 8) | 3), "mknod")
    }
    // A name that is no UTF-8.
    let odd = open(path + "/odd", O_WRONLY | O_CREAT, 0o644)
    close(odd)
    let name: [CChar] = Array((path + "/").utf8CString.dropLast()) + [-1, -2, 0]
    try check(rename(path + "/odd", name), "rename")
    try check(chmod(path + "/sealed", 0o555), "chmod")
    var times = [timespec(tv_sec: 1_000_000_000, tv_nsec: 5), timespec(tv_sec: 1_234_567_890, tv_nsec: 123_456_789)]
    try check(utimensat(AT_FDCWD, path + "/etc/config", &times, 0), "utimensat")
    try check(utimensat(AT_FDCWD, path + "/link", &times, AT_SYMLINK_NOFOLLOW), "utimensat")
    try check(utimensat(AT_FDCWD, path + "/etc", &times, 0), "utimensat")
  }

  static func write(_ path: String, _ text: String, mode: mode_t = 0o644) throws {
    guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) else {
      throw CocoaError(.fileWriteUnknown)
    }
    try check(chmod(path, mode), "chmod \(path)")
  }

  static func attribute(_ name: String, _ value: String, of path: String) throws {
    let result = try Subprocess.run("/usr/bin/env", ["setfattr", "-n", name, "-v", value, path])
    // Without the program the tree has no attributes, and everything else is tested all the same.
    guard result.status == 0 || result.status == 127 else { throw POSIXError(.EIO) }
  }

  static func check(_ result: Int32, _ call: String) throws {
    guard result >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO, userInfo: ["call": call]) }
  }

  /// What ls sees of it, times and numbers of links among it: an opinion that is not ours.
  static func listing(_ path: String) throws -> String {
    let result = try Subprocess.run(
      "/usr/bin/find", [path, "-printf", "%P|%y|%m|%U|%G|%s|%n|%l|%T@\\n"])
    return String(decoding: result.output, as: UTF8.self).split(separator: "\n").map {
      // The size of a directory is the file system's affair.
      let fields = $0.split(separator: "|", omittingEmptySubsequences: false)
      return fields.count == 9 && fields[1] == "d"
        ? (fields[..<5] + fields[6...]).joined(separator: "|") : String($0)
    }.sorted().joined(separator: "\n")
  }
}
