import Glibc

/// Asks the person at the keyboard. Reads the controlling terminal and never standard input, so that no pipe can answer.
public struct Confirmation: Sendable {
  private let device: String

  /// `device` is the terminal to ask on.
  public init(device: String = "/dev/tty") { self.device = device }

  /// True only for `y` or `yes`, in any case; anything else and the end of input are no. Untrusted text in `question` is
  /// made harmless. Without a terminal it fails with exit code `usage`.
  public func isGiven(_ question: String) throws(CommandError) -> Bool {
    let descriptor = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CommandError(
        "there is no terminal to ask for confirmation on", hints: ["read what will be done, then add --yes"],
        exitCode: .usage)
    }
    defer { close(descriptor) }
    // What was typed before the question was shown is no answer to it.
    tcflush(descriptor, TCIFLUSH)
    let prompt = Array("\(TerminalText.escapedLines(question)) [y/N] ".utf8)
    guard write(descriptor, prompt, prompt.count) == prompt.count else { return false }
    return ["y", "yes"].contains(readLine(descriptor).lowercased())
  }

  // At most 64 bytes; a longer line is no.
  private func readLine(_ descriptor: Int32) -> String {
    var line: [UInt8] = []
    while line.count <= 64 {
      var byte: UInt8 = 0
      let count = read(descriptor, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else { return "" }
      if byte == 0x0a { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
    tcflush(descriptor, TCIFLUSH)
    return ""
  }
}
