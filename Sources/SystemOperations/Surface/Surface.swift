import Governance

/// What one privileged operation is given and what it may touch.
public struct Surface: Sendable, Hashable {
  /// What an operation rests on.
  public enum Authority: String, Sendable, Hashable {
    /// A decision of its own, which the follower found in the log.
    case decision
    /// An earlier decision that is still in force: it changes nothing that was decided.
    case standing
  }

  /// What is snapshot before an operation.
  public enum SnapshotBefore: String, Sendable, Hashable {
    case none, models, packages, directories
    /// The scope that the order names.
    case named
  }

  /// One line, lower case, no final period.
  public let summary: String
  public let authority: Authority
  /// The members of the action's params: all of them, in the order in which they are shown.
  public let parameters: [String]
  /// The parameter that is the digest of a document sent along under the same name.
  public let attachment: String?
  public let reads: [Place]
  public let writes: [Place]
  public let programs: [Program]
  public let capabilities: [Capability]
  /// Whether it speaks to other machines.
  public let network: Bool
  public let snapshot: SnapshotBefore
  /// After how many seconds it is told to stop.
  public let seconds: Int

  init(
    _ summary: String, authority: Authority = .decision, parameters: [String], attachment: String? = nil,
    reads: [Place] = [], writes: [Place], programs: [Program] = [], capabilities: [Capability] = [],
    network: Bool = false, snapshot: SnapshotBefore = .none, seconds: Int
  ) {
    self.summary = summary
    self.authority = authority
    self.parameters = parameters
    self.attachment = attachment
    self.reads = reads
    self.writes = writes
    self.programs = programs
    self.capabilities = capabilities
    self.network = network
    self.snapshot = snapshot
    self.seconds = seconds
  }
}

/// A place that operations read or write. All but the last lie below the root directory of the privileged process.
public enum Place: String, Sendable, Hashable, CaseIterable {
  case models, manifests, runners, run, packages, directories, snapshots
  case controlGroups = "/sys/fs/cgroup"

  /// The absolute path, given the root directory.
  public func path(below root: String) -> String { rawValue.hasPrefix("/") ? rawValue : "\(root)/\(rawValue)" }
}

/// A program that operations start, by the one path at which it is looked for.
public enum Program: String, Sendable, Hashable, CaseIterable {
  case runc = "/usr/sbin/runc"
  case runsc = "/usr/bin/runsc"
  case dpkg = "/usr/bin/dpkg"
  case unshare = "/usr/bin/unshare"
  case btrfs = "/usr/bin/btrfs"
  case zfs = "/usr/sbin/zfs"
}

/// A capability of Linux (capabilities(7)).
public enum Capability: String, Sendable, Hashable, CaseIterable {
  case chown = "CAP_CHOWN"
  case dacOverride = "CAP_DAC_OVERRIDE"
  case owner = "CAP_FOWNER"
  case setID = "CAP_FSETID"
  case kill = "CAP_KILL"
  case linuxImmutable = "CAP_LINUX_IMMUTABLE"
  case makeNode = "CAP_MKNOD"
  case networkAdministration = "CAP_NET_ADMIN"
  case setCapabilities = "CAP_SETPCAP"
  case setGroup = "CAP_SETGID"
  case setUser = "CAP_SETUID"
  case administration = "CAP_SYS_ADMIN"
  case changeRoot = "CAP_SYS_CHROOT"
  case resources = "CAP_SYS_RESOURCE"

  /// What an OCI runtime needs to build a container, and to give everything away inside it.
  static let containers: [Capability] = [
    .administration, .changeRoot, .chown, .dacOverride, .kill, .makeNode, .networkAdministration, .owner, .resources,
    .setCapabilities, .setGroup, .setUser,
  ]
  /// What dpkg needs to install into a root with owners and modes, in a network namespace without a way out.
  static let packages: [Capability] = [
    .administration, .changeRoot, .chown, .dacOverride, .owner, .setGroup, .setID, .setUser,
  ]
  /// What taking and restoring a snapshot needs: subvolumes, or copies with owners and modes.
  static let snapshots: [Capability] = [.administration, .chown, .dacOverride, .linuxImmutable, .owner, .setID]
}
