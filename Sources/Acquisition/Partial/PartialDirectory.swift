import Glibc
import Models

/// The directory of an unfinished acquisition: files named as in the manifest, and nothing else. Every name is resolved
/// component by component against open directories, and a symbolic link at any of them is refused.
final class PartialDirectory: Sendable {
  let path: String
  private let descriptor: Int32

  /// Makes the directory, mode 0700, when it is absent, and opens it.
  init(_ path: String) throws(SystemCallFault) {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last("mkdir", path) }
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last("open", path) }
    self.path = path
    self.descriptor = descriptor
    // An interrupted commit may have closed it to its owner.
    guard fchmod(descriptor, 0o700) == 0 else { throw .last("fchmod", path) }
  }

  deinit { close(descriptor) }

  /// Bytes that an unprivileged writer could still use on its file system.
  func availableBytes() throws(SystemCallFault) -> Int {
    var status = statvfs()
    guard fstatvfs(descriptor, &status) == 0 else { throw .last("fstatvfs", path) }
    return Int(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
  }

  /// Bytes that the file takes on the disk; 0 when it is absent.
  func allocatedBytes(_ name: String) throws(SystemCallFault) -> Int {
    guard let file = try openExisting(name) else { return 0 }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw .last("fstat", name) }
    return Int(status.st_blocks) * 512
  }

  /// An open file and what was found under its name.
  struct Opened: Sendable {
    var descriptor: Int32
    /// It has its full length already; otherwise it is empty.
    var isThere: Bool
    /// An interrupted commit has sealed it: it is whole and can only be read.
    var isSealed = false
  }

  /// Opens the file for reading and writing and makes it, with its directories, when it is absent.
  func openFile(_ name: String, size: Int) throws(SystemCallFault) -> Opened {
    if let sealed = try openSealed(name, size: size) { return sealed }
    if let file = try openExisting(name) {
      var status = stat()
      guard fstat(file, &status) == 0 else {
        close(file)
        throw .last("fstat", name)
      }
      // Something else under this name, or a second name for these bytes, is not what an earlier run left.
      if status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1 {
        if status.st_size == size { return Opened(descriptor: file, isThere: true) }
        guard ftruncate(file, 0) == 0 else {
          close(file)
          throw .last("ftruncate", name)
        }
        return Opened(descriptor: file, isThere: false)
      }
      close(file)
    }
    return try inParent(of: name, makes: true) { (parent, last) throws(SystemCallFault) in
      guard unlinkat(parent, last, 0) == 0 || errno == ENOENT else { throw .last("unlinkat", name) }
      let file = openat(parent, last, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
      guard file >= 0 else { throw .last("openat", name) }
      return Opened(descriptor: file, isThere: false)
    }
  }

  /// Removes whatever `names` does not name.
  func prune(keeping names: [String]) throws(SystemCallFault) {
    var kept = Set(names)
    for name in names {
      var prefix = name[...]
      while let slash = prefix.lastIndex(of: "/") {
        prefix = prefix[..<slash]
        kept.insert(String(prefix))
      }
    }
    try Self.remove(below: descriptor, at: "", path) { !kept.contains($0) }
  }

  /// Makes all names durable, the directory's own included. Blocks.
  func sync() throws(SystemCallFault) { try Self.sync(descriptor, path) }

  // MARK: Names

  private func openSealed(_ name: String, size: Int) throws(SystemCallFault) -> Opened? {
    try inParent(of: name, makes: false) { (parent, last) throws(SystemCallFault) -> Opened? in
      let file = openat(parent, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
      guard file >= 0 else { return nil }
      var status = stat()
      // The mode that the store gives to what is whole.
      let isSealed =
        fstat(file, &status) == 0 && status.st_mode == S_IFREG | 0o444 && status.st_nlink == 1 && status.st_size == size
      guard isSealed else {
        close(file)
        return nil
      }
      return Opened(descriptor: file, isThere: true, isSealed: true)
    } ?? nil
  }

  private func openExisting(_ name: String) throws(SystemCallFault) -> Int32? {
    try inParent(of: name, makes: false) { (parent, last) throws(SystemCallFault) -> Int32? in
      // Not blocking: a FIFO under this name must not hold the acquisition up.
      let file = openat(parent, last, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
      if file >= 0 { return file }
      if [ENOENT, ELOOP, EISDIR, ENXIO].contains(errno) { return nil }
      throw .last("openat", name)
    } ?? nil
  }

  private func inParent<Result>(
    of name: String, makes: Bool, _ body: (Int32, String) throws(SystemCallFault) -> Result
  ) throws(SystemCallFault) -> Result {
    guard let result = try inParent(of: name, makes: makes, body) as Result? else {
      throw SystemCallFault(call: "openat", path: name, errno: ENOENT)
    }
    return result
  }

  private func inParent<Result>(
    of name: String, makes: Bool, _ body: (Int32, String) throws(SystemCallFault) -> Result
  ) throws(SystemCallFault) -> Result? {
    var components = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let last = components.removeLast()
    var directory = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw .last("openat", path) }
    defer { close(directory) }
    for component in components {
      if makes, mkdirat(directory, component, 0o700) != 0, errno != EEXIST { throw .last("mkdirat", name) }
      let next = openat(directory, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard next >= 0 else {
        if !makes, errno == ENOENT { return nil }
        throw .last("openat", name)
      }
      close(directory)
      directory = next
    }
    return try body(directory, last)
  }

  // MARK: Trees

  private static func children(of directory: Int32, _ path: String) throws(SystemCallFault) -> [String] {
    let copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else { throw .last("openat", path) }
    guard let stream = fdopendir(copy) else {
      let fault = SystemCallFault.last("fdopendir", path)
      close(copy)
      throw fault
    }
    defer { closedir(stream) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw .last("readdir", path) }
    return names
  }

  private static func remove(
    below directory: Int32, at prefix: String, _ path: String, where isUnwanted: (String) -> Bool
  ) throws(SystemCallFault) {
    for name in try children(of: directory, path) {
      let whole = prefix + name
      let child = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      if child >= 0 {
        defer { close(child) }
        guard fchmod(child, 0o700) == 0 else { throw .last("fchmod", "\(path)/\(whole)") }
        let isUnwantedHere = isUnwanted(whole)
        try remove(below: child, at: whole + "/", path) { isUnwantedHere || isUnwanted($0) }
        if isUnwantedHere, unlinkat(directory, name, AT_REMOVEDIR) != 0 { throw .last("unlinkat", "\(path)/\(whole)") }
      } else if isUnwanted(whole), unlinkat(directory, name, 0) != 0 {
        throw .last("unlinkat", "\(path)/\(whole)")
      }
    }
  }

  private static func sync(_ directory: Int32, _ path: String) throws(SystemCallFault) {
    for name in try children(of: directory, path) {
      let child = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard child >= 0 else { continue }
      defer { close(child) }
      try sync(child, "\(path)/\(name)")
    }
    guard fsync(directory) == 0 else { throw .last("fsync", path) }
  }
}
