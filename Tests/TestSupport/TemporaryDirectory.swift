import Foundation

/// A fresh directory that is removed with everything in it when the last reference goes.
public final class TemporaryDirectory: Sendable {
  /// Absolute path, without a trailing slash.
  public let path: String

  /// Creates a directory, mode 0700, below the system's temporary directory.
  public init() throws {
    let name = "safebox-test-" + UUID().uuidString.lowercased()
    path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of `name` below the directory; nothing is created.
  public func file(_ name: String) -> String { path + "/" + name }

  /// Writes a file below the directory and returns its path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let path = file(name)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  /// Reads a file below the directory.
  public func read(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: file(name))))
  }
}
