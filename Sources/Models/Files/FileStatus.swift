import Glibc

/// What `fstat` says of an open file.
struct FileStatus: Sendable, Hashable {
  /// What can stand behind a name.
  enum Kind: String, Sendable, Hashable {
    case file = "a regular file"
    case directory = "a directory"
    case symbolicLink = "a symbolic link"
    case fifo = "a FIFO"
    case socket = "a socket"
    case device = "a device"

    init(mode: mode_t) {
      switch mode & S_IFMT {
      case S_IFREG: self = .file
      case S_IFDIR: self = .directory
      case S_IFLNK: self = .symbolicLink
      case S_IFIFO: self = .fifo
      case S_IFSOCK: self = .socket
      default: self = .device
      }
    }
  }

  let kind: Kind
  /// Permission bits, with set-user-ID and the like.
  let permissions: UInt32
  let owner: UInt32
  let links: Int
  let identity: FileIdentity

  init(_ status: stat) {
    kind = Kind(mode: status.st_mode)
    permissions = status.st_mode & 0o7777
    owner = status.st_uid
    links = Int(status.st_nlink)
    identity = FileIdentity(status)
  }

  init(of descriptor: Int32, path: String) throws(SystemCallFault) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last("fstat", path) }
    self.init(status)
  }
}

/// Which file a descriptor leads to and in which state it is. Two equal identities taken at different times mean that nobody
/// wrote to the file in between, as far as the file system's clock is fine enough to tell.
public struct FileIdentity: Sendable, Hashable {
  let device: UInt64
  let inode: UInt64
  let size: Int64
  let modified: Int64
  let changed: Int64

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    modified = Self.nanoseconds(status.st_mtim)
    changed = Self.nanoseconds(status.st_ctim)
  }

  /// The identity of an open file.
  public init(of descriptor: Int32) throws(SystemCallFault) {
    self = try FileStatus(of: descriptor, path: "descriptor \(descriptor)").identity
  }

  /// Whether this is the same file, whatever became of it.
  func isSameFile(as other: FileIdentity) -> Bool { device == other.device && inode == other.inode }

  /// Whether this is the same file with the same content; its mode or owner may have been changed.
  func hasSameContent(as other: FileIdentity) -> Bool {
    isSameFile(as: other) && size == other.size && modified == other.modified
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
