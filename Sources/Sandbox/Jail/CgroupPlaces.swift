/// Where this process stands in each cgroup hierarchy, as directories (cgroups(7), proc_pid_mountinfo(5)).
struct CgroupPlaces: Sendable, Hashable {
  /// In the v2 hierarchy.
  var unified: String?
  /// In the v1 hierarchy of a controller.
  var legacy: [String: String] = [:]

  /// - Parameters:
  ///   - membership: `/proc/self/cgroup`.
  ///   - mounts: `/proc/self/mountinfo`.
  init(membership: String, mounts: String) {
    var paths: [String: String] = [:]
    for line in membership.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      for controller in fields[1].split(separator: ",", omittingEmptySubsequences: false) {
        paths[String(controller)] = String(fields[2])
      }
    }
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else { continue }
      let root = String(fields[3])
      let point = String(fields[4])
      switch fields[dash + 1] {
      case "cgroup2":
        unified = unified ?? paths[""].flatMap { Self.directory(of: $0, root: root, point: point) }
      case "cgroup":
        for option in fields[dash + 3].split(separator: ",") where legacy[String(option)] == nil {
          legacy[String(option)] = paths[String(option)].flatMap {
            Self.directory(of: $0, root: root, point: point)
          }
        }
      default: break
      }
    }
  }

  /// In a container the mount shows only a part of the hierarchy; what lies outside it has no directory.
  private static func directory(of path: String, root: String, point: String) -> String? {
    if root == "/" { return path == "/" ? point : point + path }
    guard path == root || path.hasPrefix(root + "/") else { return nil }
    return point + path.dropFirst(root.count)
  }
}
