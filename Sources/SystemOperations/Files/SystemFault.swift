import Glibc

/// A system call that failed: its name, what it was called on, and errno.
public struct SystemFault: Error, Sendable, Hashable, CustomStringConvertible {
  public let call: String
  public let subject: String
  public let errno: Int32

  init(_ call: String, _ subject: String, errno: Int32 = Glibc.errno) {
    self.call = call
    self.subject = subject
    self.errno = errno
  }

  public var description: String {
    var text = [CChar](repeating: 0, count: 128)
    let isKnown = strerror_r(errno, &text, text.count) == 0
    let message = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return "\(call) \(subject): \(isKnown ? message : "error \(errno)")"
  }
}
