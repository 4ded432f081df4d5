import Glibc

/// The words of an errno.
enum SystemError {
  static func text(_ code: Int32) -> String {
    guard let text = strerror(code) else { return "errno \(code)" }
    return String(cString: text)
  }
}

/// Small files and directories of the host.
enum SystemFile {
  /// The first `limit` bytes, or nil when it cannot be read. Follows no link at the last step.
  static func read(_ path: String, limit: Int = 1 << 20) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return read(descriptor, limit: limit)
  }

  static func read(_ descriptor: Int32, limit: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: min(limit, 64 << 10))
    while bytes.count < limit {
      let count = Glibc.read(descriptor, &chunk, min(chunk.count, limit - bytes.count))
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { return nil }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return bytes
  }

  static func text(_ path: String) -> String? { read(path).map { String(decoding: $0, as: UTF8.self) } }

  static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws(RunnerFault) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
    guard descriptor >= 0 else { throw .system(call: "open", path: path, error: errno) }
    defer { close(descriptor) }
    guard writeAll(bytes, to: descriptor) else { throw .system(call: "write", path: path, error: errno) }
  }

  static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      written += count
    }
    return true
  }

  static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Makes a directory unless it is there; it gets this mode either way.
  static func makeDirectory(_ path: String, mode: mode_t, owner: uid_t? = nil) throws(RunnerFault) {
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw .system(call: "mkdir", path: path, error: errno) }
    guard let owner else { return }
    // The directory above belongs to root alone, so nobody can have put a link here.
    guard lchown(path, owner, owner) == 0 else { throw .system(call: "chown", path: path, error: errno) }
    guard chmod(path, mode) == 0 else { throw .system(call: "chmod", path: path, error: errno) }
  }

  /// What a symbolic link says.
  static func link(_ path: String) -> String? {
    var target = [CChar](repeating: 0, count: 128)
    let count = readlink(path, &target, target.count)
    return count > 0 ? String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
  }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
