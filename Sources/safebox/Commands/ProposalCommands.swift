import CanonicalJSON
import Terminal

/// `proposals`, `show`.
enum ProposalCommands {
  static let list = Command(
    "proposals", "list proposals, newest first",
    arguments: [
      .option("status", value: "status", "only this status"),
      .option("limit", value: "count", "how many", default: "20"), .json,
    ] + BoxConnection.arguments, run: list)

  static let show = Command(
    "show", "show one proposal, with the private values that you may see",
    arguments: [.positional("proposal", "the action digest"), .json] + BoxConnection.arguments, run: show)

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    let proposals = try await connection.list("proposals", arguments)
    if arguments.wantsJSON {
      Terminal.standard.write(JSON.array(proposals).canonicalString() + "\n")
      return .ok
    }
    var table = Table([
      .init("proposal", mayBeCut: false), .init("status"), .init("action"), .init("by"), .init("missing"),
    ])
    for proposal in proposals {
      table.add([
        proposal["proposal"]?.string ?? "?", proposal["status"]?["name"]?.string ?? "?",
        proposal["statement"]?["action"]?["type"]?.string ?? "?", proposal["proposer"]?.string ?? "?",
        (proposal["missing"]?.array ?? []).compactMap { $0["text"]?.string }.joined(separator: "; "),
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }

  private static func show(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    let (proposal, text) = try await ProposalFetch.fetch(try arguments.required("proposal"), connection)
    if arguments.wantsJSON {
      Terminal.standard.write(proposal.canonicalString() + "\n")
      return .ok
    }
    Terminal.standard.write(ProposalOutput.text(proposal))
    let width = Terminal.standard.outputIsTTY ? Terminal.standard.width : nil
    for line in text.lines(policyName: proposal["policy"]?["name"]?.string, width: width) {
      Terminal.standard.write(line + "\n")
    }
    return .ok
  }
}
