import Terminal

/// `erase`: a private value, for good.
enum EraseCommand {
  static let command = Command(
    "erase", "erase a private value for good; every proof goes on verifying",
    discussion: """
      The digest is that of the commitment, as `safebox log tail` and `safebox show --json` print it. Receipts that \
      already disclose the value keep it: they are other people's files.
      """,
    arguments: [.positional("commitment", "the commitment's digest"), .yes] + BoxConnection.arguments, run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    let digest = try ProposalFetch.digest(try arguments.required("commitment"))
    if !arguments.flag("yes") {
      guard try Confirmation().isGiven("erase the private value behind \(digest)? It cannot be brought back.") else {
        throw CommandError("nothing was erased")
      }
    }
    _ = try await BoxConnection(arguments).send("DELETE", "/v1/openings/\(digest.hex)")
    return .ok
  }
}
