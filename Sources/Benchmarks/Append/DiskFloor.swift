import Glibc

/// What the disk itself takes to keep 4 KiB: one write into a file that is there already, and fdatasync. No store that is
/// durable with every commit can answer a single caller faster.
enum DiskFloor {
  private static let block = 4096
  private static let blocks = 1024

  static func run(_ options: BenchmarkCommand.Options) throws -> Measurement {
    let path = "\(options.directory)/floor"
    let file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw BenchmarkFailure.io("cannot make \(path)") }
    defer { close(file) }
    let bytes = [UInt8](repeating: 0x5A, count: block)
    func write(_ number: Int) throws {
      guard pwrite(file, bytes, block, off_t(number % blocks * block)) == block else {
        throw BenchmarkFailure.io("cannot write \(path)")
      }
    }
    for number in 0..<blocks { try write(number) }
    guard fsync(file) == 0 else { throw BenchmarkFailure.io("cannot sync \(path)") }
    var latencies = Latencies()
    var count = 0
    let watch = Stopwatch()
    while watch.seconds < options.seconds {
      let start = Stopwatch.nanoseconds
      try write(count)
      guard fdatasync(file) == 0 else { throw BenchmarkFailure.io("cannot sync \(path)") }
      latencies.add(Stopwatch.nanoseconds - start)
      count += 1
    }
    return .rate("append-1/disk", Double(count), watch, latencies: latencies)
  }
}
