import CanonicalJSON
import Cryptography
import Snapshots

/// Why packages were not installed. Unless the fault says otherwise, the root was not touched.
public enum PackageFault: Error, Hashable, Sendable {
  /// At most so many problems are named.
  static let named = 32

  /// A package that would become older.
  public struct Downgrade: Sendable, Hashable {
    public let name: String
    public let installed: DebianVersion
    public let manifest: DebianVersion
  }

  /// A system call failed.
  case system(call: String, subject: String, errno: Int32)
  /// A package's file is not in the directory, or is no regular file.
  case missingFile(String)
  /// It has not the size that the manifest gives it.
  case wrongSize(file: String, expected: Int64, actual: Int64)
  /// It has not the digest that the manifest gives it.
  case wrongDigest(file: String, expected: SHA256Digest, actual: SHA256Digest)
  /// What a package says of itself is not what the manifest says.
  case wrongControl(file: String, field: String, expected: String, actual: String)
  /// dpkg-deb cannot read a package, or what it says is no control file.
  case unreadable(file: String, reason: String)
  /// The root has no dpkg database that can be read.
  case noDatabase(reason: String)
  /// Packages in the root that are half installed: an earlier installation came to no end.
  case unclean([String])
  /// The root is of another architecture.
  case wrongArchitecture(expected: String, actual: String)
  /// Packages would become older, and the manifest does not say that they may.
  case downgrade([Downgrade])
  /// Dependencies that would not hold, or conflicts that would.
  case unsatisfied([String])
  /// Packages that depend on each other so that none can be first.
  case unordered([String])
  /// Another dpkg or apt works on this root.
  case locked(String)
  /// The snapshot before could not be taken.
  case snapshot(SnapshotFault)
  /// The installation failed, and the root is again what it was: `evidence` shows it.
  case rolledBack(reason: InstallFailure, evidence: RollbackEvidence)
  /// The installation failed, and so did the rollback: the root is neither what it was nor what it was to become.
  case broken(reason: InstallFailure, rollback: SnapshotFault)

  static func last(_ call: String, _ subject: String, _ errno: Int32) -> PackageFault {
    .system(call: call, subject: subject, errno: errno)
  }
}

/// Why an installation that had begun failed.
public enum InstallFailure: Error, Hashable, Sendable {
  /// dpkg ended with this status; the end of what it wrote.
  case dpkg(status: Int32, output: String)
  /// It took longer than it may.
  case timedOut(seconds: Int, output: String)
  /// dpkg could not be started.
  case notStarted(SnapshotFault)
  /// dpkg was content, but what is installed is not what the manifest says.
  case wrongResult([String])
  /// The tree could not be digested afterwards.
  case undigested(SnapshotFault)
  /// The machine stopped meanwhile.
  case interrupted
}

extension InstallFailure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .dpkg(let status, let output): "dpkg ended with status \(status): \(output)"
    case .timedOut(let seconds, let output): "dpkg did not end within \(seconds) seconds: \(output)"
    case .notStarted(let fault): "dpkg could not be started: \(fault)"
    case .wrongResult(let problems): "afterwards " + problems.joined(separator: "; ")
    case .undigested(let fault): "the root could not be digested afterwards: \(fault)"
    case .interrupted: "the machine stopped meanwhile"
    }
  }
}

extension PackageFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .system(let call, let subject, let errno): "\(call) \(subject): errno \(errno)"
    case .missingFile(let file): "\(file) is not there"
    case .wrongSize(let file, let expected, let actual): "\(file) has \(actual) bytes instead of \(expected)"
    case .wrongDigest(let file, let expected, let actual): "\(file) has SHA-256 \(actual) instead of \(expected)"
    case .wrongControl(let file, let field, let expected, let actual):
      "\(file) says \(field) \(actual) where the manifest says \(expected)"
    case .unreadable(let file, let reason): "\(file) cannot be read: \(reason)"
    case .noDatabase(let reason): "no dpkg database: \(reason)"
    case .unclean(let names): "half installed: " + names.joined(separator: ", ")
    case .wrongArchitecture(let expected, let actual): "packages for \(actual), but the root is \(expected)"
    case .downgrade(let older):
      "older than installed: " + older.map { "\($0.name) \($0.manifest) < \($0.installed)" }.joined(separator: ", ")
    case .unsatisfied(let problems): problems.joined(separator: "; ")
    case .unordered(let names): "none of these can be installed first: " + names.joined(separator: ", ")
    case .locked(let file): "\(file) is locked: another dpkg or apt works on this root"
    case .snapshot(let fault): "no snapshot before the installation: \(fault)"
    case .rolledBack(let reason, let evidence):
      "\(reason); rolled back to \(evidence.before), which is what the root is again"
    case .broken(let reason, let rollback): "\(reason); and the rollback failed: \(rollback)"
    }
  }
}
