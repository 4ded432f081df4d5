import Glibc
import Terminal

@main enum Main {
  static func main() async {
    // A peer that goes away is an error of one write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    let code = await CommandRunner(SafeboxCommand.root, version: SafeboxCommand.version).run(words())
    exit(code.rawValue)
  }

  /// The words behind the program's name. Optimised and linked statically, `CommandLine.arguments` of this program is empty
  /// (Swift 6.3.1), so they come from the kernel.
  private static func words() -> [String] {
    guard let file = fopen("/proc/self/cmdline", "re") else { return Array(CommandLine.arguments.dropFirst()) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    // Each word ends with a zero.
    return bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast().dropFirst()
      .map { String(decoding: $0, as: UTF8.self) }
  }
}
