import SystemOperations
import Terminal

/// The command line as data.
enum SystemCommand {
  static let version = "0.1.0"

  static let root = Command(
    "safebox-system", "carry out as root what the owners of a box have decided, and nothing else",
    discussion: """
      The one privileged process of a box. It follows the box's log with keys that it was given beforehand, computes the \
      decisions itself, and carries out those that are about this machine. Whoever holds its socket can ask and withhold, \
      but not decide.
      """,
    subcommands: [
      InitCommand.command, ServeCommand.command, PerformCommand.command, OperationsCommand.command,
      StatusCommand.command, SurfaceCommands.unit, SurfaceCommands.sudoers, versionCommand,
    ])

  private static let versionCommand = Command("version", "print the version") { _ in
    Terminal.standard.write("safebox-system \(version)\n")
    return .ok
  }

  static let configuration = Argument.option(
    "configuration", value: "file", "the configuration, a file of root's", values: .file,
    default: SystemConfiguration.standardPath)

  static func read(_ arguments: ParsedArguments) throws -> SystemConfiguration {
    do {
      return try ConfigurationFile.read(try arguments.required("configuration"))
    } catch {
      throw CommandError("\(error)", hints: ["`safebox-system init` writes it"])
    }
  }
}
