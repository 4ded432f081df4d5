import Glibc

/// The control groups of containers: which hierarchy this machine has, and what a container's group says.
public enum ControlGroups {
  /// Which limits can be in force here.
  public enum Hierarchy: String, Sendable, Hashable {
    case version2 = "cgroup v2"
    case version1 = "cgroup v1"
    case none = "no control groups"
  }

  /// Where all groups of runners are, below the top of each hierarchy.
  static let parent = "/safebox-runners"
  private static let mountPoint = "/sys/fs/cgroup"

  static func path(of identifier: String) -> String { "\(parent)/\(identifier)" }

  /// As the runtime sees it: version 2 only where it is mounted alone.
  public static var hierarchy: Hierarchy {
    if access(mountPoint + "/cgroup.controllers", R_OK) == 0 { return .version2 }
    return SystemFile.isDirectory(mountPoint + "/memory") ? .version1 : .none
  }

  /// The kernel's own word for the limits of a container's group; nil for one that is not in force.
  public struct InForce: Sendable, Hashable {
    public let hierarchy: Hierarchy
    public let memoryBytes: Int64?
    public let pids: Int64?
    /// Hundredths of a processor.
    public let cpuPercent: Int64?
  }

  static func limits(of identifier: String) -> InForce {
    let path = path(of: identifier)
    switch hierarchy {
    case .version2:
      let group = mountPoint + path
      let cpu = words(group + "/cpu.max").compactMap { Int64($0) }
      return InForce(
        hierarchy: .version2, memoryBytes: number(group + "/memory.max"), pids: number(group + "/pids.max"),
        cpuPercent: cpu.count == 2 && cpu[1] > 0 ? cpu[0] * 100 / cpu[1] : nil)
    case .version1:
      let quota = number("\(mountPoint)/cpu\(path)/cpu.cfs_quota_us")
      let period = number("\(mountPoint)/cpu\(path)/cpu.cfs_period_us")
      let memory = number("\(mountPoint)/memory\(path)/memory.limit_in_bytes")
      var percent: Int64?
      if let quota, let period, quota > 0, period > 0 { percent = quota * 100 / period }
      return InForce(
        hierarchy: .version1, memoryBytes: memory.flatMap { $0 < 1 << 60 ? $0 : nil },
        pids: number("\(mountPoint)/pids\(path)/pids.max"), cpuPercent: percent)
    case .none: return InForce(hierarchy: .none, memoryBytes: nil, pids: nil, cpuPercent: nil)
    }
  }

  /// How often the kernel has killed in the group for want of memory. Nil where it does not say.
  static func memoryKills(of identifier: String) -> Int64? {
    let file =
      hierarchy == .version2
      ? "\(mountPoint)\(path(of: identifier))/memory.events"
      : "\(mountPoint)/memory\(path(of: identifier))/memory.oom_control"
    guard let text = SystemFile.text(file) else { return nil }
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      if fields.count == 2, fields[0] == "oom_kill" { return Int64(fields[1]) }
    }
    return nil
  }

  /// Memory in use, in bytes.
  static func memoryInUse(of identifier: String) -> Int64? {
    hierarchy == .version2
      ? number("\(mountPoint)\(path(of: identifier))/memory.current")
      : number("\(mountPoint)/memory\(path(of: identifier))/memory.usage_in_bytes")
  }

  private static func words(_ path: String) -> [Substring] {
    SystemFile.text(path)?.split(whereSeparator: { $0.isWhitespace }) ?? []
  }

  private static func number(_ path: String) -> Int64? { words(path).first.flatMap { Int64($0) } }
}
