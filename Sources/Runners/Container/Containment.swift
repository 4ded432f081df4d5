import Glibc

/// What stands around a container that was just made, by the kernel's own word.
public struct Containment: Sendable, Hashable {
  /// Layers in force, by name.
  public let applied: [String]
  /// Layers that are not, and why.
  public let missing: [String: String]
  public let limits: ControlGroups.InForce

  private static let namespaces = ["pid", "net", "ipc", "uts", "mnt", "cgroup"]

  /// Looks at the first process of a container that waits to be started.
  ///
  /// - Throws: ``RunnerFault/notContained(layer:why:)`` when a layer is missing that must not be.
  static func inspect(pid: pid_t, identifier: String, isolation: RunnerIsolation) throws(RunnerFault) -> Containment {
    let limits = ControlGroups.limits(of: identifier)
    guard isolation == .runc else {
      // The process outside is gVisor's own; what is around the program is that kernel's business.
      return Containment(
        applied: ["gvisor-kernel", "network-none"],
        missing: [
          "memory-cgroup": "runsc is run without control groups", "pids-cgroup": "runsc is run without control groups",
        ],
        limits: ControlGroups.InForce(hierarchy: .none, memoryBytes: nil, pids: nil, cpuPercent: nil))
    }
    var applied: [String] = []
    for name in namespaces {
      guard let inside = SystemFile.link("/proc/\(pid)/ns/\(name)"),
        let outside = SystemFile.link("/proc/self/ns/\(name)"), inside != outside
      else { throw .notContained(layer: name + "-namespace", why: "it is the host's") }
      applied.append(name + "-namespace")
    }
    var missing: [String: String] = [:]
    let groups: [(name: String, value: Int64?)] = [
      ("memory-cgroup", limits.memoryBytes), ("pids-cgroup", limits.pids), ("cpu-cgroup", limits.cpuPercent),
    ]
    for (name, value) in groups {
      if value != nil { applied.append(name) } else { missing[name] = "\(limits.hierarchy.rawValue) has no such limit" }
    }
    return Containment(applied: applied, missing: missing, limits: limits)
  }

  /// What holds once the program itself runs: user, capabilities, no_new_privs and seccomp of its process.
  func withProgram(pid: pid_t) throws(RunnerFault) -> Containment {
    guard applied.contains("pid-namespace") else { return self }
    guard let text = SystemFile.text("/proc/\(pid)/status") else {
      throw .notContained(layer: "process", why: "it has ended")
    }
    var fields: [Substring: Substring] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { fields[parts[0]] = parts[1].drop { $0.isWhitespace } }
    }
    let nobody = "\(ContainerSpec.nobody)"
    let wanted: [(layer: String, field: Substring, value: Substring)] = [
      ("unprivileged-user", "Uid", Substring([nobody, nobody, nobody, nobody].joined(separator: "\t"))),
      ("no-capabilities", "CapBnd", "0000000000000000"), ("no-capabilities", "CapEff", "0000000000000000"),
      ("no-capabilities", "CapPrm", "0000000000000000"), ("no-new-privileges", "NoNewPrivs", "1"),
      ("seccomp", "Seccomp", "2"),
    ]
    var layers = applied
    for (layer, field, value) in wanted {
      guard fields[field] == value else {
        throw .notContained(layer: layer, why: "\(field) is \(fields[field] ?? "absent")")
      }
      if !layers.contains(layer) { layers.append(layer) }
    }
    return Containment(applied: layers, missing: missing, limits: limits)
  }
}
