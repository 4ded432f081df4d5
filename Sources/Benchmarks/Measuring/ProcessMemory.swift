import Glibc

/// What the kernel says that this process occupies.
enum ProcessMemory {
  /// The resident set in KiB, from /proc/self/statm; 0 where there is none.
  static var residentKiB: Int64 {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 256)
    guard fgets(&text, Int32(text.count), file) != nil else { return 0 }
    let fields = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      .split(separator: " ")
    guard fields.count > 1, let pages = Int64(fields[1]) else { return 0 }
    return pages * Int64(getpagesize()) / 1024
  }
}
