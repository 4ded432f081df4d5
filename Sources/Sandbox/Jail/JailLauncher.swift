import CJail
import CLinux
import Glibc
import Synchronization

/// Starts workers in the jail of CJail.
final class JailLauncher: WorkerLauncher {
  let backend = BackendName.jail

  private let executable: Int32
  private let arguments: CStringArray
  private let environment: CStringArray
  private let namespaces: UInt32
  private let namespaceErrors: [Layer: String]
  private let groups: ControlGroups
  /// Numbers the groups of this process, whichever launcher makes them.
  private static let count = Atomic<Int>(0)

  /// Bytes of address space: the engine's limit, at most 256 MiB, with its fragmentation, and the program's own.
  static let addressSpace: UInt64 = 1 << 30

  /// What a static Swift program needs to start where there is no file, and to hash the same way each time.
  static let environment = [
    "SWIFT_BACKTRACE=enable=no,swift-backtrace=/x", "SWIFT_ROOT=/", "SWIFT_DETERMINISTIC_HASHING=1", "TZ=UTC",
  ]

  /// - Parameters:
  ///   - path: a static executable.
  ///   - arguments: without the program's name.
  init(path: String, arguments: [String] = []) throws(SandboxFailure) {
    executable = jail_open_executable(path)
    guard executable >= 0 else {
      throw .unavailable(.jail, reason: "\(path): \(SystemError.text(-executable))")
    }
    self.arguments = CStringArray(["safebox-worker"] + arguments)
    environment = CStringArray(Self.environment)
    var errors = [Int32](repeating: 0, count: Int(JAIL_LAYERS.rawValue))
    namespaces = jail_probe_namespaces(&errors)
    var reasons: [Layer: String] = [:]
    for (index, error) in errors.enumerated() where error > 0 {
      if let layer = Layer(index: index) { reasons[layer] = SystemError.text(error) }
    }
    namespaceErrors = reasons
    groups = ControlGroups.own
    groups.sweep(prefix: Self.groupPrefix)
  }

  deinit { close(executable) }

  private static let groupPrefix = "safebox-worker-"

  func launch() throws(SandboxFailure) -> LaunchedWorker {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw .unavailable(.jail, reason: "socketpair: \(SystemError.text(errno))")
    }
    let number = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
    let group = groups.make(name: "\(Self.groupPrefix)\(getpid())-\(number)")
    defer {
      close(ends[1])
      group.closeDescriptors()
    }
    var request = jail_request()
    request.executable = executable
    request.channel = ends[1]
    request.arguments = arguments.pointer
    request.environment = environment.pointer
    request.namespaces = namespaces
    request.address_space = Self.addressSpace
    request.memory_group = (try? group.memory.get()) ?? -1
    request.pids_group = (try? group.pids.get()) ?? -1
    var report = jail_report()
    var pidfd: Int32 = -1
    let pid = jail_spawn(&request, &report, &pidfd)
    guard pid > 0 else {
      close(ends[0])
      group.remove()
      throw .unavailable(.jail, reason: Self.describe(report))
    }
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)

    var applied: Set<Layer> = []
    var missing = namespaceErrors
    withUnsafeBytes(of: &report.layers) { bytes in
      for (index, error) in bytes.bindMemory(to: Int32.self).enumerated() {
        guard let layer = Layer(index: index), !Self.own.contains(layer) else { continue }
        if error == 0 {
          applied.insert(layer)
        } else if error > 0 {
          missing[layer] = SystemError.text(error)
        } else if missing[layer] == nil {
          missing[layer] = Self.reason(layer, group: group)
        }
      }
    }
    return LaunchedWorker(
      pidfd: pidfd, channel: ends[0], applied: applied, missing: missing, own: Self.own,
      contradict: { claimed in Self.contradict(claimed, pid: pid) }, cleanUp: { group.remove() })
  }

  /// What the worker does to itself (`jail_lockdown`).
  static let own: Set<Layer> = [.landlockFiles, .landlockNetwork, .landlockScope, .seccomp]

  private static func describe(_ report: jail_report) -> String {
    let step = jail_step_name(report.step).map { String(cString: $0) } ?? "step \(report.step)"
    return "\(step): \(SystemError.text(report.error))"
  }

  private static func reason(_ layer: Layer, group: ControlGroup) -> String {
    let result =
      switch layer {
      case .memoryCgroup: group.memory
      case .pidsCgroup: group.pids
      default: Result<Int32, ControlGroups.Absence>.failure(ControlGroups.Absence(reason: "needs a mount namespace"))
      }
    guard case .failure(let absence) = result else { return "not applied" }
    return absence.reason
  }

  /// The kernel's word for what the worker says. A worker that was not waited for keeps its number.
  private static func contradict(_ claimed: Set<Layer>, pid: Int32) -> String? {
    guard let status = SystemFile.read("/proc/\(pid)/status") else { return nil }
    let lines = Set(status.split(separator: "\n"))
    if claimed.contains(.seccomp) && !lines.contains("Seccomp:\t2") {
      return "it claims seccomp, and the kernel knows of no filter"
    }
    return lines.contains("NoNewPrivs:\t1") ? nil : "it runs without no_new_privs"
  }
}

/// A NULL-terminated array of C strings that stays where it is.
final class CStringArray: @unchecked Sendable {
  /// Never written to.
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
