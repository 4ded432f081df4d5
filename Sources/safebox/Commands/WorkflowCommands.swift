import CanonicalJSON
import Terminal

/// `workflow start|show`: a workflow is a tool whose host calls start tasks; the tree of its runs is its state.
enum WorkflowCommands {
  static let command = Command(
    "workflow", "start workflows and show their tasks",
    subcommands: [
      Command(
        "start", "start a workflow: the same as `run start`", arguments: RunCommands.startArguments,
        run: RunCommands.start),
      Command(
        "show", "show a workflow and, below it, its tasks",
        arguments: [RunCommands.run, .json] + BoxConnection.arguments,
        run: show),
    ])

  /// Runs that one tree shows at most.
  static let maxRuns = 1000

  private struct Node {
    var depth: Int
    var run: JSON
  }

  private static func show(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    var nodes: [Node] = []
    var left = [(depth: 0, id: try RunCommands.id(arguments))]
    while let (depth, id) = left.popLast(), nodes.count < maxRuns {
      let run = try await connection.get("/v1/runs/\(id)")
      nodes.append(Node(depth: depth, run: run))
      let children = (run["children"]?.array ?? []).compactMap(\.string)
      left += children.reversed().map { (depth + 1, $0) }
    }
    guard let root = nodes.first?.run else { return .failed }
    if arguments.wantsJSON {
      Terminal.standard.write(JSON.array(nodes.map(\.run)).canonicalString() + "\n")
      return RunOutput.exitCode(root)
    }
    for node in nodes { write(node) }
    if !left.isEmpty { Terminal.standard.hint("only the first \(maxRuns) runs are shown") }
    return RunOutput.exitCode(root)
  }

  private static func write(_ node: Node) {
    let style = Terminal.standard.outputStyle
    let run = node.run
    let status = run["status"]?.string ?? "?"
    let shown =
      switch status {
      case "finished": style.green(status)
      case "failed", "stuck": style.red(status)
      default: style.yellow(status)
      }
    var text = "\(run["name"]?.string ?? "?")@\(run["version"]?.string ?? "?")  \(run["run"]?.string ?? "?")"
    if let failure = run["failure"] {
      // Without the stack, which `run show` has.
      let message = failure["message"]?.string?.split(separator: "\n").first ?? ""
      text += "  \(failure["kind"]?.string ?? "?"): \(message)"
    }
    let waits = (run["waiting"]?.array ?? []).filter { $0["child"] == nil }
    if !waits.isEmpty { text += "  waits: " + waits.map(RunOutput.wait).joined(separator: "; ") }
    Terminal.standard.write(
      String(repeating: "  ", count: node.depth) + shown + "  " + TerminalText.escaped(text) + "\n")
  }
}
