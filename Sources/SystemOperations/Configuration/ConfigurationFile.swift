import Glibc

/// The file of a ``SystemConfiguration``. Whoever can write it decides which box this machine obeys, so only root may.
public enum ConfigurationFile {
  /// Why a file is not believed.
  public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
    case absent(path: String)
    case owner(path: String, uid: UInt32)
    /// Its group or everybody may write it.
    case writable(path: String, mode: UInt32)
    case malformed(path: String, reason: String)
    case system(SystemFault)

    public var description: String {
      switch self {
      case .absent(let path): "there is no \(path)"
      case .owner(let path, let uid): "\(path) belongs to user \(uid), not to root"
      case .writable(let path, let mode): "\(path) may be written by others: mode 0\(String(mode, radix: 8))"
      case .malformed(let path, let reason): "\(path): \(reason)"
      case .system(let fault): "\(fault)"
      }
    }
  }

  /// Reads and checks the file. A symbolic link is refused. A process that is not root's may use its own file: on a
  /// developer's machine there is no other.
  public static func read(_ path: String) throws(Failure) -> SystemConfiguration {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard file >= 0 else { throw errno == ENOENT ? .absent(path: path) : .system(SystemFault("open", path)) }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw .system(SystemFault("fstat", path)) }
    guard status.st_uid == 0 || status.st_uid == geteuid() else { throw .owner(path: path, uid: status.st_uid) }
    guard status.st_mode & 0o022 == 0 else { throw .writable(path: path, mode: status.st_mode & 0o7777) }
    let bytes: [UInt8]
    do { bytes = try FileBytes.read(file, limit: SystemConfiguration.maxBytes, path) } catch { throw .system(error) }
    do {
      return try SystemConfiguration(parsing: bytes)
    } catch {
      throw .malformed(path: path, reason: "\(error)")
    }
  }

  /// Writes a file that must not exist, mode 0644; its directory must.
  public static func create(_ path: String, _ configuration: SystemConfiguration) throws(SystemFault) {
    let slash = path.lastIndex(of: "/")
    let directory = try AnchoredDirectory(
      opening: slash.map { String(path[..<$0]) }.map { $0.isEmpty ? "/" : $0 } ?? ".")
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    try directory.create(name, configuration.bytes, mode: 0o644)
  }
}
