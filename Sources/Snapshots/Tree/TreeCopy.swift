import CLinux
import Glibc

/// Copies a tree with permissions, owners, times, holes, hard links and extended attributes. The blocks of files are shared
/// with the original where the file system can (FICLONE), otherwise copied inside the kernel.
///
/// What is being copied is not trusted to hold still: nothing outside it is ever read, and whoever needs to know that
/// it did hold still compares digests.
struct TreeCopy {
  private let limits: TreeLimits
  private let device: UInt64
  private let target: OpenDirectory
  /// Path in the copy of the first name of a file that has several.
  private var linked: [UInt64: [UInt8]] = [:]
  private var entries = 0
  /// False after the file system has refused once.
  private var canClone = true

  /// Copies what is in `source`, and what `source` itself is, to the empty directory `target`. Not durable on return.
  static func copy(_ source: OpenDirectory, to target: OpenDirectory, limits: TreeLimits) throws(SnapshotFault) {
    var copy = try TreeCopy(source, target, limits)
    try copy.fill(target, from: source, path: [], depth: 0)
  }

  private init(_ source: OpenDirectory, _ target: OpenDirectory, _ limits: TreeLimits) throws(SnapshotFault) {
    self.limits = limits
    self.target = target
    device = try source.itself().device
  }

  private mutating func fill(
    _ copy: OpenDirectory, from source: OpenDirectory, path: [UInt8], depth: Int
  ) throws(SnapshotFault) {
    guard depth < limits.depth else { throw .tooLarge(what: "levels", limit: limits.depth) }
    for name in try source.names(limit: limits.entries - entries) {
      entries += 1
      let below = path.isEmpty ? name : path + [0x2F] + name
      guard below.count <= limits.pathBytes else { throw .tooLarge(what: "bytes in a path", limit: limits.pathBytes) }
      try add(name, to: copy, from: source, path: below, depth: depth)
    }
    // Last, because every name made in it set its time, and its permissions may forbid making one.
    let node = try source.itself()
    try ExtendedAttributes.write(
      ExtendedAttributes.read(source.descriptor, path: path), to: copy.descriptor, path: path)
    try Self.own(copy.descriptor, node, path)
    try check(linux_set_modified(copy.descriptor, ".", node.modified), "utimensat", path)
  }

  private mutating func add(
    _ name: [UInt8], to copy: OpenDirectory, from source: OpenDirectory, path: [UInt8], depth: Int
  ) throws(SnapshotFault) {
    var node = linux_node()
    let result = name.withCString { linux_look(source.descriptor, $0, &node) }
    if result == -ENOENT { throw .changed(path: path.text) }
    try check(result, "fstatat", path)
    guard node.device == device else { throw .otherFileSystem(path: path.text) }
    let kind = TreeEntryKind(mode: node.mode)
    if kind != .directory, node.links > 1 {
      if let first = linked[node.inode] {
        let result = first.withCString { first in
          name.withCString { linkat(target.descriptor, first, copy.descriptor, $0, 0) }
        }
        guard result == 0 else { throw .last("linkat", path.text) }
        return
      }
      linked[node.inode] = path
    }
    switch kind {
    case .directory: try addDirectory(name, to: copy, from: source, path: path, depth: depth)
    case .file:
      try addFile(name, to: copy, from: source, node, path: path)
      return
    case .link: try Self.addLink(name, to: copy, from: source, path: path)
    case .character, .block, .fifo, .socket:
      try check(
        name.withCString { linux_make_node(copy.descriptor, $0, node.mode, node.major, node.minor) }, "mknodat", path)
    case nil: throw .badPath(path.text, reason: "neither file, directory, link nor special file")
    }
    guard kind != .directory else { return }
    try Self.own(name, in: copy, node, path)
    try check(name.withCString { linux_set_modified(copy.descriptor, $0, node.modified) }, "utimensat", path)
  }

  private mutating func addDirectory(
    _ name: [UInt8], to copy: OpenDirectory, from source: OpenDirectory, path: [UInt8], depth: Int
  ) throws(SnapshotFault) {
    let original = name.withCString { openat(source.descriptor, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) }
    guard original >= 0 else { throw TreeWalk.lost("openat", path) }
    let from = OpenDirectory(adopting: original, path: path.text)
    guard name.withCString({ mkdirat(copy.descriptor, $0, 0o700) }) == 0 else { throw .last("mkdirat", path.text) }
    let made = name.withCString { openat(copy.descriptor, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) }
    guard made >= 0 else { throw .last("openat", path.text) }
    try fill(OpenDirectory(adopting: made, path: path.text), from: from, path: path, depth: depth + 1)
  }

