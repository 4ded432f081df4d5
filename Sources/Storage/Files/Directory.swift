import Glibc

/// An open directory: names are resolved against the descriptor, so that a directory swapped for a symbolic link after
/// the check changes nothing.
public final class Directory: Sendable {
  /// The path that it was opened by; for messages only.
  public let path: String
  let descriptor: Int32

  /// Opens an existing directory. A symbolic link in the last component is refused.
  public init(opening path: String) throws(SystemCallError) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw SystemCallError.last("open", path) }
    self.path = path
    self.descriptor = descriptor
  }

  private init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Makes `path` (mode 0700) when it is absent, durably: the new directory and its parent are synced. Then opens it.
  public static func make(_ path: String) throws(SystemCallError) -> Directory {
    if mkdir(path, 0o700) == 0 {
      let directory = try Directory(opening: path)
      try directory.sync()
      try Directory(opening: parent(of: path)).sync()
      return directory
    }
    guard errno == EEXIST else { throw SystemCallError.last("mkdir", path) }
    return try Directory(opening: path)
  }

  /// Makes the subdirectory `name` when it is absent, durably, and opens it.
  func makeSubdirectory(_ name: String) throws(SystemCallError) -> Directory {
    let made = mkdirat(descriptor, name, 0o700) == 0
    guard made || errno == EEXIST else { throw SystemCallError.last("mkdirat", "\(path)/\(name)") }
    guard let directory = try subdirectory(name) else {
      throw SystemCallError(call: "openat", subject: "\(path)/\(name)", errno: ENOENT)
    }
    // Also when it was there already: the maker may have died before syncing it.
    try directory.sync()
    try sync()
    return directory
  }

  /// Opens the subdirectory `name`, or nil when it is absent.
  func subdirectory(_ name: String) throws(SystemCallError) -> Directory? {
    let child = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    if child < 0 {
      if errno == ENOENT { return nil }
      throw SystemCallError.last("openat", "\(path)/\(name)")
    }
    return Directory(path: "\(path)/\(name)", descriptor: child)
  }

  /// Makes the names in this directory durable.
  func sync() throws(SystemCallError) {
    guard fsync(descriptor) == 0 else { throw SystemCallError.last("fsync", path) }
  }

  /// The names in this directory, sorted, without `.` and `..`.
  func names() throws(SystemCallError) -> [String] {
    // fdopendir takes the descriptor over, so it gets its own.
    let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { throw SystemCallError.last("openat", path) }
    guard let stream = fdopendir(copy) else {
      let failure = SystemCallError.last("fdopendir", path)
      close(copy)
      throw failure
    }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let record = readdir(stream) else {
        if errno != 0 { throw SystemCallError.last("readdir", path) }
        return names.sorted()
      }
      let name = withUnsafePointer(to: &record.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
  }

  /// Its permission bits.
  public func mode() throws(SystemCallError) -> UInt32 {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw SystemCallError.last("fstat", path) }
    return status.st_mode & 0o7777
  }

  /// Whether it holds no name.
  public func isEmpty() throws(SystemCallError) -> Bool { try names().isEmpty }

  /// Removes the file `name`; returns false when it was not there. Not durable until `sync`.
  @discardableResult
  func remove(_ name: String) throws(SystemCallError) -> Bool {
    if unlinkat(descriptor, name, 0) == 0 { return true }
    if errno == ENOENT { return false }
    throw SystemCallError.last("unlinkat", "\(path)/\(name)")
  }

  /// Removes everything that is in this directory: for one that was just made and could not be finished.
  public func removeContents() throws(SystemCallError) {
    for name in try names() {
      if unlinkat(descriptor, name, 0) == 0 { continue }
      guard errno == EISDIR, let child = try subdirectory(name) else {
        throw SystemCallError.last("unlinkat", "\(path)/\(name)")
      }
      try child.removeContents()
      guard unlinkat(descriptor, name, AT_REMOVEDIR) == 0 else {
        throw SystemCallError.last("unlinkat", "\(path)/\(name)")
      }
    }
  }

  private static func parent(of path: String) -> String {
    var trimmed = path[...]
    while trimmed.count > 1 && trimmed.last == "/" { trimmed = trimmed.dropLast() }
    guard let slash = trimmed.lastIndex(of: "/") else { return "." }
    let parent = trimmed[..<slash]
    return parent.isEmpty ? "/" : String(parent)
  }
}
