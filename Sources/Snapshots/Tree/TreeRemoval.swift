import CLinux
import Glibc

/// Removes whole trees. No link is followed and no mount entered: what is not part of the tree stays.
enum TreeRemoval {
  /// Removes `name`, whatever it is; nothing when it is absent. Btrfs subvolumes on the way are deleted as such.
  static func remove(_ name: [UInt8], in directory: OpenDirectory, depth: Int = 0) throws(SnapshotFault) {
    let path = "\(directory.path)/\(name.text)"
    // Deeper than any tree that this room copies.
    guard depth < 4096 else { throw .tooLarge(what: "levels", limit: 4096) }
    if name.withCString({ unlinkat(directory.descriptor, $0, 0) }) == 0 || errno == ENOENT { return }
    guard errno == EISDIR || errno == EPERM else { throw .last("unlinkat", path) }
    let child = name.withCString {
      openat(directory.descriptor, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    }
    guard child >= 0 else {
      if errno == ENOENT { return }
      throw .last("openat", path)
    }
    let opened = OpenDirectory(adopting: child, path: path)
    let node = try opened.itself()
    if linux_is_btrfs(child) == 1, node.inode == 256 {
      let result = name.withCString { linux_btrfs_delete(directory.descriptor, $0) }
      guard result == 0 else { throw .system("BTRFS_IOC_SNAP_DESTROY", path, result) }
      return
    }
    guard node.device == (try directory.itself().device) else { throw .otherFileSystem(path: path) }
    // A sealed directory lets nobody but root remove what is in it.
    if node.mode & 0o700 != 0o700 { _ = fchmod(child, 0o700) }
    for inside in try opened.names(limit: .max) { try remove(inside, in: opened, depth: depth + 1) }
    guard name.withCString({ unlinkat(directory.descriptor, $0, AT_REMOVEDIR) }) == 0 else {
      throw .last("unlinkat", path)
    }
  }
}
