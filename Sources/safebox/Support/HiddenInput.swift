import Cryptography
import Glibc
import Terminal

/// Reads a secret: from a file, from standard input, or from the person at the keyboard, who does not see it. Never from an
/// argument, which every process of the machine can read.
enum HiddenInput {
  /// - Parameter path: a file, or nil for standard input; at a terminal that is a prompt.
  /// - Returns: without one line end at its end, which editors and `echo` add.
  static func read(_ path: String?, prompt: String, limit: Int) throws -> SecretBytes {
    if path == nil, isatty(0) == 1 { return try typed(prompt) }
    // A line end beside the limit.
    var bytes = try Files.read(path ?? "-", limit: limit + 2)
    defer { wipe(&bytes) }
    var value = bytes[...]
    if value.last == 10 {
      value.removeLast()
      if value.last == 13 { value.removeLast() }
    }
    return SecretBytes(copying: value)
  }

  private static func typed(_ prompt: String) throws -> SecretBytes {
    var before = termios()
    guard tcgetattr(0, &before) == 0 else { throw CommandError("the terminal cannot be set not to show what is typed") }
    var hidden = before
    hidden.c_lflag &= ~tcflag_t(ECHO)
    guard tcsetattr(0, TCSAFLUSH, &hidden) == 0 else {
      throw CommandError("the terminal cannot be set not to show what is typed")
    }
    defer {
      tcsetattr(0, TCSAFLUSH, &before)
      Terminal.standard.writeError("\n")
    }
    Terminal.standard.writeError("\(prompt): ")
    // The kernel hands over a line at a time, of at most 4095 bytes.
    return try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
      defer { erase(buffer) }
      let count = Glibc.read(0, buffer.baseAddress, buffer.count)
      guard count > 0, buffer[count - 1] == 10 else { throw CommandError("nothing was typed", exitCode: .usage) }
      return SecretBytes(copying: buffer[..<(count - 1)])
    }
  }

  private static func wipe(_ bytes: inout [UInt8]) { bytes.withUnsafeMutableBytes { erase($0) } }

  private static func erase(_ buffer: UnsafeMutableRawBufferPointer) {
    if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
  }
}
