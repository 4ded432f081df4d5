import CLinux
import Glibc
import Snapshots

/// What a snapshot and a rollback take, by the size of the tree, beside `cp -a` and `btrfs subvolume snapshot`.
///
/// `--count` files of 2 KiB, or with `--writers 2` eight files of as many MiB as `--count` together; in `--directory`, which is
/// a btrfs file system for the subject `btrfs`. Ours is measured with its evidence (tree digests) and without.
enum SnapshotBenchmark {
  private static let rounds = 3

  static func run(_ options: BenchmarkCommand.Options) throws -> [Measurement] {
    let scope = options.directory + "/scope"
    let onBtrfs = try isBtrfs(options.directory)
    if onBtrfs { try BtrfsSnapshots.makeScope(scope) } else { try make(scope) }
    let isLarge = options.writers == 2
    try fill(scope, files: isLarge ? 8 : options.count, bytes: isLarge ? (options.count << 20) / 8 : 2048)
    let size = isLarge ? "\(options.count)m" : "\(options.count)"
    let backend: any SnapshotBackend =
      onBtrfs
      ? try BtrfsSnapshots(scope: scope, store: options.directory + "/store")
      : try DirectorySnapshots(scope: scope, store: options.directory + "/store")
    try make(options.directory + "/log")
    let keeper = try SnapshotKeeper(backend, index: options.directory + "/index", log: options.directory + "/log")
    var times: [String: Latencies] = [:]
    func time(_ name: String, _ work: () throws -> Void) rethrows {
      // What the last one left dirty is not this one's to write.
      sync()
      let start = Stopwatch.nanoseconds
      try work()
      times[name, default: Latencies()].add(Stopwatch.nanoseconds - start)
    }
    for round in 0..<rounds {
      let (proved, plain) = (try SnapshotLabel("proved-\(round)"), try SnapshotLabel("plain-\(round)"))
      try time("take-\(size)/safebox") { try keeper.before(proved, at: Int64(round)) }
      try time("restore-\(size)/safebox") {
        let evidence = try keeper.rollback(proved)
        guard evidence.restored == evidence.before, evidence.after == evidence.before else {
          throw BenchmarkFailure.wrongResult("the restored tree is another")
        }
      }
      try time("take-\(size)/safebox-bare") { try backend.take(plain) }
      try time("restore-\(size)/safebox-bare") { try backend.restore(plain) { _ in } }
      try keeper.remove(proved)
      try backend.remove(plain)
      try peer(options.directory, onBtrfs: onBtrfs) { try time("take-\(size)/\(onBtrfs ? "btrfs" : "cp")", $0) }
    }
    return times.sorted { $0.key < $1.key }.map { .latency("snapshot-\(backend.kind)-\($0.key)", $0.value) }
  }

  private static func peer(_ directory: String, onBtrfs: Bool, _ time: (() throws -> Void) throws -> Void) throws {
    let copy = directory + "/peer"
    if onBtrfs {
      try time { try command("/usr/bin/btrfs", "subvolume", "snapshot", "-r", directory + "/scope", copy) }
      try command("/usr/bin/btrfs", "subvolume", "delete", copy)
    } else {
      try time {
        try command("/bin/cp", "-a", directory + "/scope", copy)
        // Ours is on the disk when it returns.
        try command("/bin/sync", "-f", copy)
      }
      try command("/bin/rm", "-rf", copy)
    }
  }

  private static func command(_ path: String, _ arguments: String...) throws {
    let result = try ProgramRunner(seconds: 600).run(path, arguments)
    guard result.status == 0 else { throw BenchmarkFailure.io("\(path): \(result.output)") }
  }

  private static func make(_ path: String) throws {
    guard mkdir(path, 0o755) == 0 else { throw BenchmarkFailure.io("cannot make \(path)") }
  }

  private static func isBtrfs(_ path: String) throws -> Bool {
    let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw BenchmarkFailure.io("cannot open \(path)") }
    defer { close(directory) }
    return linux_is_btrfs(directory) == 1
  }

  /// A hundred files a directory, no two alike.
  private static func fill(_ scope: String, files: Int, bytes: Int) throws {
    var random = SystemRandomNumberGenerator()
    let block = min(bytes, 1 << 20)
    var content = (0..<block).map { _ in UInt8.random(in: 0...255, using: &random) }
    for number in 0..<files {
      let directory = "\(scope)/d\(number / 100)"
      if number % 100 == 0 { try make(directory) }
      let file = open("\(directory)/f\(number)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      guard file >= 0 else { throw BenchmarkFailure.io("cannot make a file in \(directory)") }
      defer { close(file) }
      for part in 0..<max(1, bytes / block) {
        withUnsafeBytes(of: number &* 1_000_003 &+ part) { content.replaceSubrange(0..<8, with: $0) }
        guard write(file, content, block) == block else { throw BenchmarkFailure.io("cannot write in \(directory)") }
      }
    }
  }
}
