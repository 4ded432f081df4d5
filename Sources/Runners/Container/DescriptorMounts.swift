import CLinux
import Glibc

/// A directory in memory in which open files are mounted under names: read-only, and gone when they are taken down.
///
/// Only the mounts lead to the files; the names of the files on the disk play no part (open_tree(2), move_mount(2)).
struct DescriptorMounts {
  /// A name in the directory, and what is to be found under it.
  struct File: Sendable {
    /// Relative; its directories are made.
    var path: String
    /// Open for reading, or with O_PATH.
    var descriptor: Int32
  }

  /// An existing directory that belongs to root.
  let directory: String

  /// Puts the files up and seals the directory. What a crash left there is taken down first.
  func put(_ files: [File], executable: Bool = false) throws(RunnerFault) {
    takeDown()
    // Room for the directories and the empty files that are mounted on, and no more.
    let status = linux_mount_tmpfs(directory, "mode=0755,size=1m,nr_inodes=4096")
    guard status == 0 else { throw .system(call: "mount", path: directory, error: -status) }
    do throws(RunnerFault) {
      for file in files { try put(file, executable: executable) }
      let sealed = linux_seal_mount(directory)
      guard sealed == 0 else { throw .system(call: "mount_setattr", path: directory, error: -sealed) }
    } catch {
      takeDown()
      throw error
    }
  }

  private func put(_ file: File, executable: Bool) throws(RunnerFault) {
    var parent = directory
    let names = file.path.split(separator: "/")
    // Manifests have no such paths; nothing of ours may be mounted elsewhere if one had.
    guard !names.isEmpty, !names.contains(".."), !file.path.hasPrefix("/") else {
      throw .system(call: "mount", path: file.path, error: EINVAL)
    }
    for name in names.dropLast() {
      parent += "/" + name
      try SystemFile.makeDirectory(parent, mode: 0o755)
    }
    let path = directory + "/" + file.path
    try SystemFile.write([], to: path, mode: 0o444)
    let status = linux_mount_descriptor(file.descriptor, path, executable ? 1 : 0)
    guard status == 0 else { throw .system(call: "open_tree", path: path, error: -status) }
  }

  /// Takes everything out of this namespace. A container that has it keeps it.
  func takeDown() {
    while linux_unmount(directory) == 0 {}
  }
}
