import Glibc

/// Small files by path: read whole, created once, or replaced in one step. What a crash leaves is the old file or the new.
public enum WholeFile {
  /// Whether there is something at the path that this process may look at.
  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// The bytes of a regular file, or nil when it is absent. Over `limit` bytes: EFBIG.
  ///
  /// - Parameter secret: Refuses with EACCES a file that others than its owner may read.
  public static func read(_ path: String, limit: Int, secret: Bool = false) throws(SystemCallError) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT { return nil }
      throw SystemCallError.last("open", path)
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw SystemCallError.last("fstat", path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw SystemCallError(call: "open", subject: path, errno: EISDIR) }
    guard !secret || status.st_mode & 0o077 == 0 else {
      throw SystemCallError(call: "open (others may read this secret)", subject: path, errno: EACCES)
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = Glibc.read(file, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemCallError.last("read", path)
      }
      if count == 0 { return bytes }
      bytes.append(contentsOf: buffer[..<count])
      guard bytes.count <= limit else { throw SystemCallError(call: "read", subject: path, errno: EFBIG) }
    }
  }

  /// Writes a file that must not exist; durable on return. EEXIST when it does.
  public static func create(_ path: String, with bytes: [UInt8], mode: UInt32) throws(SystemCallError) {
    let temporary = try writeTemporary(path, bytes, mode)
    guard link(temporary, path) == 0 else {
      let failure = SystemCallError.last("link", path)
      unlink(temporary)
      throw failure
    }
    unlink(temporary)
    try syncDirectory(of: path)
  }

  /// Writes a file in place of what is there; durable on return.
  public static func replace(_ path: String, with bytes: [UInt8], mode: UInt32) throws(SystemCallError) {
    let temporary = try writeTemporary(path, bytes, mode)
    guard rename(temporary, path) == 0 else {
      let failure = SystemCallError.last("rename", path)
      unlink(temporary)
      throw failure
    }
    try syncDirectory(of: path)
  }

  private static func writeTemporary(_ path: String, _ bytes: [UInt8], _ mode: UInt32) throws(SystemCallError) -> String
  {
    let temporary = "\(path).tmp-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
    guard file >= 0 else { throw SystemCallError.last("open", temporary) }
    do throws(SystemCallError) {
      // The umask may have taken bits away; the caller's mode is what it says.
      guard fchmod(file, mode) == 0 else { throw SystemCallError.last("fchmod", temporary) }
      try DurableFile.writeAll(bytes, to: file, temporary)
      // A failed fsync is final: see `DurableFile`.
      guard fsync(file) == 0 else { throw SystemCallError.last("fsync", temporary) }
    } catch {
      close(file)
      unlink(temporary)
      throw error
    }
    guard close(file) == 0 else { throw SystemCallError.last("close", temporary) }
    return temporary
  }

  private static func syncDirectory(of path: String) throws(SystemCallError) {
    let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let directory = open(parent.isEmpty ? "/" : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw SystemCallError.last("open", parent) }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw SystemCallError.last("fsync", parent) }
  }
}
