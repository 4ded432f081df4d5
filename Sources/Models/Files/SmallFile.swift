import Glibc

/// Small files in a directory, written whole: after a crash there is the old file, the new one, or a name that begins with
/// ``temporaryPrefix``.
enum SmallFile {
  static let temporaryPrefix = ".tmp-"

  /// Replaces or makes `name`; durable on return.
  static func write(_ bytes: [UInt8], as name: String, mode: mode_t, in directory: OpenDirectory)
    throws(SystemCallFault)
  {
    let temporary = temporaryPrefix + name
    let path = directory.pathOf(temporary)
    // One of a crash before.
    try directory.removeFile(temporary)
    let file = openat(directory.descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw .last("openat", path) }
    defer { close(file) }
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
      if count < 0 {
        if errno == EINTR { continue }
        throw .last("write", path)
      }
      done += count
    }
    guard fchmod(file, mode) == 0 else { throw .last("fchmod", path) }
    guard fsync(file) == 0 else { throw .last("fsync", path) }
    guard renameat(directory.descriptor, temporary, directory.descriptor, name) == 0 else {
      throw .last("renameat", path)
    }
    try directory.sync()
  }

  /// The bytes of a regular file of at most `limit` bytes, or nil when it is absent.
  static func read(_ name: String, limit: Int, in directory: OpenDirectory) throws(SystemCallFault) -> [UInt8]? {
    let file: Int32
    do throws(SystemCallFault) {
      file = try directory.openFile(name)
    } catch {
      if error.errno == ENOENT { return nil }
      throw error
    }
    defer { close(file) }
    let path = directory.pathOf(name)
    guard try FileStatus(of: file, path: path).kind == .file else {
      throw SystemCallFault(call: "open", path: path, errno: EISDIR)
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = buffer.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw .last("read", path)
      }
      if count == 0 { return bytes }
      bytes.append(contentsOf: buffer[..<count])
      guard bytes.count <= limit else { throw SystemCallFault(call: "read", path: path, errno: EFBIG) }
    }
  }
}
