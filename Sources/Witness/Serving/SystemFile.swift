import Glibc
import Storage

/// Small whole files of the witness: its configuration and its key.
enum SystemFile {
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// The octets of a file of at most `limit` bytes; nil when it is absent.
  ///
  /// - Parameter secret: Refuses a file that others than its owner may read.
  static func read(_ path: String, limit: Int, secret: Bool = false) throws(SystemCallError) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT { return nil }
      throw SystemCallError(call: "open", subject: path, errno: errno)
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw SystemCallError(call: "fstat", subject: path, errno: errno) }
    guard !secret || status.st_mode & 0o077 == 0 else {
      throw SystemCallError(call: "open (others may read this secret)", subject: path, errno: EACCES)
    }
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemCallError(call: "read", subject: path, errno: errno)
      }
      if count == 0 { break }
      done += count
    }
    guard done <= limit else { throw SystemCallError(call: "read", subject: path, errno: EFBIG) }
    return Array(bytes[..<done])
  }

  /// Writes a new file that only its owner may read, and syncs it and its directory. An existing file is an error.
  static func createSecret(_ path: String, contents: [UInt8]) throws(SystemCallError) {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw SystemCallError(call: "open", subject: path, errno: errno) }
    defer { close(file) }
    var done = 0
    while done < contents.count {
      let count = contents.withUnsafeBytes { write(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemCallError(call: "write", subject: path, errno: errno)
      }
      done += count
    }
    guard fsync(file) == 0 else { throw SystemCallError(call: "fsync", subject: path, errno: errno) }
    let slash = path.lastIndex(of: "/")
    let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw SystemCallError(call: "open", subject: parent, errno: errno) }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw SystemCallError(call: "fsync", subject: parent, errno: errno) }
  }
}