  private mutating func addFile(
    _ name: [UInt8], to copy: OpenDirectory, from source: OpenDirectory, _ node: linux_node, path: [UInt8]
  ) throws(SnapshotFault) {
    let original = name.withCString {
      openat(source.descriptor, $0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    }
    guard original >= 0 else { throw TreeWalk.lost("openat", path) }
    defer { close(original) }
    var opened = linux_node()
    guard linux_look(original, "", &opened) == 0, opened.isUnchanged(in: node) else {
      throw .changed(path: path.text)
    }
    let file = name.withCString {
      openat(copy.descriptor, $0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    }
    guard file >= 0 else { throw .last("openat", path.text) }
    defer { close(file) }
    try copyContent(original, file, size: node.size, path)
    try Self.own(file, node, path)
    // After the owner, whose change takes the capabilities away.
    try ExtendedAttributes.write(ExtendedAttributes.read(original, path: path), to: file, path: path)
    try check(name.withCString { linux_set_modified(copy.descriptor, $0, node.modified) }, "utimensat", path)
  }

  private mutating func copyContent(
    _ original: Int32, _ file: Int32, size: Int64, _ path: [UInt8]
  ) throws(SnapshotFault) {
    if canClone {
      let result = linux_clone_file(file, original)
      if result == 0 { return }
      // EINVAL, EOPNOTSUPP, ENOTTY, EXDEV: this file system has no shared blocks.
      canClone = false
    }
    var (begin, end): (Int64, Int64) = (0, 0)
    var offset: Int64 = 0
    while offset < size {
      let found = linux_next_data(original, offset, &begin, &end)
      if found == 0 { break }
      try check(found < 0 ? found : 0, "lseek", path)
      offset = begin
      while offset < min(end, size) {
        let count = linux_copy_range(file, original, offset, Int(min(end, size) - offset))
        guard count >= 0 else { throw .system("copy_file_range", path.text, Int32(count)) }
        // Shorter than it was: the digests will differ, or the caller does not care.
        guard count > 0 else { throw .changed(path: path.text) }
        offset += count
      }
    }
    guard ftruncate(file, off_t(size)) == 0 else { throw .last("ftruncate", path.text) }
  }

  private static func addLink(
    _ name: [UInt8], to copy: OpenDirectory, from source: OpenDirectory, path: [UInt8]
  ) throws(SnapshotFault) {
    var buffer = [CChar](repeating: 0, count: 4097)
    let count = name.withCString { readlinkat(source.descriptor, $0, &buffer, buffer.count - 1) }
    guard count >= 0 else { throw errno == EINVAL ? .changed(path: path.text) : TreeWalk.lost("readlinkat", path) }
    let target = buffer[..<count].map(UInt8.init(bitPattern:))
    let result = target.withCString { target in name.withCString { symlinkat(target, copy.descriptor, $0) } }
    guard result == 0 else { throw .last("symlinkat", path.text) }
  }

  /// Gives an open file or directory its owner and then, because that takes set-id bits away, its permissions.
  private static func own(_ file: Int32, _ node: linux_node, _ path: [UInt8]) throws(SnapshotFault) {
    var now = linux_node()
    guard linux_look(file, "", &now) == 0 else { throw .last("fstat", path.text) }
    if now.user != node.user || now.group != node.group {
      guard fchown(file, node.user, node.group) == 0 else { throw .last("fchown", path.text) }
    }
    guard fchmod(file, node.mode & 0o7777) == 0 else { throw .last("fchmod", path.text) }
  }

  /// The same for what cannot be opened. A link has no permissions.
  private static func own(
    _ name: [UInt8], in directory: OpenDirectory, _ node: linux_node, _ path: [UInt8]
  ) throws(SnapshotFault) {
    let result = name.withCString {
      fchownat(directory.descriptor, $0, node.user, node.group, AT_SYMLINK_NOFOLLOW)
    }
    guard result == 0 else { throw .last("fchownat", path.text) }
  }

  private func check(_ result: Int32, _ call: String, _ path: [UInt8]) throws(SnapshotFault) {
    guard result == 0 else { throw .system(call, path.text, result) }
  }
}
