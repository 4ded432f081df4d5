import Foundation
import Snapshots
import TestSupport
import Testing

/// A scope, a store, an index and a log, on a file system of the test's choice.
final class Place: Sendable {
  enum FileSystem: String, CaseIterable, CustomTestStringConvertible {
    case disk
    case memory
    case btrfs

    var testDescription: String { rawValue }

    /// Those that can be had here.
    static var available: [FileSystem] {
      allCases.filter { $0 != .btrfs || BtrfsDisk.isAvailable }
        .filter { $0 != .memory || FileManager.default.isWritableFile(atPath: "/dev/shm") }
    }
  }

  let base: String
  var scope: String { base + "/scope" }
  var store: String { base + "/store" }
  var log: String { base + "/log" }
  var index: String { base + "/index/scope.json" }
  let kind: SnapshotKind
  private let disk: BtrfsDisk?
  private let directory: TemporaryDirectory?

  init(_ fileSystem: FileSystem = .disk, kind: SnapshotKind = .directory) throws {
    self.kind = kind
    switch fileSystem {
    case .disk:
      directory = try TemporaryDirectory()
      disk = nil
      base = directory?.path ?? ""
    case .memory:
      directory = nil
      disk = nil
      base = "/dev/shm/safebox-test-" + UUID().uuidString.lowercased()
    case .btrfs:
      directory = nil
      disk = try BtrfsDisk.shared()
      base = (disk?.path ?? "") + "/" + UUID().uuidString.lowercased()
    }
    for path in [base, log, base + "/index"] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    if kind == .btrfs {
      try BtrfsSnapshots.makeScope(scope)
    } else {
      try FileManager.default.createDirectory(atPath: scope, withIntermediateDirectories: true)
    }
    try SampleTree.make(scope)
  }

  deinit { if directory == nil, disk == nil { _ = try? Subprocess.run("/bin/rm", ["-rf", base]) } }

  func backend(hook: @escaping SnapshotHook = { _ in }) throws -> any SnapshotBackend {
    kind == .btrfs
      ? try BtrfsSnapshots(scope: scope, store: store, hook: hook)
      : try DirectorySnapshots(scope: scope, store: store, hook: hook)
  }

  func keeper(hook: @escaping SnapshotHook = { _ in }) throws -> SnapshotKeeper {
    try SnapshotKeeper(backend(hook: hook), index: index, log: log, hook: hook)
  }

  /// What an action does to the scope.
  func spoil() throws {
    try SampleTree.write(scope + "/etc/config", "one = 2\n", mode: 0o600)
    try SampleTree.write(scope + "/new", "new")
    try FileManager.default.removeItem(atPath: scope + "/etc/deep")
  }

  /// Names in the store that are no snapshots.
  func leftovers() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: store).filter { $0.hasPrefix(".") }
  }
}

extension SnapshotLabel: ExpressibleByStringLiteral {
  public init(stringLiteral text: String) {
    do { self = try SnapshotLabel(text) } catch { preconditionFailure("\(error)") }
  }
}
