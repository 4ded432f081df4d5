import CLinux
import Glibc

/// The directories of one runner, below `run/<name>`.
struct RunnerPlaces: Sendable {
  /// A unix socket's path has so many bytes at most (unix(7): `sun_path`, less the final NUL).
  static let maxSocketPathBytes = 107

  let name: String
  let directory: String

  /// What others connect to: a link to the socket in the directory that the container has.
  var socket: String { directory + "/runner.sock" }
  /// Owned by the runner, in memory, bounded, and blind to symbolic links: one that the runner puts where its socket was
  /// leads nobody anywhere.
  var socketDirectory: String { directory + "/socket" }
  var boundSocket: String { socketDirectory + "/runner.sock" }
  /// Outlives a restart: the saved cache slots are in it.
  var cache: String { directory + "/cache" }
  var log: String { directory + "/log" }
  var bundle: String { directory + "/bundle" }
  var models: String { directory + "/bundle/model" }
  var adapters: String { directory + "/bundle/adapter" }

  /// - Throws: ``RunnerFault/socketPathTooLong(path:bytes:limit:)``; or the name is no name.
  init(name: String, below parent: String) throws(RunnerFault) {
    // The name becomes part of a path and of the container's identifier.
    let isName =
      (1...64).contains(name.utf8.count) && name.utf8.first != UInt8(ascii: "-")
      && name.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
        default: false
        }
      }
    guard isName else { throw .unknownRunner(name) }
    self.name = name
    directory = parent + "/" + name
    let bytes = boundSocket.utf8.count
    guard bytes <= Self.maxSocketPathBytes else {
      throw .socketPathTooLong(path: boundSocket, bytes: bytes, limit: Self.maxSocketPathBytes)
    }
  }

  /// Makes what is not there yet. `group` may pass into the socket's directory; the runner's own user may too.
  func make(group: gid_t) throws(RunnerFault) {
    try SystemFile.makeDirectory(directory, mode: 0o755)
    try SystemFile.makeDirectory(bundle, mode: 0o700)
    try SystemFile.makeDirectory(models, mode: 0o755)
    try SystemFile.makeDirectory(adapters, mode: 0o755)
    try SystemFile.makeDirectory(socketDirectory, mode: 0o700)
    try SystemFile.makeDirectory(cache, mode: 0o700, owner: uid_t(ContainerSpec.nobody))
    unmount()
    // An old socket would keep the server from making its own: the directory is a new one for each start.
    let options = "mode=0710,uid=\(ContainerSpec.nobody),gid=\(group),size=64k,nr_inodes=16"
    let status = linux_mount_tmpfs(socketDirectory, options)
    guard status == 0 else { throw .system(call: "mount", path: socketDirectory, error: -status) }
    unlink(socket)
    guard symlink("socket/runner.sock", socket) == 0 else { throw .system(call: "symlink", path: socket, error: errno) }
  }

  /// Takes the mounts down, those of a crash with them.
  func unmount() {
    for path in [models, adapters, socketDirectory] { DescriptorMounts(directory: path).takeDown() }
  }

  /// Moves the socket away: who is connected stays so, and nobody connects any more.
  func closeDoor() { rename(boundSocket, socketDirectory + "/closed") }
}
