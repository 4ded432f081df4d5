import CJail

/// What stands between a tool and the machine, by the names that entries, manifests and `safebox status` use.
public enum Layer: String, Sendable, Hashable, CaseIterable {
  case userNamespace = "user-namespace"
  case pidNamespace = "pid-namespace"
  case networkNamespace = "network-namespace"
  case mountNamespace = "mount-namespace"
  case ipcNamespace = "ipc-namespace"
  case utsNamespace = "uts-namespace"
  case cgroupNamespace = "cgroup-namespace"
  /// A read-only file system with nothing in it is the root.
  case emptyRoot = "empty-root"
  /// The kernel does not know the worker as root.
  case unprivilegedUser = "unprivileged-user"
  case noCapabilities = "no-capabilities"
  case noNewPrivileges = "no-new-privileges"
  case resourceLimits = "resource-limits"
  /// The worker dies with the daemon.
  case parentDeathSignal = "parent-death-signal"
  case memoryCgroup = "memory-cgroup"
  case pidsCgroup = "pids-cgroup"
  case landlockFiles = "landlock-files"
  case landlockNetwork = "landlock-network"
  case landlockScope = "landlock-scope"
  /// A system call outside a short list kills the worker.
  case seccomp = "seccomp"
  /// gVisor's kernel serves the worker's system calls, in a process of its own.
  case gvisorKernel = "gvisor-kernel"

  /// The layer that `jail_layer` of CJail numbers so.
  init?(index: Int) {
    guard let name = jail_layer_name(Int32(truncatingIfNeeded: index)) else { return nil }
    self.init(rawValue: String(cString: name))
  }
}
