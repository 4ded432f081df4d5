import Glibc

/// Facts about the process that the claim ceiling rests on.
enum CurrentProcess {
  /// Whether the effective user is root.
  static var isRoot: Bool { geteuid() == 0 }

  /// Resident memory in bytes, from /proc; 0 where that cannot be read.
  static var residentBytes: Int {
    var buffer = [UInt8](repeating: 0, count: 256)
    let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    let count = read(file, &buffer, buffer.count)
    guard count > 0 else { return 0 }
    let fields = String(decoding: buffer[..<count], as: UTF8.self).split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
