import CanonicalJSON

/// The container of one runner as the OCI runtime specification has it (`config.json`, version 1.0.2). Pure.
///
/// New namespaces for processes, network, IPC, host name, mounts and control groups; the network has nothing but its own
/// loopback. Root file system and weights are read-only; what it can write is memory of bounded size, one directory with
/// the socket and one with the cache. It runs as nobody, without capabilities, and can gain none.
public struct ContainerSpec: Sendable {
  /// The user that a runner is, in the container and outside.
  public static let nobody: Int64 = 65_534

  /// Directories of the host that a container sees.
  public struct Directories: Sendable, Hashable {
    /// The verified root file system.
    public var root: String
    /// Where the verified files of the model are mounted.
    public var models: String
    /// Where the adapter is mounted, if the definition wants one.
    public var adapters: String?
    public var socket: String
    public var cache: String
  }

  public let json: JSON

  public init(
    identifier: String, command: CommandTemplate, definition: RunnerDefinition, directories: Directories,
    limits: ContainerLimits, devices: CDISpecification.Edits = CDISpecification.Edits()
  ) {
    typealias Place = CommandTemplate.Place
    var mounts: [JSON] = [
      Self.mount("proc", "proc", on: "/proc", ["nosuid", "noexec", "nodev"]),
      Self.mount("tmpfs", "tmpfs", on: "/dev", ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"]),
    ]
    for (path, bytes) in definition.writable.sorted(by: { $0.key < $1.key }) {
      mounts.append(
        // runc gives the mount the mode of the directory below it, so it is the owner who may write.
        Self.mount(
          "tmpfs", "tmpfs", on: path,
          ["nosuid", "noexec", "nodev", "mode=0755", "uid=\(Self.nobody)", "gid=\(Self.nobody)", "size=\(bytes)"]))
    }
    mounts.append(Self.bind(directories.models, on: Place.models, ["rbind", "ro", "nosuid", "nodev", "noexec"]))
    if let adapters = directories.adapters {
      mounts.append(Self.bind(adapters, on: Place.adapters, ["rbind", "ro", "nosuid", "nodev"]))
    }
    mounts.append(
      Self.bind(directories.socket, on: Place.socketDirectory, ["bind", "rw", "nosuid", "nodev", "noexec"]))
    mounts.append(Self.bind(directories.cache, on: Place.cache, ["bind", "rw", "nosuid", "nodev", "noexec"]))
    mounts += devices.mounts

    var root: JSONObject = [
      "ociVersion": "1.0.2",
      "hostname": "runner",
      "root": ["path": .string(directories.root), "readonly": true],
      "mounts": .array(mounts),
      "process": Self.process(command, limits: limits, environment: devices.environment),
      "linux": Self.linux(identifier, definition: definition, limits: limits, devices: devices),
    ]
    if !devices.hooks.isEmpty {
      var hooks: [String: [JSON]] = [:]
      for (name, hook) in devices.hooks { hooks[name, default: []].append(hook) }
      root["hooks"] = .object(JSONObject(hooks.sorted { $0.key < $1.key }.map { ($0.key, .array($0.value)) }))
    }
    json = .object(root)
  }

  private static func process(_ command: CommandTemplate, limits: ContainerLimits, environment: [String]) -> JSON {
    [
      "terminal": false,
      // The socket's directory decides who may connect, not the mode that a server happens to give its socket.
      "user": ["uid": .integer(nobody), "gid": .integer(nobody), "umask": 0, "additionalGids": []],
      "args": .array(command.arguments.map(JSON.string)),
      "env": .array((command.environment + environment).map(JSON.string)),
      "cwd": "/",
      "noNewPrivileges": true,
      "oomScoreAdj": 500,
      "capabilities": ["bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": []],
      "rlimits": [
        limit("RLIMIT_NOFILE", limits.openFiles), limit("RLIMIT_FSIZE", limits.fileBytes), limit("RLIMIT_CORE", 0),
        limit("RLIMIT_MEMLOCK", 0), limit("RLIMIT_MSGQUEUE", 0), limit("RLIMIT_NICE", 0), limit("RLIMIT_RTPRIO", 0),
      ],
    ]
  }

  private static func linux(
    _ identifier: String, definition: RunnerDefinition, limits: ContainerLimits, devices: CDISpecification.Edits
  ) -> JSON {
    let period: Int64 = 100_000
    var rules: [JSON] = [["allow": false, "access": "rwm"]]
    for node in devices.nodes {
      rules.append([
        "allow": true, "type": .string(node.type), "major": .integer(node.major), "minor": .integer(node.minor),
        "access": .string(node.permissions),
      ])
    }
    return [
      "namespaces": .array(
        ["pid", "network", "ipc", "uts", "mount", "cgroup"].map { ["type": .string($0)] }),
      "cgroupsPath": .string(ControlGroups.path(of: identifier)),
      "resources": [
        "memory": ["limit": .integer(limits.memoryBytes), "swap": .integer(limits.memoryBytes)],
        "cpu": ["quota": .integer(limits.cpus * period), "period": .integer(period)],
        "pids": ["limit": .integer(limits.pids)],
        "devices": .array(rules),
      ],
      "devices": .array(
        devices.nodes.map { node in
          [
            "path": .string(node.path), "type": .string(node.type), "major": .integer(node.major),
            "minor": .integer(node.minor), "fileMode": .integer(node.fileMode), "uid": .integer(nobody),
            "gid": .integer(nobody),
          ]
        }),
      "seccomp": SystemCallFilter.profile(usesLoopback: definition.usesLoopback),
      "maskedPaths": [
        "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/proc/interrupts", "/proc/kallsyms", "/proc/modules",
        "/proc/cmdline", "/proc/config.gz",
      ],
      "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
      "rootfsPropagation": "private",
    ]
  }

  private static func limit(_ type: String, _ value: Int64) -> JSON {
    ["type": .string(type), "soft": .integer(value), "hard": .integer(value)]
  }

  private static func mount(_ type: String, _ source: String, on path: String, _ options: [String]) -> JSON {
    [
      "destination": .string(path), "type": .string(type), "source": .string(source),
      "options": .array(options.map(JSON.string)),
    ]
  }

  private static func bind(_ source: String, on path: String, _ options: [String]) -> JSON {
    mount("bind", source, on: path, options + ["private"])
  }
}
