import Glibc

/// Whole files that are written once and survive a power cut.
///
/// The recipe, in order, with what a crash after each step leaves behind:
/// 1. create a temporary name with O_EXCL (an empty temporary file: garbage, collected later);
/// 2. write and fsync it (a complete temporary file: garbage);
/// 3. link it to its final name, which fails when the name is taken (file present, perhaps not yet durable);
/// 4. unlink the temporary name, fsync the directory (done).
///
/// A failed fsync is final: the kernel may have dropped the dirty pages and marked them clean, so reading the file back
/// proves nothing. The temporary file is left for the collector and the error is thrown.
enum DurableFile {
  /// Temporary names start with this; nothing else does.
  static let temporaryPrefix = ".tmp-"

  /// Writes `bytes` as `name`. Returns false when the name existed already with exactly these bytes (made durable again);
  /// throws EEXIST when it existed with others.
  @discardableResult
  static func create(
    _ name: String, in directory: Directory, contents bytes: [UInt8], temporarySuffix: String
  ) throws(SystemCallError) -> Bool {
    let temporary = temporaryPrefix + name + "-" + temporarySuffix
    let subject = "\(directory.path)/\(temporary)"
    let file = openat(directory.descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o400)
    guard file >= 0 else { throw SystemCallError.last("openat", subject) }
    var isOpen = true
    defer { if isOpen { close(file) } }
    try writeAll(bytes, to: file, subject)
    guard fsync(file) == 0 else { throw SystemCallError.last("fsync", subject) }
    isOpen = false
    guard close(file) == 0 else { throw SystemCallError.last("close", subject) }

    var created = true
    if linkat(directory.descriptor, temporary, directory.descriptor, name, 0) != 0 {
      guard errno == EEXIST else { throw SystemCallError.last("linkat", "\(directory.path)/\(name)") }
      guard try read(name, in: directory, limit: bytes.count) == bytes else {
        try directory.remove(temporary)
        throw SystemCallError(call: "linkat", subject: "\(directory.path)/\(name)", errno: EEXIST)
      }
      created = false
    }
    try directory.remove(temporary)
    try directory.sync()
    return created
  }

  /// The bytes of `name`, or nil when it is absent. Files over `limit` bytes are refused with EFBIG.
  static func read(_ name: String, in directory: Directory, limit: Int) throws(SystemCallError) -> [UInt8]? {
    let subject = "\(directory.path)/\(name)"
    let file = openat(directory.descriptor, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    if file < 0 {
      if errno == ENOENT { return nil }
      throw SystemCallError.last("openat", subject)
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw SystemCallError.last("fstat", subject) }
    guard Int(status.st_size) <= limit else { throw SystemCallError(call: "read", subject: subject, errno: EFBIG) }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemCallError.last("read", subject)
      }
      // Shorter than it said: someone truncated it under us.
      if count == 0 { throw SystemCallError(call: "read", subject: subject, errno: EIO) }
      done += count
    }
    return bytes
  }

  /// Writes all bytes, whatever the kernel takes at a time.
  static func writeAll(_ bytes: [UInt8], to file: Int32, _ subject: String) throws(SystemCallError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { write(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemCallError.last("write", subject)
      }
      done += count
    }
  }
}
