import CJail
import Glibc
import Synchronization

/// Starts workers in containers of gVisor.
final class GVisorLauncher: WorkerLauncher {
  let backend = BackendName.gvisor
  let bundle: OCIBundle

  private let runtime: String
  private let platform: String
  /// One count for the process: the runtime's control sockets share one name space, and a container that was just killed
  /// may still hold its own when another backend starts the next.
  private static let count = Atomic<Int>(0)

  init(runtime: String, platform: String, bundle: OCIBundle) {
    self.runtime = runtime
    self.platform = platform
    self.bundle = bundle
  }

  func launch() throws(SandboxFailure) -> LaunchedWorker {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw .unavailable(.gvisor, reason: "socketpair: \(SystemError.text(errno))")
    }
    defer { close(ends[1]) }
    let container = "safebox-\(getpid())-\(Self.count.wrappingAdd(1, ordering: .relaxed).newValue)"
    let pid: pid_t
    do {
      pid = try spawn(arguments(container), stream: ends[1], log: bundle.log(of: container))
    } catch {
      close(ends[0])
      throw error
    }
    let pidfd = jail_pidfd_open(pid)
    guard pidfd >= 0 else {
      close(ends[0])
      kill(pid, SIGKILL)
      while waitpid(pid, nil, 0) < 0 && errno == EINTR {}
      throw .unavailable(.gvisor, reason: "pidfd_open: \(SystemError.text(-pidfd))")
    }
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    return LaunchedWorker(
      pidfd: pidfd, channel: ends[0],
      applied: [.gvisorKernel, .networkNamespace, .unprivilegedUser, .noCapabilities, .resourceLimits],
      missing: [.memoryCgroup: Self.noGroups, .pidsCgroup: Self.noGroups], own: [.noNewPrivileges, .seccomp],
      contradict: { _ in nil }, cleanUp: { [bundle] in bundle.forget(container) })
  }

  private static let noGroups = "runsc is run without control groups"

  private func arguments(_ container: String) -> [String] {
    var arguments = [runtime, "--root", bundle.state, "--platform=\(platform)", "--network=none", "--ignore-cgroups"]
    if geteuid() != 0 { arguments.append("--rootless") }
    return arguments + ["run", "--bundle", bundle.directory, container]
  }

  /// The runtime passes its standard streams on to the worker. When it is killed, or we are, its container goes too:
  /// it is attached, and the worker ends with its stream. Every other descriptor of ours is close-on-exec.
  private func spawn(_ arguments: [String], stream: Int32, log: String) throws(SandboxFailure) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, stream, 0)
    posix_spawn_file_actions_adddup2(&actions, stream, 1)
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    let path = getenv("PATH").map { "PATH=" + String(cString: $0) } ?? "PATH=/usr/bin:/bin"
    let argv = CStringArray(arguments)
    let environment = CStringArray([path])
    var pid: pid_t = 0
    let result = posix_spawn(&pid, runtime, &actions, nil, argv.pointer, environment.pointer)
    guard result == 0 else { throw .unavailable(.gvisor, reason: "\(runtime): \(SystemError.text(result))") }
    return pid
  }
}
