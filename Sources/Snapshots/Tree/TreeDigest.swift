import CLinux
import Cryptography
import Dispatch
import Glibc
import Synchronization

/// The digest of everything that a tree of files is: two trees have the same exactly when every path, type, permission,
/// owner, content, link, device number and extended attribute is the same. Times, inode numbers and which names are hard
/// links of one file are not part of it.
///
/// SHA-256 over `safebox tree v1\n` and a record for each name, the root's first (its path is empty), sorted by the bytes
/// of the paths. A record, numbers big-endian: type (1 byte: `d f l c b p s`); length of the path (4) and the path;
/// permissions with set-id and sticky bits (4); user (4); group (4); then for a file its size (8) and the SHA-256 of its
/// content (32), for a link the length of its target (4) and the target, for a device its major (4) and minor (4) number;
/// then the number of extended attributes (4), and for each, sorted, length (4) and bytes of its name and of its value.
/// Attributes are `user.*`, `security.capability` and POSIX access lists, of files and directories.
public struct TreeDigest: Sendable, Hashable {
  public let digest: SHA256Digest
  /// How many names there are, the root's among them.
  public let entries: Int
  /// Content of all files together, in bytes.
  public let bytes: Int64

  /// Digests the tree at `path`, which is a directory and no link. Blocks for as long as reading it all takes; uses
  /// every processor.
  ///
  /// - Throws: ``SnapshotFault/changed(path:)`` when anything in the tree was changed meanwhile,
  ///   ``SnapshotFault/otherFileSystem(path:)`` at a mount or subvolume inside it, ``SnapshotFault/tooLarge(what:limit:)``.
  public init(of path: String, limits: TreeLimits = TreeLimits()) throws(SnapshotFault) {
    try self.init(of: OpenDirectory(opening: path), limits: limits, meanwhile: {})
  }

  /// - Parameter meanwhile: called between reading and looking again; for tests, which change the tree there.
  init(of root: OpenDirectory, limits: TreeLimits, meanwhile: () -> Void) throws(SnapshotFault) {
    let entries = try TreeWalk(root, limits: limits).entries
    let contents = try FileContents(root, entries).read()
    meanwhile()
    // Whoever changed something after it was read left a trace in the time of the last change, which nobody can set.
    for entry in entries { try Self.lookAgain(entry, in: root) }
    var hasher = SHA256()
    hasher.update(utf8: "safebox tree v1\n")
    var bytes: Int64 = 0
    for (entry, content) in zip(entries, contents) {
      hasher.update(Self.record(entry, content))
      if content != nil { bytes += entry.node.size }
    }
    digest = hasher.finalize()
    self.entries = entries.count
    self.bytes = bytes
  }

  private static func lookAgain(_ entry: TreeEntry, in root: OpenDirectory) throws(SnapshotFault) {
    var now = linux_node()
    let result = entry.path.withCString { linux_look(root.descriptor, $0, &now) }
    guard result == 0, entry.node.isUnchanged(in: now) else { throw .changed(path: entry.path.text) }
  }

  private static func record(_ entry: TreeEntry, _ content: FileContents.Content?) -> [UInt8] {
    let node = entry.node
    guard let kind = entry.kind else { preconditionFailure("the walk lets no other kind pass") }
    var record: [UInt8] = [kind.rawValue]
    record.append(counted: entry.path)
    record.append(bigEndian: node.mode & 0o7777)
    record.append(bigEndian: node.user)
    record.append(bigEndian: node.group)
    switch kind {
    case .file:
      record.append(bigEndian: UInt64(bitPattern: node.size))
      if let content { record += content.digest.bytes }
    case .link: record.append(counted: entry.target)
    case .character, .block:
      record.append(bigEndian: node.major)
      record.append(bigEndian: node.minor)
    case .directory, .fifo, .socket: break
    }
    let attributes = content?.attributes ?? entry.attributes
    record.append(bigEndian: UInt32(attributes.count))
    for attribute in attributes {
      record.append(counted: attribute.name)
      record.append(counted: attribute.value)
    }
    return record
  }
}

extension [UInt8] {
  fileprivate mutating func append(bigEndian value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }

  fileprivate mutating func append(counted bytes: [UInt8]) {
    append(bigEndian: UInt32(bytes.count))
    append(contentsOf: bytes)
  }
}

extension linux_node {
  /// Nothing of it was changed between two looks.
  func isUnchanged(in other: linux_node) -> Bool {
    inode == other.inode && device == other.device && mode == other.mode && user == other.user && group == other.group
      && size == other.size && modified == other.modified && changed == other.changed
  }
}
