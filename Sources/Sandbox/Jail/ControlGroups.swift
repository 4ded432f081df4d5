import Glibc

/// The control groups that this process may make for workers: by cgroup v2, by v1, or not at all.
struct ControlGroups: Sendable {
  /// A directory in which groups can be made.
  struct Parent: Sendable, Hashable {
    var directory: String
    var isUnified: Bool
  }

  /// Why something is not there, in words for a report.
  struct Absence: Error, Sendable, Hashable {
    var reason: String
  }

  let memory: Result<Parent, Absence>
  let pids: Result<Parent, Absence>

  /// Bytes that all pages of one worker may take.
  static let memoryLimit = 512 << 20
  /// A worker is one process of one thread.
  static let pidsLimit = 1

  /// Where this process stands in the hierarchies. Looked up once: to be given controllers it may have to move itself.
  static let own = find(
    membership: SystemFile.read("/proc/self/cgroup") ?? "", mounts: SystemFile.read("/proc/self/mountinfo") ?? "",
    pid: getpid())

  static func find(membership: String, mounts: String, pid: pid_t) -> ControlGroups {
    let places = CgroupPlaces(membership: membership, mounts: mounts)
    let delegated = places.unified.map { CgroupDelegation(directory: $0).controllers(for: pid) } ?? []
    func parent(_ controller: String) -> Result<Parent, Absence> {
      if let directory = places.unified, delegated.contains(controller) {
        return writable(Parent(directory: directory, isUnified: true))
      }
      if let directory = places.legacy[controller] { return writable(Parent(directory: directory, isUnified: false)) }
      guard let directory = places.unified else {
        return .failure(Absence(reason: "no cgroup hierarchy with \(controller) is mounted"))
      }
      return .failure(Absence(reason: "\(controller) is not delegated to \(directory)"))
    }
    return ControlGroups(memory: parent("memory"), pids: parent("pids"))
  }

  private static func writable(_ parent: Parent) -> Result<Parent, Absence> {
    guard access(parent.directory, W_OK) == 0 else {
      return .failure(Absence(reason: "\(parent.directory): \(SystemError.text(errno))"))
    }
    return .success(parent)
  }

  /// Makes the groups of one worker.
  func make(name: String) -> ControlGroup {
    var group = ControlGroup()
    group.memory = memory.flatMap { parent in
      let directory = parent.directory + "/" + name
      // Swap would be a second memory, on machines that have it.
      let limits =
        parent.isUnified
        ? ["memory.max": "\(Self.memoryLimit)", "memory.swap.max": "0"]
        : ["memory.limit_in_bytes": "\(Self.memoryLimit)", "memory.memsw.limit_in_bytes": "\(Self.memoryLimit)"]
      return group.enter(directory, limits: limits, optional: ["memory.swap.max", "memory.memsw.limit_in_bytes"])
    }
    group.pids = pids.flatMap { parent in
      group.enter(parent.directory + "/" + name, limits: ["pids.max": "\(Self.pidsLimit)"], optional: [])
    }
    return group
  }

  /// Removes the groups that a daemon left behind which did not live to do it.
  ///
  /// - Parameter prefix: of their names; the number of the daemon's process follows it.
  func sweep(prefix: String) {
    for case .success(let parent) in [memory, pids] {
      for name in SystemFile.names(in: parent.directory) where name.hasPrefix(prefix) {
        guard let owner = pid_t(name.dropFirst(prefix.count).prefix { $0.isNumber }) else { continue }
        // The kernel refuses to remove a group with a process in it.
        if kill(owner, 0) != 0 && errno == ESRCH { rmdir(parent.directory + "/" + name) }
      }
    }
  }
}

/// The groups of one worker. Whoever makes it closes and removes it.
struct ControlGroup: Sendable {
  /// Open `cgroup.procs` files, or why there is none.
  var memory: Result<Int32, ControlGroups.Absence> = .failure(ControlGroups.Absence(reason: ""))
  var pids: Result<Int32, ControlGroups.Absence> = .failure(ControlGroups.Absence(reason: ""))
  private var directories: [String] = []

  /// The descriptors are only of use until the worker runs.
  func closeDescriptors() {
    for case .success(let descriptor) in [memory, pids] { close(descriptor) }
  }

  /// To be called when the worker is gone.
  func remove() {
    for directory in directories { rmdir(directory) }
  }

  /// Makes a group, sets its limits, reads them back, and opens the file by which it is joined.
  fileprivate mutating func enter(
    _ directory: String, limits: [String: String], optional: Set<String>
  ) -> Result<Int32, ControlGroups.Absence> {
    if !directories.contains(directory) {
      guard mkdir(directory, 0o755) == 0 || errno == EEXIST else {
        return .failure(ControlGroups.Absence(reason: "mkdir \(directory): \(SystemError.text(errno))"))
      }
      directories.append(directory)
    }
    for (name, value) in limits.sorted(by: { $0.key < $1.key }) {
      let error = SystemFile.write(value, to: directory + "/" + name)
      if error != 0 && !optional.contains(name) {
        return .failure(ControlGroups.Absence(reason: "\(directory)/\(name): \(SystemError.text(error))"))
      }
    }
    let descriptor = open(directory + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      return .failure(ControlGroups.Absence(reason: "\(directory)/cgroup.procs: \(SystemError.text(errno))"))
    }
    return .success(descriptor)
  }
}
