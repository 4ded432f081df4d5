import Glibc

/// Files and directories that are an interface to the kernel. A protocol, because on most machines nothing stands behind it:
/// tests play the kernel.
package protocol KernelFiles: Sendable {
  func exists(_ path: String) -> Bool
  /// Makes a directory, which must be new.
  func makeDirectory(_ path: String) throws(GuestFailure)
  func removeDirectory(_ path: String)
  /// One write of all bytes: an attribute of the kernel takes its value in one piece.
  func write(_ bytes: [UInt8], to path: String) throws(GuestFailure)
  /// All bytes; more than `limit` is refused.
  func read(_ path: String, limit: Int) throws(GuestFailure) -> [UInt8]
}

/// The machine's own.
package struct SystemFiles: KernelFiles {
  package init() {}

  static func text(_ code: Int32) -> String { strerror(code).map { String(cString: $0) } ?? "errno \(code)" }

  private static func failure(_ call: String, _ path: String) -> GuestFailure {
    errno == ENOENT ? .absent(path) : .system(call: call, path: path, errno: errno)
  }

  package func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  package func makeDirectory(_ path: String) throws(GuestFailure) {
    guard mkdir(path, 0o700) == 0 else { throw Self.failure("mkdir", path) }
  }

  package func removeDirectory(_ path: String) { rmdir(path) }

  package func write(_ bytes: [UInt8], to path: String) throws(GuestFailure) {
    let file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
    guard file >= 0 else { throw Self.failure("open", path) }
    defer { close(file) }
    while true {
      let count = Glibc.write(file, bytes, bytes.count)
      if count == bytes.count { return }
      if count < 0, errno == EINTR { continue }
      // A part of a value is another value: it is not completed by a second write.
      if count >= 0 { errno = EIO }
      throw Self.failure("write", path)
    }
  }

  package func read(_ path: String, limit: Int) throws(GuestFailure) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard file >= 0 else { throw Self.failure("open", path) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.failure("read", path) }
      if count == 0 { return bytes }
      guard bytes.count + count <= limit else {
        throw .system(call: "read", path: path, errno: EFBIG)
      }
      bytes += chunk[..<count]
    }
  }
}
