import CLinux
import CanonicalJSON
import Glibc

/// A container that runs, until it is removed.
final class RunnerContainer: Sendable {
  /// What a container is made of.
  struct Plan: Sendable {
    var places: RunnerPlaces
    var identifier: String
    var runtime: ContainerRuntime
    var root: RunnerRoot
    var command: CommandTemplate
    var limits: ContainerLimits
    /// Directory of Safebox's own static programs for containers.
    var adapters: String
    var socketGroup: gid_t
    var devices: CDISpecification.Edits
  }

  let identifier: String
  let runtime: ContainerRuntime
  let places: RunnerPlaces
  let pid: pid_t
  let containment: Containment
  private let pidfd: Int32

  /// Starts a container with these files. Blocks; on a fault nothing is left.
  init(_ plan: Plan, files: [DescriptorMounts.File], log: RunnerLog) throws(RunnerFault) {
    guard geteuid() == 0 else { throw .system(call: "mount", path: plan.places.directory, error: EPERM) }
    identifier = plan.identifier
    runtime = plan.runtime
    places = plan.places
    // What a crash of this process left under the name.
    try runtime.delete(identifier)
    do throws(RunnerFault) {
      try Self.prepare(plan, files: files)
      let output = try log.pipe()
      defer { close(output) }
      pid = try runtime.create(identifier, bundle: plan.places.bundle, output: output)
      // The program still waits, so its process cannot have ended and been replaced by another of that number.
      pidfd = linux_pidfd_open(pid)
      guard pidfd >= 0 else { throw .system(call: "pidfd_open", path: "\(pid)", error: -pidfd) }
    } catch {
      Self.remove(plan)
      throw error
    }
    do throws(RunnerFault) {
      let around = try Containment.inspect(pid: pid, identifier: identifier, isolation: runtime.isolation)
      try runtime.start(identifier)
      containment = try around.withProgram(pid: pid)
      // The container has its own copies of these mounts; here they would only wait for a crash.
      DescriptorMounts(directory: plan.places.models).takeDown()
      DescriptorMounts(directory: plan.places.adapters).takeDown()
    } catch {
      close(pidfd)
      Self.remove(plan)
      throw error
    }
  }

  deinit { close(pidfd) }

  private static func prepare(_ plan: Plan, files: [DescriptorMounts.File]) throws(RunnerFault) {
    let places = plan.places
    try places.make(group: plan.socketGroup)
    try DescriptorMounts(directory: places.models).put(files)
    if let adapter = plan.root.definition.adapter {
      let path = plan.adapters + "/" + adapter
      let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
      guard descriptor >= 0 else { throw .system(call: "open", path: path, error: errno) }
      defer { close(descriptor) }
      try DescriptorMounts(directory: places.adapters)
        .put([DescriptorMounts.File(path: adapter, descriptor: descriptor)], executable: true)
    }
    for mount in plan.devices.mounts {
      // The runtime would make it in the verified tree.
      let destination = mount["destination"]?.string ?? ""
      guard plan.root.has(destination) else { throw .mountPointMissing(path: destination) }
    }
    let spec = ContainerSpec(
      identifier: plan.identifier, command: plan.command, definition: plan.root.definition,
      directories: ContainerSpec.Directories(
        root: plan.root.fileSystem, models: places.models,
        adapters: plan.root.definition.adapter == nil ? nil : places.adapters, socket: places.socketDirectory,
        cache: places.cache),
      limits: plan.limits, devices: plan.devices)
    try SystemFile.write(spec.json.canonicalBytes(), to: places.bundle + "/config.json")
  }

  private static func remove(_ plan: Plan) {
    try? plan.runtime.delete(plan.identifier)
    plan.places.unmount()
  }

  /// Whether its first process has ended.
  var hasEnded: Bool { awaitEnd(milliseconds: 0) }

  /// Blocks until the first process has ended, or the time is over. Returns whether it has.
  func awaitEnd(milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    var count: Int32
    repeat { count = poll(&entry, 1, milliseconds) } while count < 0 && errno == EINTR
    return count > 0
  }

  /// Sends a signal to exactly the first process.
  func signal(_ number: Int32) { _ = linux_pidfd_signal(pidfd, number) }

  /// Why the kernel ended it, if that is known.
  var memoryKills: Int64 { ControlGroups.memoryKills(of: identifier) ?? 0 }

  /// Connections from outside that the first process has open. Nil where the kernel does not say.
  var connections: Int? {
    let directory = "/proc/\(pid)/fd"
    guard runtime.isolation == .runc, let text = SystemFile.text("/proc/\(pid)/net/unix") else { return nil }
    // An accepted unix socket belongs to the network namespace of who connected: what the container's own table does
    // not have came from outside.
    let own = Set(text.split(separator: "\n").dropFirst().compactMap { $0.split(separator: " ").dropFirst(6).first })
    var count = 0
    for name in SystemFile.names(in: directory) {
      guard let target = SystemFile.link("\(directory)/\(name)"), target.hasPrefix("socket:[") else { continue }
      if !own.contains(target.dropFirst("socket:[".count).dropLast()) { count += 1 }
    }
    return count
  }

  /// Kills what is left and takes everything away but the cache and the log. Blocks.
  func remove() throws(RunnerFault) {
    signal(SIGKILL)
    let isGone = awaitEnd(milliseconds: 10_000)
    defer { places.unmount() }
    try runtime.delete(identifier)
    guard isGone else { throw .runtimeDeadline(command: "kill \(identifier)", seconds: 10) }
  }
}
