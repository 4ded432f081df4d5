import Cryptography
import Glibc

/// The digest of a directory tree: SHA-256 over one line for each entry below it, in the order of the paths' bytes.
///
/// A line is `KIND MODE SIZE CONTENT PATH` and a line feed: KIND `d`, `f` or `l`; MODE four octal digits; SIZE the length of
/// a file or of a link's target; CONTENT the SHA-256 of a file, or of a link's target, or `-`. Times, owners and the file
/// system's own order do not matter, so one set of packages has one digest on every machine. Everything must belong to
/// root and be writable by nobody else; devices, sockets, pipes, set-user-id files and control characters in names are refused.
enum RunnerTree {
  static let maxEntries = 65_536
  static let maxBytes: Int64 = 64 << 30
  static let maxDepth = 64

  static func digest(of root: String) throws(RunnerFault) -> SHA256Digest {
    var lines: [[UInt8]] = []
    var bytes: Int64 = 0
    let descriptor = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw .system(call: "open", path: root, error: errno) }
    try visit(descriptor, path: "", depth: 0, lines: &lines, bytes: &bytes)
    // Sorted by path, which is the last field.
    lines.sort { left, right in
      left[fieldBytes(left)...].lexicographicallyPrecedes(right[fieldBytes(right)...])
    }
    var hash = SHA256()
    hash.update(utf8: "safebox runner root 1\n")
    for line in lines { hash.update(line) }
    return hash.finalize()
  }

  /// Where the path begins.
  private static func fieldBytes(_ line: [UInt8]) -> Int {
    var blanks = 0
    for (index, byte) in line.enumerated() where byte == 0x20 {
      blanks += 1
      if blanks == 4 { return index + 1 }
    }
    return 0
  }

  /// Takes the descriptor over.
  private static func visit(
    _ descriptor: Int32, path: String, depth: Int, lines: inout [[UInt8]], bytes: inout Int64
  ) throws(RunnerFault) {
    guard depth <= maxDepth, let stream = fdopendir(descriptor) else {
      close(descriptor)
      throw .rootTooLarge(what: "nested directories", limit: Int64(maxDepth))
    }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      let below = path.isEmpty ? name : "\(path)/\(name)"
      guard name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
        throw .rootEntry(path: below, why: "has a control character in its name")
      }
      guard lines.count < maxEntries else { throw .rootTooLarge(what: "entries", limit: Int64(maxEntries)) }
      var status = stat()
      guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
        throw .system(call: "stat", path: below, error: errno)
      }
      guard status.st_uid == 0, status.st_gid == 0 else {
        throw .rootEntry(path: below, why: "does not belong to root")
      }
      let kind = status.st_mode & S_IFMT
      let mode = status.st_mode & 0o7777
      guard kind == S_IFLNK || mode & 0o7022 == 0 else {
        throw .rootEntry(path: below, why: "is writable by others, or changes its user")
      }
      let octal = String(mode, radix: 8)
      let modeText = String(repeating: "0", count: 4 - octal.count) + octal
      switch kind {
      case S_IFDIR:
        lines.append(Array("d \(modeText) 0 - \(below)\n".utf8))
        let next = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard next >= 0 else { throw .system(call: "open", path: below, error: errno) }
        try visit(next, path: below, depth: depth + 1, lines: &lines, bytes: &bytes)
      case S_IFREG:
        bytes += Int64(status.st_size)
        guard bytes <= maxBytes else { throw .rootTooLarge(what: "bytes", limit: maxBytes) }
        let (size, content) = try hash(name, in: descriptor, path: below)
        lines.append(Array("f \(modeText) \(size) \(content.hex) \(below)\n".utf8))
      case S_IFLNK:
        var target = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(descriptor, name, &target, target.count)
        guard count >= 0 else { throw .system(call: "readlink", path: below, error: errno) }
        let content = SHA256.hash(target[..<count].map { UInt8(bitPattern: $0) })
        lines.append(Array("l 0777 \(count) \(content.hex) \(below)\n".utf8))
      default: throw .rootEntry(path: below, why: "is no file, directory or link")
      }
    }
  }

  private static func hash(
    _ name: String, in directory: Int32, path: String
  ) throws(RunnerFault) -> (size: Int64, digest: SHA256Digest) {
    let file = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard file >= 0 else { throw .system(call: "open", path: path, error: errno) }
    defer { close(file) }
    let capacity = 1 << 20
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
    defer { buffer.deallocate() }
    var hash = SHA256()
    var size: Int64 = 0
    while true {
      let count = read(file, buffer.baseAddress, capacity)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .system(call: "read", path: path, error: errno) }
      if count == 0 { return (size, hash.finalize()) }
      size += Int64(count)
      hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }
}
