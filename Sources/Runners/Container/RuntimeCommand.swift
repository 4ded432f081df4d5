import CLinux
import Glibc

/// One call of a container runtime's executable: fixed arguments, fixed environment, no shell, a deadline.
struct RuntimeCommand {
  let executable: String
  let arguments: [String]
  /// For standard output and error; nil to have them returned.
  var output: Int32?
  var seconds = 60

  /// Greatest length of what is returned.
  static let maxOutputBytes = 1 << 20

  /// Runs it to its end. Blocks.
  ///
  /// - Returns: status as a shell has it, and what it wrote.
  func run() throws(RunnerFault) -> (status: Int32, output: [UInt8]) {
    let name = executable.split(separator: "/").last.map(String.init) ?? executable
    let command = ([name] + arguments.filter { !$0.hasPrefix("-") && !$0.hasPrefix("/") }).joined(separator: " ")
    // A file and not a pipe: what inherits a pipe would hold its end open.
    let capture = output == nil ? linux_memory_file("runtime") : -1
    defer { if capture >= 0 { close(capture) } }
    let target = output ?? capture
    guard target >= 0 else { throw .system(call: "memfd_create", path: "runtime", error: -target) }
    let argv = CStringArray([executable] + arguments)
    let environment = CStringArray([
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
    ])
    var pidfd: Int32 = -1
    let pid = linux_spawn(executable, argv.pointer, environment.pointer, -1, target, target, &pidfd)
    guard pid >= 0 else { throw .system(call: "posix_spawn", path: executable, error: -pid) }
    defer { close(pidfd) }
    var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    var ready: Int32
    repeat { ready = poll(&entry, 1, Int32(clamping: seconds * 1000)) } while ready < 0 && errno == EINTR
    if ready <= 0 {
      _ = linux_pidfd_signal(pidfd, SIGKILL)
      poll(&entry, 1, -1)
    }
    let status = linux_pidfd_reap(pidfd)
    guard ready > 0 else { throw .runtimeDeadline(command: command, seconds: seconds) }
    guard capture >= 0 else { return (status, []) }
    lseek(capture, 0, SEEK_SET)
    return (status, SystemFile.read(capture, limit: Self.maxOutputBytes) ?? [])
  }
}

/// A NULL-terminated array of C strings that stays where it is.
final class CStringArray {
  let pointer: UnsafePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    count = strings.count
    let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() { (pointers + index).initialize(to: strdup(string)) }
    (pointers + strings.count).initialize(to: nil)
    pointer = UnsafePointer(pointers)
  }

  deinit {
    for index in 0..<count { free(pointer[index]) }
    pointer.deallocate()
  }
}
