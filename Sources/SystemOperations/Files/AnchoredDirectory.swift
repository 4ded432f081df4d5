import Glibc

/// An open directory below which names of one component are resolved against the descriptor and never through a symbolic
/// link: whoever may write in a parent can make a call fail, but not lead it elsewhere.
public final class AnchoredDirectory: Sendable {
  /// The path by which it was opened; for messages only.
  public let path: String
  let descriptor: Int32

  /// Opens an existing directory. The last component must not be a symbolic link.
  public init(opening path: String) throws(SystemFault) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw SystemFault("open", path) }
    self.path = path
    self.descriptor = descriptor
  }

  private init(path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// One component that names something in a directory, and nothing else.
  static func isComponent(_ name: String) -> Bool {
    let bytes = name.utf8
    return (1...255).contains(bytes.count) && name != "." && name != ".."
      && !bytes.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
  }

  private func subject(_ name: String) throws(SystemFault) -> String {
    guard Self.isComponent(name) else { throw SystemFault("name", path, errno: EINVAL) }
    return "\(path)/\(name)"
  }

  /// Makes the directory `name` if it is absent, durably, and opens it. One that exists keeps its mode.
  public func makeDirectory(_ name: String, mode: UInt32) throws(SystemFault) -> AnchoredDirectory {
    _ = try createDirectory(name, mode: mode)
    return try directory(name)
  }

  /// Makes the directory `name`, durably, with exactly this mode; false if something of that name is there.
  public func createDirectory(_ name: String, mode: UInt32) throws(SystemFault) -> Bool {
    let subject = try subject(name)
    if mkdirat(descriptor, name, 0o700) != 0 {
      guard errno == EEXIST else { throw SystemFault("mkdirat", subject) }
      return false
    }
    // The umask has no say: the mode is set on the descriptor, after it is known that it is the new directory.
    try directory(name).setMode(mode)
    try sync()
    return true
  }

  /// Gives this directory exactly this mode, durably.
  public func setMode(_ mode: UInt32) throws(SystemFault) {
    guard fchmod(descriptor, mode) == 0 else { throw SystemFault("fchmod", path) }
    try sync()
  }

  /// Opens the directory `name`.
  public func directory(_ name: String) throws(SystemFault) -> AnchoredDirectory {
    let subject = try subject(name)
    let child = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard child >= 0 else { throw SystemFault("openat", subject) }
    return AnchoredDirectory(path: subject, descriptor: child)
  }

  /// Makes the names in this directory durable.
  public func sync() throws(SystemFault) {
    guard fsync(descriptor) == 0 else { throw SystemFault("fsync", path) }
  }

  /// What is known of `name` without following a link; nil when there is nothing.
  func status(_ name: String) throws(SystemFault) -> stat? {
    let subject = try subject(name)
    var status = stat()
    guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      if errno == ENOENT { return nil }
      throw SystemFault("fstatat", subject)
    }
    return status
  }

  /// The bytes of a regular file, or nil when it is absent. More than `limit` bytes: EFBIG.
  func read(_ name: String, limit: Int) throws(SystemFault) -> [UInt8]? {
    let subject = try subject(name)
    let file = openat(descriptor, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    if file < 0 {
      if errno == ENOENT { return nil }
      throw SystemFault("openat", subject)
    }
    defer { close(file) }
    return try FileBytes.read(file, limit: limit, subject)
  }

  /// Writes a file that must not exist; durable on return. EEXIST when it does.
  func create(_ name: String, _ bytes: [UInt8], mode: UInt32) throws(SystemFault) {
    let temporary = try writeTemporary(name, bytes, mode)
    let failure =
      linkat(descriptor, temporary, descriptor, name, 0) == 0 ? nil : SystemFault("linkat", "\(path)/\(name)")
    unlinkat(descriptor, temporary, 0)
    if let failure { throw failure }
    try sync()
  }

  /// Writes a file in place of what is there; durable on return. A crash leaves the old or the new one.
  func replace(_ name: String, _ bytes: [UInt8], mode: UInt32) throws(SystemFault) {
    let temporary = try writeTemporary(name, bytes, mode)
    guard renameat(descriptor, temporary, descriptor, name) == 0 else {
      let failure = SystemFault("renameat", "\(path)/\(name)")
      unlinkat(descriptor, temporary, 0)
      throw failure
    }
    try sync()
  }

  /// Removes a file; false when it was not there. Not durable before ``sync()``.
  @discardableResult
  func remove(_ name: String) throws(SystemFault) -> Bool {
    let subject = try subject(name)
    if unlinkat(descriptor, name, 0) == 0 { return true }
    if errno == ENOENT { return false }
    throw SystemFault("unlinkat", subject)
  }

  /// The names in this directory, sorted; at most `limit` of them, or EFBIG.
  func names(limit: Int) throws(SystemFault) -> [String] {
    let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { throw SystemFault("openat", path) }
    guard let stream = fdopendir(copy) else {
      let failure = SystemFault("fdopendir", path)
      close(copy)
      throw failure
    }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let record = readdir(stream) else {
        if errno != 0 { throw SystemFault("readdir", path) }
        return names.sorted()
      }
      let name = withUnsafePointer(to: &record.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      guard names.count < limit else { throw SystemFault("readdir", path, errno: EFBIG) }
      names.append(name)
    }
  }

  /// Takes the lock of this directory for as long as the descriptor returned is open; EWOULDBLOCK when another has it.
  func lock(_ name: String) throws(SystemFault) -> FileLock {
    let subject = try subject(name)
    let file = openat(descriptor, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw SystemFault("openat", subject) }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      let failure = SystemFault("flock", subject)
      close(file)
      throw failure
    }
    return FileLock(descriptor: file)
  }

  private func writeTemporary(_ name: String, _ bytes: [UInt8], _ mode: UInt32) throws(SystemFault) -> String {
    let subject = try subject(name)
    let temporary = ".\(name).\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    let file = openat(descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw SystemFault("openat", subject) }
    defer { close(file) }
    do throws(SystemFault) {
      guard fchmod(file, mode) == 0 else { throw SystemFault("fchmod", subject) }
      try FileBytes.write(bytes[...], to: file, subject)
      // A failed fsync is final: the kernel may have dropped the pages and called them clean.
      guard fsync(file) == 0 else { throw SystemFault("fsync", subject) }
      return temporary
    } catch {
      unlinkat(descriptor, temporary, 0)
      throw error
    }
  }
}

/// An exclusive lock that the kernel gives back when its holder dies.
final class FileLock: Sendable {
  private let descriptor: Int32
  init(descriptor: Int32) { self.descriptor = descriptor }
  deinit {
    // Closing is not enough: a process that another thread is forking holds the open file until it executes its program.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}

/// Whole reads and writes on a descriptor.
enum FileBytes {
  /// The rest of a regular file; EFBIG over `limit` bytes, EISDIR for what is no regular file.
  static func read(_ file: Int32, limit: Int, _ subject: String) throws(SystemFault) -> [UInt8] {
    var status = stat()
    guard fstat(file, &status) == 0 else { throw SystemFault("fstat", subject) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw SystemFault("read", subject, errno: EISDIR) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(file, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemFault("read", subject)
      }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= limit else { throw SystemFault("read", subject, errno: EFBIG) }
    }
  }

  /// Writes all bytes, whatever the kernel takes at a time.
  static func write(_ bytes: ArraySlice<UInt8>, to file: Int32, _ subject: String) throws(SystemFault) {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemFault("write", subject)
      }
      rest = rest.dropFirst(count)
    }
  }
}
