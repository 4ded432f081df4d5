import CLinux
import Glibc

/// Somebody who uses a tree that is to be replaced: they would go on with the old one.
public struct TreeUse: Sendable, Hashable, CustomStringConvertible {
  public let process: Int32
  /// What leads into the tree: `cwd`, `root`, `exe`, `fd/<number>`, or `mount`.
  public let through: String

  public var description: String { "process \(process) (\(through))" }

  /// At most this many are named.
  static let limit = 16

  /// The processes that have something open in the directory at `path`, run in it, or see it through a mount of
  /// their own (a container's). Sees all processes only as root; takes some milliseconds for a hundred processes. What
  /// comes into use after it was asked is not seen.
  public static func find(_ path: String) throws(SnapshotFault) -> [TreeUse] {
    let processes = try OpenDirectory(opening: "/proc")
    let place = try MountPlace(of: path)
    var uses: [TreeUse] = []
    for name in try processes.names(limit: 1 << 22) {
      guard uses.count < limit else { break }
      guard let process = Int32(name.text) else { continue }
      for link in ["cwd", "root", "exe"] where Self.leads("/proc/\(process)/\(link)", into: path) {
        uses.append(TreeUse(process: process, through: link))
      }
      // A process that has gone, or is not ours to look into, has nothing to say.
      if let descriptors = try? OpenDirectory(opening: "/proc/\(process)/fd") {
        for number in (try? descriptors.names(limit: 1 << 20)) ?? []
        where Self.leads("/proc/\(process)/fd/\(number.text)", into: path) {
          uses.append(TreeUse(process: process, through: "fd/\(number.text)"))
        }
      }
      if let mounts = ProcFile.read("/proc/\(process)/mountinfo"), place.isShown(by: mounts) {
        uses.append(TreeUse(process: process, through: "mount"))
      }
    }
    return Array(uses.prefix(limit))
  }

  private static func leads(_ link: String, into path: String) -> Bool {
    var buffer = [CChar](repeating: 0, count: 4097)
    let count = readlink(link, &buffer, buffer.count)
    guard count > 0 else { return false }
    let target = String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    return target == path || target.hasPrefix(path + "/")
  }
}

/// Where a directory lies in its file system, which is the same in every mount namespace.
struct MountPlace {
  /// `major:minor` of the file system.
  private let device: String
  /// The path from the root of the file system.
  private let path: String

  init(of path: String) throws(SnapshotFault) {
    guard let mounts = ProcFile.read("/proc/self/mountinfo") else { throw .last("read", "/proc/self/mountinfo") }
    // The last of the longest: later mounts cover earlier ones.
    var best: Line?
    for line in Self.lines(mounts) where path == line.point || line.point == "/" || path.hasPrefix(line.point + "/") {
      if line.point.utf8.count >= best?.point.utf8.count ?? 0 { best = line }
    }
    guard let best else { throw .badPath(path, reason: "no mount holds it") }
    device = best.device
    let rest = best.point == "/" ? path : String(path.dropFirst(best.point.count))
    self.path = best.root == "/" ? rest : best.root + rest
  }

  /// Whether one of these mounts shows the directory, or something in it, and not what lies around it.
  func isShown(by mounts: String) -> Bool {
    Self.lines(mounts).contains { $0.device == device && ($0.root == path || $0.root.hasPrefix(path + "/")) }
  }

  private struct Line {
    let device: String
    let root: String
    let point: String
  }

  /// proc_pid_mountinfo(5): id, parent, device, root, mount point, ...
  private static func lines(_ text: String) -> [Line] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ", maxSplits: 5)
      guard fields.count == 6 else { return nil }
      return Line(device: String(fields[2]), root: unescaped(fields[3]), point: unescaped(fields[4]))
    }
  }

  /// Blanks and backslashes are written as three octal digits.
  private static func unescaped(_ text: Substring) -> String {
    guard text.contains("\\") else { return String(text) }
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3, let value = UInt8(rest.prefix(3).text, radix: 8) {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return bytes.text
  }
}

extension ArraySlice<UInt8> {
  var text: String { String(decoding: self, as: UTF8.self) }
}

/// Files of /proc, whose size is not known before they are read.
enum ProcFile {
  /// Nil when it cannot be read or has over 16 MiB.
  static func read(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while bytes.count < 16 << 20 {
      let count = Glibc.read(file, &buffer, buffer.count)
      if count < 0 { return nil }
      if count == 0 { return bytes.text }
      bytes += buffer[..<count]
    }
    return nil
  }
}
