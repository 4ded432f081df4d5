import SystemOperations
import Terminal

/// `unit`, `sudoers`: what installations need, made from the list of operations.
enum SurfaceCommands {
  private static let program = Argument.option(
    "program", value: "path", "where this program is installed", default: "/usr/bin/safebox-system")

  static let unit = Command(
    "unit", "print the unit of systemd", arguments: [program, SystemCommand.configuration],
    run: { arguments in
      let configuration = try SystemCommand.read(arguments)
      let unit = SystemdUnit.text(
        program: try arguments.required("program"), configurationPath: try arguments.required("configuration"),
        configuration: configuration)
      guard let unit else {
        throw CommandError(
          "these paths cannot stand in a unit",
          hints: ["plain absolute paths are expected, and a socket in a directory of its own right below /run"])
      }
      Terminal.standard.write(unit)
      return .ok
    })

  static let sudoers = Command(
    "sudoers", "print the sudoers file for a socket that is served without root",
    arguments: [
      .option("user", value: "name", "the account that serves the socket", default: "safebox"), program,
      SystemCommand.configuration,
    ],
    run: { arguments in
      let text = SudoersFile.text(
        user: try arguments.required("user"), program: try arguments.required("program"),
        configuration: try arguments.required("configuration"))
      guard let text else {
        throw CommandError("plain absolute paths and the plain name of an account are expected", exitCode: .usage)
      }
      Terminal.standard.write(text)
      return .ok
    })
}
