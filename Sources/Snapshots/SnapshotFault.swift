import Cryptography
import Glibc

/// Why a snapshot was not taken, restored, digested or removed.
public enum SnapshotFault: Error, Hashable, Sendable {
  /// A system call failed.
  case system(call: String, subject: String, errno: Int32)
  /// Not a label: ``SnapshotLabel``.
  case badLabel(String)
  /// A path that cannot be what it is said to be: not absolute, a symbolic link, on another file system, ...
  case badPath(String, reason: String)
  /// The scope and something that must lie outside it are one inside the other.
  case overlap(scope: String, with: String)
  /// There is a snapshot of this name.
  case exists(SnapshotLabel)
  /// There is none of this name.
  case missing(SnapshotLabel)
  /// There is one, but nothing says what it held when it was taken.
  case unrecorded(SnapshotLabel)
  /// It is pinned and stays.
  case pinned(SnapshotLabel)
  /// The keeper keeps as many as it may.
  case full(limit: Int)
  /// What the snapshot holds is not what it held when it was taken: it was altered, and is not restored.
  case altered(SnapshotLabel, recorded: SHA256Digest, found: SHA256Digest)
  /// The restored tree is not what was recorded.
  case notRestored(SnapshotLabel, recorded: SHA256Digest, found: SHA256Digest)
  /// The tree changed while it was read or copied; the path is relative to it.
  case changed(path: String)
  /// The tree crosses into another file system, a mount or a subvolume; neither a copy nor a snapshot would hold that.
  case otherFileSystem(path: String)
  /// The tree is larger than ``TreeLimits`` allow.
  case tooLarge(what: String, limit: Int)
  /// Somebody uses the tree that would be replaced.
  case inUse([TreeUse])
  /// Another keeper works on this scope.
  case locked(path: String)
  /// The index is damaged or of another scope.
  case badIndex(path: String, reason: String)
  /// A program failed: its name, exit status (128 + signal when a signal ended it), and the end of what it wrote.
  case command(String, status: Int32, output: String)
  /// ZFS restores only its latest snapshot; these are more recent.
  case moreRecent([String])
  /// ZFS says that the dataset or snapshot is busy: held, mounted or cloned.
  case busy(String)
  /// A test interrupted the operation here, as a crash would.
  case interrupted(SnapshotStep)

  static func system(_ call: String, _ subject: String, _ result: Int32) -> SnapshotFault {
    .system(call: call, subject: subject, errno: -result)
  }

  static func last(_ call: String, _ subject: String) -> SnapshotFault {
    .system(call: call, subject: subject, errno: errno)
  }
}

extension SnapshotFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .system(let call, let subject, let errno): "\(call) \(subject): \(SystemError.text(errno))"
    case .badLabel(let text): "\(text.debugDescription) is no name of a snapshot"
    case .badPath(let path, let reason): "\(path): \(reason)"
    case .overlap(let scope, let other): "\(scope) and \(other) lie one inside the other"
    case .exists(let label): "there is a snapshot \(label) already"
    case .missing(let label): "there is no snapshot \(label)"
    case .unrecorded(let label): "nothing says what snapshot \(label) held when it was taken"
    case .pinned(let label): "snapshot \(label) is pinned"
    case .full(let limit): "there are \(limit) snapshots already"
    case .altered(let label, let recorded, let found):
      "snapshot \(label) was altered: its tree was \(recorded) when it was taken and is \(found)"
    case .notRestored(let label, let recorded, let found):
      "after the rollback to \(label) the tree is \(found), not \(recorded)"
    case .changed(let path): "\(path.isEmpty ? "the tree" : path) changed while it was read"
    case .otherFileSystem(let path): "\(path) is a mount, a subvolume or on another file system"
    case .tooLarge(let what, let limit): "the tree has more than \(limit) \(what)"
    case .inUse(let uses): "in use: " + uses.map(\.description).joined(separator: ", ")
    case .locked(let path): "\(path) is held by another keeper of these snapshots"
    case .badIndex(let path, let reason): "\(path): \(reason)"
    case .command(let name, let status, let output): "\(name) failed with status \(status): \(output)"
    case .moreRecent(let names): "more recent snapshots are in the way: " + names.joined(separator: ", ")
    case .busy(let what): "\(what) is busy"
    case .interrupted(let step): "interrupted after \(step)"
    }
  }
}

enum SystemError {
  static func text(_ number: Int32) -> String {
    var text = [CChar](repeating: 0, count: 128)
    guard strerror_r(number, &text, text.count) == 0 else { return "error \(number)" }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
