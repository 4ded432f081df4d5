import CanonicalJSON
import Cryptography
import Snapshots

/// What an installation made of the root.
public struct PackageReport: Sendable, Hashable {
  public struct Installed: Sendable, Hashable {
    public let name: String
    public let version: String
    public let architecture: String
  }

  /// Of the manifest.
  public let manifest: SHA256Digest
  /// Goes back to what was before.
  public let snapshot: SnapshotLabel
  /// The root's tree before and after.
  public let before: SHA256Digest
  public let after: SHA256Digest
  /// As dpkg has them afterwards.
  public let installed: [Installed]

  /// For an operation's result.
  public var json: JSON {
    [
      "manifest": .string(manifest.hex), "snapshot": .string(snapshot.text), "before": .string(before.hex),
      "after": .string(after.hex), "packages": .integer(Int64(installed.count)),
    ]
  }
}

/// How far an installation had come when the machine stopped.
public enum InstallState: Sendable, Hashable {
  /// The root was not touched.
  case notBegun
  /// All of the manifest is installed.
  case installed
  /// It was half done, and is undone.
  case rolledBack(RollbackEvidence)
}
