import Governance

/// Everything that the privileged process does for others. There is nothing else: the page of `safebox-system operations`,
/// the unit of systemd, the sudoers file, the journal and the routes are made from this file.
public enum Operation: String, Sendable, Hashable, CaseIterable {
  case installModel = "model.install"
  case removeModel = "model.remove"
  case startRunner = "runner.start"
  case stopRunner = "runner.stop"
  case restartRunner = "runner.restart"
  case installPackages = "package.install"
  case createSnapshot = "snapshot.create"
  case rollBack = "snapshot.rollback"
  case createDirectory = "directory.create"

  /// What an operation is given and what it may touch.
  public var surface: Surface {
    switch self {
    case .installModel:
      Surface(
        "fetch a model, verify every byte of it, and make it available read-only",
        parameters: ["manifest", "name", "version", "bytes", "files", "licence", "runner"], attachment: "manifest",
        writes: [.models, .manifests], capabilities: [.linuxImmutable], network: true, snapshot: .models,
        seconds: 86_400)
    case .removeModel:
      Surface(
        "remove the weights of a model that no runner uses", parameters: ["manifest"], writes: [.models],
        capabilities: [.linuxImmutable], snapshot: .models, seconds: 3600)
    case .startRunner:
      Surface(
        "verify an approved model again and serve it in a container without network",
        parameters: ["name", "model", "isolation"], reads: [.models, .manifests, .runners],
        writes: [.run, .controlGroups], programs: [.runc, .runsc], capabilities: Capability.containers, seconds: 3600)
    case .stopRunner:
      Surface(
        "drain and stop a runner", parameters: ["name"], writes: [.run, .controlGroups], programs: [.runc, .runsc],
        capabilities: Capability.containers, seconds: 600)
    case .restartRunner:
      Surface(
        "restart a runner that ought to run", authority: .standing, parameters: ["name"],
        reads: [.models, .manifests, .runners], writes: [.run, .controlGroups], programs: [.runc, .runsc],
        capabilities: Capability.containers, seconds: 3600)
    case .installPackages:
      Surface(
        "fetch and verify Debian packages, then install them as one with the network closed",
        parameters: ["manifest", "name", "packages", "bytes"], attachment: "manifest",
        writes: [.packages, .manifests], programs: [.dpkg, .unshare], capabilities: Capability.packages, network: true,
        snapshot: .packages, seconds: 7200)
    case .createSnapshot:
      Surface(
        "take a snapshot", parameters: ["scope", "name"], reads: [.models, .packages, .directories],
        writes: [.snapshots], programs: [.btrfs, .zfs], capabilities: Capability.snapshots, seconds: 3600)
    case .rollBack:
      Surface(
        "put back what a snapshot holds; the log stays as it is", parameters: ["scope", "name"],
        writes: [.models, .packages, .directories, .snapshots], programs: [.btrfs, .zfs],
        capabilities: Capability.snapshots, snapshot: .named, seconds: 3600)
    case .createDirectory:
      Surface(
        "make a directory", parameters: ["name"], writes: [.directories], snapshot: .directories, seconds: 60)
    }
  }
}
