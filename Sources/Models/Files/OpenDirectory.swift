import Glibc

/// An open directory. Names are resolved against the descriptor, one at a time and never through a symbolic link, so that a
/// directory that is swapped after the check changes nothing.
final class OpenDirectory: Sendable {
  /// The path by which it was reached; for messages.
  let path: String
  let descriptor: Int32

  private init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Opens a directory by its path. Only the last component must not be a symbolic link: what is above is the operator's.
  convenience init(opening path: String) throws(SystemCallFault) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw .last("open", path) }
    self.init(path: path, descriptor: descriptor)
  }

  /// Makes the directory when it is absent, durably, and opens it.
  static func make(_ path: String, mode: mode_t) throws(SystemCallFault) -> OpenDirectory {
    let made = mkdir(path, mode) == 0
    guard made || errno == EEXIST else { throw .last("mkdir", path) }
    let directory = try OpenDirectory(opening: path)
    if made {
      // Whatever the process's umask.
      guard fchmod(directory.descriptor, mode) == 0 else { throw .last("fchmod", path) }
      try directory.sync()
      let parent = openat(directory.descriptor, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard parent >= 0 else { throw .last("openat", path + "/..") }
      try OpenDirectory(path: path + "/..", descriptor: parent).sync()
    }
    return directory
  }

  func pathOf(_ name: String) -> String { "\(path)/\(name)" }

  /// Makes the subdirectory when it is absent and opens it. Not durable until ``sync()``.
  func makeDirectory(_ name: String, mode: mode_t) throws(SystemCallFault) -> OpenDirectory {
    guard mkdirat(descriptor, name, mode) == 0 || errno == EEXIST else { throw .last("mkdirat", pathOf(name)) }
    return try directory(name)
  }

  /// Opens a subdirectory. ENOTDIR or ELOOP when it is anything else.
  func directory(_ name: String) throws(SystemCallFault) -> OpenDirectory {
    let child = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard child >= 0 else { throw .last("openat", pathOf(name)) }
    return OpenDirectory(path: pathOf(name), descriptor: child)
  }

  /// Opens a file for reading. Never waits: a FIFO without a writer opens at once, and the caller looks what it got.
  func openFile(_ name: String) throws(SystemCallFault) -> Int32 {
    let file = openat(descriptor, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else { throw .last("openat", pathOf(name)) }
    return file
  }

  /// What stands behind a name, without following or opening it; nil when nothing does.
  func status(_ name: String) throws(SystemCallFault) -> FileStatus? {
    var status = stat()
    if fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return FileStatus(status) }
    if errno == ENOENT { return nil }
    throw .last("fstatat", pathOf(name))
  }

  func status() throws(SystemCallFault) -> FileStatus { try FileStatus(of: descriptor, path: path) }

  /// The names in this directory without `.` and `..`, sorted by their bytes. Names that are not UTF-8 come with
  /// replacement characters, and so match nothing that a manifest can say.
  ///
  /// - Parameter limit: EFBIG beyond so many names.
  func names(limit: Int) throws(SystemCallFault) -> [String] {
    try rawNames(limit: limit).map { String(decoding: $0.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self) }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The names as the kernel gives them, each with its zero at the end.
  private func rawNames(limit: Int) throws(SystemCallFault) -> [[CChar]] {
    // fdopendir takes a descriptor over, so it gets its own.
    let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { throw .last("openat", path) }
    guard let stream = fdopendir(copy) else {
      let fault = SystemCallFault.last("fdopendir", path)
      close(copy)
      throw fault
    }
    defer { closedir(stream) }
    var names: [[CChar]] = []
    while true {
      errno = 0
      guard let record = readdir(stream) else {
        guard errno == 0 else { throw .last("readdir", path) }
        return names
      }
      let name = withUnsafeBytes(of: &record.pointee.d_name) { bytes in
        bytes.prefix { $0 != 0 }.map(CChar.init(bitPattern:)) + [0]
      }
      if name == [0x2E, 0] || name == [0x2E, 0x2E, 0] { continue }
      guard names.count < limit else { throw SystemCallFault(call: "readdir", path: path, errno: EFBIG) }
      names.append(name)
    }
  }

  /// Makes the names in this directory durable.
  func sync() throws(SystemCallFault) {
    guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
  }

  func setMode(_ mode: mode_t) throws(SystemCallFault) {
    guard fchmod(descriptor, mode) == 0 else { throw .last("fchmod", path) }
  }

  /// Removes everything below, whatever its names are.
  func removeContents() throws(SystemCallFault) {
    // Sealed directories do not let even their owner remove names.
    try setMode(0o700)
    for name in try rawNames(limit: .max) {
      if unlinkat(descriptor, name, 0) == 0 || errno == ENOENT { continue }
      guard errno == EISDIR || errno == EPERM else { throw .last("unlinkat", path) }
      let child = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
      guard child >= 0 else { throw .last("openat", path) }
      try OpenDirectory(path: path, descriptor: child).removeContents()
      guard unlinkat(descriptor, name, AT_REMOVEDIR) == 0 else { throw .last("unlinkat", path) }
    }
  }

  /// Removes the subdirectory with everything in it; nothing when it is absent.
  func removeDirectory(_ name: String) throws(SystemCallFault) {
    let child: OpenDirectory
    do throws(SystemCallFault) {
      child = try directory(name)
    } catch {
      if error.errno == ENOENT { return }
      throw error
    }
    try child.removeContents()
    guard unlinkat(descriptor, name, AT_REMOVEDIR) == 0 || errno == ENOENT else {
      throw .last("unlinkat", pathOf(name))
    }
  }

  /// Removes a file; false when it was not there.
  @discardableResult
  func removeFile(_ name: String) throws(SystemCallFault) -> Bool {
    if unlinkat(descriptor, name, 0) == 0 { return true }
    if errno == ENOENT { return false }
    throw .last("unlinkat", pathOf(name))
  }
}
