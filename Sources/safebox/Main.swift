import Glibc
import Terminal

@main enum Main {
  static func main() async {
    // A peer that goes away is an error of one write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    let code = await CommandRunner(SafeboxCommand.root, version: SafeboxCommand.version)
      .run(Array(CommandLine.arguments.dropFirst()))
    exit(code.rawValue)
  }
}
