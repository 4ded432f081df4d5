import Glibc
import Models

extension SystemCallFault {
  /// The call that has just failed.
  static func last(_ call: String, _ path: String) -> SystemCallFault {
    SystemCallFault(call: call, path: path, errno: Glibc.errno)
  }

  /// The disk, or the quota, is full.
  var isOutOfSpace: Bool { errno == ENOSPC || errno == EDQUOT }
}
