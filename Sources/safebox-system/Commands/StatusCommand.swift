import CanonicalJSON
import SystemOperations
import Terminal

/// `status`: what the running process says of itself.
enum StatusCommand {
  static let command = Command(
    "status", "show how far the running process has followed the log",
    arguments: [
      .option("socket", value: "path", "its socket", default: SystemConfiguration.standardSocket), .json,
    ], run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let socket = try arguments.required("socket")
    let status: JSON
    do {
      status = try await SystemClient(socket: socket).status()
    } catch {
      throw CommandError("\(error)", hints: ["is `safebox-system serve` running, and is this user on its list?"])
    }
    let isHalted = status["halted"]?.bool ?? true
    let terminal = Terminal.standard
    if arguments.wantsJSON {
      terminal.write(status.canonicalString() + "\n")
      return isHalted ? .divergence : .ok
    }
    func line(_ name: String, _ value: String?) { terminal.write("\(name)\(TerminalText.escaped(value ?? "?"))\n") }
    line("box        ", status["box"]?.string)
    line("entries    ", status["position"]?["size"]?.integer.map { "\($0)" })
    line("root       ", status["position"]?["root"]?.string)
    line("witnesses  ", status["witnessed"]?.bool.map { $0 ? "demanded" : "not demanded" })
    line("key        ", status["key"]?.string)
    line("operations ", status["available"]?.array.map { $0.compactMap(\.string).joined(separator: " ") })
    if let present = status["present"] {
      line("under way  ", "\(present["operation"]?.string ?? "?") \(present["subject"]?.string ?? "?")")
    }
    if isHalted { terminal.error("the log has contradicted itself: nothing is carried out until people have looked") }
    return isHalted ? .divergence : .ok
  }
}
