import Glibc
import Terminal

@main enum Main {
  static func main() async {
    // A caller that goes away is an error of one write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    let code = await CommandRunner(SystemCommand.root, version: SystemCommand.version)
      .run(Array(CommandLine.arguments.dropFirst()))
    exit(code.rawValue)
  }
}
