import CLinux
import Glibc

/// Runs real programs: a fixed environment, standard input empty, nothing inherited, a time limit.
public struct ProgramRunner: CommandRunner {
  /// Bytes of output that are kept; a program may write more, which is thrown away.
  public static let outputLimit = 1 << 20

  /// What a program can see instead of this machine: see `linux_room`.
  public struct Room: Sendable, Hashable {
    /// Under `/target`.
    public let target: String
    /// Under `/files`, read-only.
    public let files: String
    public let isReadOnly: Bool

    public init(target: String, files: String, isReadOnly: Bool) {
      self.target = target
      self.files = files
      self.isReadOnly = isReadOnly
    }
  }

  private let seconds: Int
  private let environment: [String]
  private let room: Room?

  /// - Parameters:
  ///   - seconds: after these a program is killed, in a room with everything that it started.
  ///   - environment: further `NAME=value` beside PATH and LC_ALL=C.
  public init(seconds: Int, environment: [String] = [], room: Room? = nil) {
    self.seconds = seconds
    self.environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"] + environment
    self.room = room
  }

  public func run(_ path: String, _ arguments: [String]) throws(SnapshotFault) -> CommandResult {
    // A file and not a pipe: nobody need read it while the program runs, and what it starts cannot keep it open for us.
    let output = linux_memory_file("output")
    guard output >= 0 else { throw .system("memfd_create", path, output) }
    defer { close(output) }
    let pidfd = try start(path, arguments, output)
    defer { close(pidfd) }
    var isTimedOut = false
    let deadline = Self.monotonicMilliseconds + Int64(seconds) * 1000
    while true {
      let left = deadline - Self.monotonicMilliseconds
      // Nor may it fill this machine's memory with what it says.
      var status = stat()
      let isTooLoud = fstat(output, &status) == 0 && status.st_size > 64 * Self.outputLimit
      if left <= 0 || isTooLoud {
        isTimedOut = true
        _ = linux_kill(pidfd)
        _ = linux_await_end(pidfd, -1)
        break
      }
      if linux_await_end(pidfd, Int32(min(left, 250))) != 0 { break }
    }
    let status = linux_collect(pidfd)
    guard status >= 0 else { throw .system("waitid", path, status) }
    var bytes = [UInt8](repeating: 0, count: Self.outputLimit)
    let count = max(0, pread(output, &bytes, bytes.count, 0))
    return CommandResult(status: status, output: bytes[..<count].text, isTimedOut: isTimedOut)
  }

  private func start(_ path: String, _ arguments: [String], _ output: Int32) throws(SnapshotFault) -> Int32 {
    var pidfd: Int32 = -1
    var failed: UnsafePointer<CChar>?
    let strings = CStrings([path] + arguments)
    let variables = CStrings(environment)
    let place = CStrings([path, room?.target ?? "", room?.files ?? ""])
    defer {
      strings.free()
      variables.free()
      place.free()
    }
    var inside = linux_room(
      target: place[1], files: place[2], target_is_read_only: room?.isReadOnly == true ? 1 : 0)
    let result = withUnsafePointer(to: &inside) { inside in
      var command = linux_command(
        path: place[0], arguments: strings.base, environment: variables.base, output: output,
        room: room == nil ? nil : inside)
      return linux_start(&command, &pidfd, &failed)
    }
    guard result >= 0 else { throw .system(failed.map { String(cString: $0) } ?? "clone", path, result) }
    return pidfd
  }

  private static var monotonicMilliseconds: Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
  }
}

/// Strings for C, ended by a null pointer; freed by hand because the call that they are for must not see them go.
private struct CStrings {
  let base: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    count = strings.count
    base = .allocate(capacity: count + 1)
    for (index, string) in strings.enumerated() { base.advanced(by: index).initialize(to: strdup(string)) }
    base.advanced(by: count).initialize(to: nil)
  }

  subscript(index: Int) -> UnsafePointer<CChar>? { base[index].map { UnsafePointer($0) } }

  func free() {
    for index in 0..<count { Glibc.free(base[index]) }
    base.deallocate()
  }
}
