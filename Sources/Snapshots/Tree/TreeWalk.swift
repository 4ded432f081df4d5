import CLinux
import Glibc

/// One name of a tree, as it was found.
struct TreeEntry: Sendable {
  /// From the root of the tree; empty for the root itself.
  let path: [UInt8]
  let node: linux_node
  /// What a symbolic link says.
  var target: [UInt8] = []
  var attributes: [ExtendedAttributes.Attribute] = []

  var kind: TreeEntryKind? { TreeEntryKind(mode: node.mode) }
}

/// What a name can be of. The values are those of the digest.
enum TreeEntryKind: UInt8 {
  case directory = 0x64  // d
  case file = 0x66  // f
  case link = 0x6C  // l
  case character = 0x63  // c
  case block = 0x62  // b
  case fifo = 0x70  // p
  case socket = 0x73  // s

  init?(mode: UInt32) {
    switch mode & UInt32(S_IFMT) {
    case UInt32(S_IFDIR): self = .directory
    case UInt32(S_IFREG): self = .file
    case UInt32(S_IFLNK): self = .link
    case UInt32(S_IFCHR): self = .character
    case UInt32(S_IFBLK): self = .block
    case UInt32(S_IFIFO): self = .fifo
    case UInt32(S_IFSOCK): self = .socket
    default: return nil
    }
  }
}

/// Reads the names of a tree, sorted by the bytes of their paths. Every directory is opened from the descriptor of the one
/// that holds it and no link is followed, so the walk never leaves the tree, whatever is done to it meanwhile.
struct TreeWalk {
  let root: OpenDirectory
  let limits: TreeLimits
  private(set) var entries: [TreeEntry] = []
  private var device: UInt64 = 0
  private let isBtrfs: Bool

  init(_ root: OpenDirectory, limits: TreeLimits) throws(SnapshotFault) {
    self.root = root
    self.limits = limits
    isBtrfs = linux_is_btrfs(root.descriptor) == 1
    let node = try root.itself()
    device = node.device
    entries = [TreeEntry(path: [], node: node, attributes: try ExtendedAttributes.read(root.descriptor, path: []))]
    try enter(root, path: [], depth: 0)
    entries.sort { $0.path.lexicographicallyPrecedes($1.path) }
  }

  private mutating func enter(_ directory: OpenDirectory, path: [UInt8], depth: Int) throws(SnapshotFault) {
    guard depth < limits.depth else { throw .tooLarge(what: "levels", limit: limits.depth) }
    for name in try directory.names(limit: limits.entries - entries.count) {
      let below = path.isEmpty ? name : path + [0x2F] + name
      guard below.count <= limits.pathBytes else { throw .tooLarge(what: "bytes in a path", limit: limits.pathBytes) }
      guard entries.count < limits.entries else { throw .tooLarge(what: "entries", limit: limits.entries) }
      var node = linux_node()
      let result = name.withCString { linux_look(directory.descriptor, $0, &node) }
      if result == -ENOENT { throw .changed(path: below.text) }
      guard result == 0 else { throw .system("fstatat", below.text, result) }
      // A subvolume below this one has a device of its own; in a snapshot there is an empty directory, number 2, for it.
      guard node.device == device, !(isBtrfs && node.inode == 2) else { throw .otherFileSystem(path: below.text) }
      var entry = TreeEntry(path: below, node: node)
      switch entry.kind {
      case .directory:
        let child = openat(directory, name, O_DIRECTORY)
        guard child >= 0 else { throw Self.lost("openat", below) }
        let opened = OpenDirectory(adopting: child, path: below.text)
        // What was looked at is what was opened.
        let now = try opened.itself()
        guard now.inode == node.inode, now.device == node.device else { throw .changed(path: below.text) }
        entry.attributes = try ExtendedAttributes.read(child, path: below)
        entries.append(entry)
        try enter(opened, path: below, depth: depth + 1)
      case .link:
        entry.target = try Self.target(of: name, in: directory, path: below, size: node.size)
        entries.append(entry)
      case .some: entries.append(entry)
      case nil: throw .badPath(below.text, reason: "neither file, directory, link nor special file")
      }
    }
  }

  /// A name that was there a moment ago: gone, or something else by now.
  static func lost(_ call: String, _ path: [UInt8]) -> SnapshotFault {
    [ENOENT, ENOTDIR, ELOOP].contains(errno) ? .changed(path: path.text) : .last(call, path.text)
  }

  private func openat(_ directory: OpenDirectory, _ name: [UInt8], _ flags: Int32) -> Int32 {
    name.withCString { Glibc.openat(directory.descriptor, $0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags) }
  }

  private static func target(
    of name: [UInt8], in directory: OpenDirectory, path: [UInt8], size: Int64
  ) throws(SnapshotFault) -> [UInt8] {
    var buffer = [CChar](repeating: 0, count: 4097)
    let count = name.withCString { readlinkat(directory.descriptor, $0, &buffer, buffer.count) }
    guard count >= 0 else { throw errno == EINVAL ? .changed(path: path.text) : lost("readlinkat", path) }
    return buffer[..<count].map(UInt8.init(bitPattern:))
  }
}
