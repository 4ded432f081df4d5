import Glibc

/// A file below one of the operator's directories, opened so that no symbolic link below that directory leads out of it.
final class LocalFile: Sendable {
  let descriptor: Int32
  let size: Int

  deinit { close(descriptor) }

  /// Opens a regular file.
  ///
  /// - Parameters:
  ///   - path: absolute, without `.` and `..`.
  ///   - roots: where files may lie. What the roots themselves are is the operator's affair; below them no link is followed.
  init(_ path: String, below roots: [String]) throws(SourceFault) {
    let components = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    guard path.hasPrefix("/"), !components.isEmpty, !components.contains("."), !components.contains("..") else {
      throw .notAllowed("\(path) is not the absolute path of a file")
    }
    let candidates = roots.map { $0.split(separator: "/", omittingEmptySubsequences: true).map(String.init) }
    guard
      let root = candidates.filter({ components.count > $0.count && components.starts(with: $0) })
        .max(by: { $0.count < $1.count })
    else { throw .notAllowed("\(path) is below no directory that the operator allows") }
    var directory = open("/" + root.joined(separator: "/"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw .local(.last("open", path)) }
    defer { close(directory) }
    for component in components[root.count...].dropLast() {
      let next = openat(directory, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard next >= 0 else { throw .local(.last("openat", path)) }
      close(directory)
      directory = next
    }
    // Not blocking: opening a FIFO would wait for its writer.
    let file = openat(directory, components[components.count - 1], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else { throw .local(.last("openat", path)) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(file)
      throw .notRegular(path)
    }
    descriptor = file
    size = Int(status.st_size)
  }
}
