import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Terminal

/// `approve`, `object`, `withdraw`: signed on the approver's own device.
enum VoteCommands {
  static let approve = command(
    .approve, "approve", "approve a proposal with your key",
    """
    Fetches the proposal (or reads a file written by `safebox show --json`), recomputes the action digest from the \
    readable action on this machine, shows what you sign, asks, signs, and hands the claim in. With --out the claim is \
    written to a file instead, so that the key's machine needs no network; `safebox claim send` hands it in.
    """)
  static let object = command(
    .object, "object", "object to a proposal with your key",
    "An objection by enough members of a time-lock's objectors stops it until the execution starts.")
  static let withdraw = command(
    .withdraw, "withdraw", "withdraw your proposal",
    "A client's proposal is withdrawn by the client's token alone; a signer's with the signer's key.")

  private static func command(_ verdict: Verdict, _ name: String, _ summary: String, _ discussion: String) -> Command {
    Command(
      name, summary, discussion: discussion,
      arguments: [
        .positional("proposal", "the action digest, or a file with the proposal", values: .file),
        .option("key", value: "file", "your private key", values: .file, isRequired: verdict != .withdraw),
        .option("signer", value: "name", "your name in the box; default: the key file's name"),
        .option("out", value: "file", "write the claim there instead of handing it in", values: .file),
        .option("valid-for", value: "span", "how long the claim counts", default: "7d"),
        .flag("blind", "sign although private values are not shown"), .yes, .json,
      ] + BoxConnection.arguments,
      run: { try await run($0, verdict) })
  }

  private static func run(_ arguments: ParsedArguments, _ verdict: Verdict) async throws -> ExitCode {
    let target = try arguments.required("proposal")
    if verdict == .withdraw, arguments.value("key") == nil {
      let id = try ProposalFetch.digest(target)
      let answer = try await BoxConnection(arguments).send(
        "POST", "/v1/proposals/\(id.hex)/withdrawal", body: [:])
      _ = ProposalOutput.print(try answer.json(), arguments)
      return .ok
    }
    let (proposal, text) = try await load(target, arguments)
    let (name, signer) = try SignerKeyFile.signer(arguments)
    show(text, proposal, verdict, name)
    if verdict == .approve, !text.unseen.isEmpty, !arguments.flag("blind") {
      throw CommandError(
        "private values are not shown to you: \(text.unseen.joined(separator: ", "))",
        hints: ["use a token with the scope `openings`, or sign unseen with --blind"])
    }
    if !arguments.flag("yes") {
      guard try Confirmation().isGiven("\(verdict.rawValue) this as \(name)?") else {
        throw CommandError("nothing was signed")
      }
    }
    let validFor = try arguments.seconds("valid-for") ?? 7 * 86400
    let claim = try text.statement.claim(
      verdict, by: name, key: signer.key, nonce: Hex.encode(SecureRandom.bytes(16)),
      exp: WallClock.seconds() + min(validFor, Policy.longestExpiry - 60)
    ).signed(by: signer)
    if let path = arguments.value("out") {
      try Files.write(claim.json.canonicalBytes() + [10], to: path)
      return .ok
    }
    return try await handIn(claim.json, verdict, text.statement.digest, arguments)
  }

  /// Hands in a claim that was made before, here or elsewhere.
  static func handIn(
    _ claim: JSON, _ verdict: Verdict, _ id: SHA256Digest, _ arguments: ParsedArguments
  ) async throws -> ExitCode {
    let path =
      switch verdict {
      case .approve, .propose: "approvals"
      case .object: "objections"
      case .withdraw: "withdrawal"
      }
    let answer = try await BoxConnection(arguments).send("POST", "/v1/proposals/\(id.hex)/\(path)", body: claim)
    _ = ProposalOutput.print(try answer.json(), arguments)
    // The vote was recorded, which is what was asked for; what the proposal still needs is in the output.
    return .ok
  }

  private static func load(_ target: String, _ arguments: ParsedArguments) async throws -> (JSON, ProposalText) {
    if SHA256Digest(hex: target) != nil {
      return try await ProposalFetch.fetch(target, try BoxConnection(arguments))
    }
    let proposal: JSON
    do { proposal = try Files.json(target) } catch let error as CommandError {
      throw CommandError(
        error.message,
        hints: ["give an action digest (64 hexadecimal digits) or a file that `safebox show --json` wrote"])
    }
    // A file that was changed on its way may still name the proposal that it was about.
    let expected = try proposal["proposal"]?.string.map { try ProposalFetch.digest($0) }
    return (proposal, try ProposalText(proposal: proposal, openings: proposal["openings"], expected: expected))
  }

  private static func show(_ text: ProposalText, _ proposal: JSON, _ verdict: Verdict, _ name: String) {
    let terminal = Terminal.standard
    terminal.writeError("\(name), you are about to sign: \(verdict.rawValue)\n")
    let width = terminal.errorIsTTY ? terminal.width - 2 : nil
    for line in text.lines(policyName: proposal["policy"]?["name"]?.string, width: width) {
      terminal.writeError("  \(line)\n")
    }
  }
}
