import CLinux
import Glibc

/// An open descriptor that is closed with its last reference. Names are resolved against it, so that a directory that is
/// swapped for a link after it was looked at changes nothing.
final class OpenDirectory: Sendable {
  let path: String
  let descriptor: Int32

  /// Takes over an open descriptor.
  init(adopting descriptor: Int32, path: String) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Opens an absolute path; a link in its last part is refused.
  init(opening path: String) throws(SnapshotFault) {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw .last("open", path) }
    self.path = path
  }

  /// Opens the directory, and makes it (mode 0700) if it is absent.
  static func making(_ path: String) throws(SnapshotFault) -> OpenDirectory {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last("mkdir", path) }
    return try OpenDirectory(opening: path)
  }

  /// The subdirectory, or nil when there is nothing of this name.
  func subdirectory(_ name: String) throws(SnapshotFault) -> OpenDirectory? {
    let child = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard child >= 0 else {
      if errno == ENOENT { return nil }
      throw .last("openat", "\(path)/\(name)")
    }
    return OpenDirectory(adopting: child, path: "\(path)/\(name)")
  }

  /// What is under this name, without following a link; nil when there is nothing. The empty name is this directory.
  func look(_ name: String = "") throws(SnapshotFault) -> linux_node? {
    var node = linux_node()
    let result = linux_look(descriptor, name, &node)
    if result == -ENOENT { return nil }
    guard result == 0 else { throw .system("fstatat", "\(path)/\(name)", result) }
    return node
  }

  /// What this directory itself is.
  func itself() throws(SnapshotFault) -> linux_node {
    guard let node = try look() else { throw .system(call: "fstatat", subject: path, errno: ENOENT) }
    return node
  }

  /// The names in it, in no order, as bytes: a name need not be UTF-8.
  func names(limit: Int) throws(SnapshotFault) -> [[UInt8]] {
    // fdopendir takes the descriptor over, so it gets one of its own.
    let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { throw .last("openat", path) }
    guard let stream = fdopendir(copy) else {
      let fault = SnapshotFault.last("fdopendir", path)
      close(copy)
      throw fault
    }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while true {
      errno = 0
      guard let record = readdir(stream) else {
        if errno != 0 { throw .last("readdir", path) }
        return names
      }
      let name = withUnsafePointer(to: &record.pointee.d_name) { field in
        field.withMemoryRebound(to: UInt8.self, capacity: 256) { bytes in
          Array(UnsafeBufferPointer(start: bytes, count: strnlen(UnsafePointer<CChar>(OpaquePointer(bytes)), 255)))
        }
      }
      if name == [0x2E] || name == [0x2E, 0x2E] { continue }
      guard names.count < limit else { throw .tooLarge(what: "entries", limit: limit) }
      names.append(name)
    }
  }

  /// Makes its names durable.
  func sync() throws(SnapshotFault) {
    guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
  }

  /// Makes everything of its file system durable.
  func syncFileSystem() throws(SnapshotFault) {
    let result = linux_sync_file_system(descriptor)
    guard result == 0 else { throw .system("syncfs", path, result) }
  }
}

extension [UInt8] {
  /// Calls `body` with the bytes ended by a zero, as a C string.
  func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + 1) { buffer in
      for (index, byte) in enumerated() { buffer.initializeElement(at: index, to: CChar(bitPattern: byte)) }
      buffer.initializeElement(at: count, to: 0)
      guard let base = buffer.baseAddress else { preconditionFailure("an allocation of at least one byte") }
      return body(base)
    }
  }

  /// For messages.
  var text: String { String(decoding: self, as: UTF8.self) }
}
