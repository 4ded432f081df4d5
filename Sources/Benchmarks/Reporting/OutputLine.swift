import Glibc

/// Lines that are out when the call returns: whoever waits for one must not wait for a buffer.
enum OutputLine {
  static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    var rest = Array((text + "\n").utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      rest.removeFirst(count)
    }
  }
}
