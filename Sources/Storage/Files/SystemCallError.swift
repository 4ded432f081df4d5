import Glibc

/// A system call that failed: its name, what it was called on, and errno.
public struct SystemCallError: Error, Hashable, CustomStringConvertible {
  /// The call, for example `"fsync"`.
  public var call: String
  /// The path or object it was called on.
  public var subject: String
  /// The errno value.
  public var errno: Int32

  /// An error from its parts.
  public init(call: String, subject: String, errno: Int32) {
    self.call = call
    self.subject = subject
    self.errno = errno
  }

  /// The error of the call that has just failed.
  static func last(_ call: String, _ subject: String) -> SystemCallError {
    SystemCallError(call: call, subject: subject, errno: Glibc.errno)
  }

  public var description: String {
    var text = [CChar](repeating: 0, count: 128)
    let message =
      strerror_r(errno, &text, text.count) == 0
      ? String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) : "error \(errno)"
    return "\(call) \(subject): \(message)"
  }
}
