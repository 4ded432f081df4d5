import Glibc

/// What the kernel says that processes occupy.
enum ProcessMemory {
  /// The resident set of this process in KiB; 0 where nothing is known.
  static var residentKiB: Int64 { residentKiB(of: "self") }

  /// The resident set of a process in KiB, from /proc/PID/statm; 0 where there is none.
  static func residentKiB(of process: String) -> Int64 {
    let fields = text("/proc/\(process)/statm").split(separator: " ")
    guard fields.count > 1, let pages = Int64(fields[1]) else { return 0 }
    return pages * Int64(getpagesize()) / 1024
  }

  /// Processes that threads of this one have started and not yet waited for.
  static func children() -> [String] {
    guard let threads = opendir("/proc/self/task") else { return [] }
    defer { closedir(threads) }
    var children: [String] = []
    while let entry = readdir(threads) {
      let thread = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      children += text("/proc/self/task/\(thread)/children").split(separator: " ").map(String.init)
    }
    return children
  }

  /// Resident and proportional set size in KiB, from /proc/PID/smaps_rollup. Needs the rights over that process.
  static func rollup(of process: String) throws -> (resident: Int64, proportional: Int64) {
    var sizes: [Substring: Int64] = [:]
    for line in text("/proc/\(process)/smaps_rollup").split(separator: "\n") {
      let fields = line.split(separator: " ")
      if fields.count == 3, fields[2] == "kB" { sizes[fields[0]] = Int64(fields[1]) }
    }
    guard let resident = sizes["Rss:"], let proportional = sizes["Pss:"] else {
      throw BenchmarkFailure.io("the memory of process \(process) cannot be read")
    }
    return (resident, proportional)
  }

  private static func text(_ path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var text = ""
    var line = [CChar](repeating: 0, count: 4096)
    while fgets(&line, Int32(line.count), file) != nil {
      text += String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    return text
  }
}
