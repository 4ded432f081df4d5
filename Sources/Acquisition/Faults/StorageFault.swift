import Glibc

/// A system call on the box's own disk that failed.
public struct StorageFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// For example `pwrite`.
  public var call: String
  public var path: String
  public var errno: Int32

  public init(call: String, path: String, errno: Int32) {
    self.call = call
    self.path = path
    self.errno = errno
  }

  /// The call that has just failed.
  static func last(_ call: String, _ path: String) -> StorageFault {
    StorageFault(call: call, path: path, errno: Glibc.errno)
  }

  /// The disk, or the quota, is full.
  public var isOutOfSpace: Bool { errno == ENOSPC || errno == EDQUOT }

  public var description: String {
    var text = [CChar](repeating: 0, count: 128)
    let message =
      strerror_r(errno, &text, text.count) == 0
      ? String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) : "error \(errno)"
    return "\(call) \(path): \(message)"
  }
}
