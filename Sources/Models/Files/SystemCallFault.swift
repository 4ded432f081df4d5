import Glibc

/// A system call that failed: its name, what it was called on, and errno.
public struct SystemCallFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// The call, for example `"fsync"`.
  public let call: String
  /// The path it was called on.
  public let path: String
  /// The errno value.
  public let errno: Int32

  public init(call: String, path: String, errno: Int32) {
    self.call = call
    self.path = path
    self.errno = errno
  }

  /// The fault of the call that has just failed.
  static func last(_ call: String, _ path: String) -> SystemCallFault {
    SystemCallFault(call: call, path: path, errno: Glibc.errno)
  }

  public var description: String { "\(call) \(path): \(Self.text(errno))" }

  /// The system's words for an errno.
  static func text(_ errno: Int32) -> String {
    var text = [CChar](repeating: 0, count: 128)
    guard strerror_r(errno, &text, text.count) == 0 else { return "error \(errno)" }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
