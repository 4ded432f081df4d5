import Glibc

/// A group of the v2 hierarchy that was given to this process (cgroups(7), "Delegation").
struct CgroupDelegation: Sendable {
  let directory: String

  private static let wanted = ["memory", "pids"]
  private static let ownName = "safebox-daemon"

  /// Has the controllers apply to groups made below, and says which do.
  ///
  /// A group whose children are controlled may hold no process itself; so when this process is the only one in it, it
  /// moves into a group of its own below. Where others are there too, nothing changes.
  func controllers(for pid: pid_t) -> Set<String> {
    let available = words("cgroup.controllers").intersection(Self.wanted)
    guard !available.isEmpty, access(directory + "/cgroup.subtree_control", W_OK) == 0 else { return [] }
    if enable(available) { return enabled }
    guard SystemFile.read(directory + "/cgroup.procs").map(Self.words) == ["\(pid)"] else { return enabled }
    let own = directory + "/" + Self.ownName
    guard mkdir(own, 0o755) == 0 || errno == EEXIST else { return enabled }
    if SystemFile.write("\(pid)", to: own + "/cgroup.procs") == 0 { _ = enable(available) }
    return enabled
  }

  private var enabled: Set<String> { words("cgroup.subtree_control").intersection(Self.wanted) }

  private func enable(_ controllers: Set<String>) -> Bool {
    guard enabled != controllers else { return true }
    let text = controllers.sorted().map { "+" + $0 }.joined(separator: " ")
    return SystemFile.write(text, to: directory + "/cgroup.subtree_control") == 0
  }

  private func words(_ name: String) -> Set<String> { SystemFile.read(directory + "/" + name).map(Self.words) ?? [] }

  private static func words(_ text: String) -> Set<String> {
    Set(text.split(whereSeparator: { $0.isWhitespace }).map(String.init))
  }
}
