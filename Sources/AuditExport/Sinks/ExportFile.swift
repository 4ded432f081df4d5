import Glibc

/// An open file of whole lines.
struct ExportFile {
  private let path: String
  private let descriptor: Int32
  /// Bytes, all of them durable lines.
  private(set) var size: Int64

  /// Bytes looked through for the last line's end at a time.
  private static let window = 65_536

  /// Opens or makes the file (mode 0600) and cuts a torn last line off. A symbolic link, device or pipe is refused: whoever
  /// may place one there could have the log written over something else.
  init(opening path: String) throws(ExportFault) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { throw Self.fault("open", path) }
    self.path = path
    self.descriptor = descriptor
    size = 0
    do throws(ExportFault) {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { throw Self.fault("fstat", path) }
      guard status.st_mode & S_IFMT == S_IFREG else { throw .file("\(path) is not a regular file") }
      size = try Self.endOfLastLine(descriptor, Int64(status.st_size), path)
      if size < Int64(status.st_size) {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw Self.fault("ftruncate", path) }
      }
      // The name too must survive a power cut.
      try Self.syncDirectory(of: path)
    } catch {
      Glibc.close(descriptor)
      throw error
    }
  }

  /// Whether the path leads to another file by now, or to none.
  func hasMoved() throws(ExportFault) -> Bool {
    var here = stat()
    guard fstat(descriptor, &here) == 0 else { throw Self.fault("fstat", path) }
    var there = stat()
    guard lstat(path, &there) == 0 else {
      if errno == ENOENT { return true }
      throw Self.fault("lstat", path)
    }
    return here.st_ino != there.st_ino || here.st_dev != there.st_dev
  }

  /// Appends whole lines and waits for the disk. When that fails the file is cut back to what it was.
  mutating func append(_ bytes: [UInt8]) throws(ExportFault) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done) }
      if count < 0 {
        if errno == EINTR { continue }
        let fault = Self.fault("write", path)
        // A full disk: half a batch would only take more room from everybody.
        ftruncate(descriptor, off_t(size))
        throw fault
      }
      done += count
    }
    guard fdatasync(descriptor) == 0 else { throw Self.fault("fdatasync", path) }
    size += Int64(bytes.count)
  }

  /// Gives the file the name `path.NNN`, where NNN is the index of the first entry that is not in it. A name that is taken
  /// is never written over.
  func putAside(before next: UInt64, keep: Int?) throws(ExportFault) {
    let digits = String(next)
    let base = path + "." + String(repeating: "0", count: 20 - digits.count) + digits
    var attempt = 0
    while link(path, attempt == 0 ? base : "\(base)-\(attempt)") != 0 {
      guard errno == EEXIST, attempt < 1000 else { throw Self.fault("link", base) }
      attempt += 1
    }
    guard unlink(path) == 0 else { throw Self.fault("unlink", path) }
    try Self.syncDirectory(of: path)
    if let keep { try removeOldest(keeping: keep) }
  }

  func close() { Glibc.close(descriptor) }

  private func removeOldest(keeping keep: Int) throws(ExportFault) {
    let (directory, name) = Self.split(path)
    guard let stream = opendir(directory) else { throw Self.fault("opendir", directory) }
    defer { closedir(stream) }
    var names: [String] = []
    while let record = readdir(stream) {
      let found = withUnsafePointer(to: &record.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      // Exactly what `putAside` makes: nothing else of that directory is ours to remove.
      guard found.hasPrefix(name + ".") else { continue }
      let rest = found.utf8.dropFirst(name.utf8.count + 1)
      let isOurs =
        rest.prefix(20).count == 20
        && rest.prefix(20).allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        && (rest.count == 20 || rest.dropFirst(20).first == UInt8(ascii: "-"))
      if isOurs { names.append(found) }
    }
    for old in names.sorted().dropLast(keep) {
      guard unlink("\(directory)/\(old)") == 0 else { throw Self.fault("unlink", "\(directory)/\(old)") }
    }
  }

  private static func endOfLastLine(_ file: Int32, _ size: Int64, _ path: String) throws(ExportFault) -> Int64 {
    var end = size
    while end > 0 {
      let start = max(0, end - Int64(window))
      var buffer = [UInt8](repeating: 0, count: Int(end - start))
      let count = pread(file, &buffer, buffer.count, off_t(start))
      guard count == buffer.count else { throw fault("pread", path) }
      if let last = buffer.lastIndex(of: 0x0A) { return start + Int64(last) + 1 }
      end = start
    }
    return 0
  }

  private static func split(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let directory = String(path[..<slash])
    return (directory.isEmpty ? "/" : directory, String(path[path.index(after: slash)...]))
  }

  private static func syncDirectory(of path: String) throws(ExportFault) {
    let (directory, _) = split(path)
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw fault("open", directory) }
    defer { Glibc.close(descriptor) }
    guard fsync(descriptor) == 0 else { throw fault("fsync", directory) }
  }

  private static func fault(_ call: String, _ path: String) -> ExportFault {
    .file("\(call) \(path): \(String(cString: strerror(errno)))")
  }
}
