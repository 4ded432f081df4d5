import BoxService
import CanonicalJSON
import Receipts
import Terminal

/// `receipt get|verify|explain`.
enum ReceiptCommands {
  static let pinned = Argument.option(
    "box-key", value: "key", "the box's key, or its public.json: without it nothing says whose receipt this is",
    values: .file)

  /// What evidence in a receipt is held against.
  static let appraisal: [Argument] = [
    .option(
      "policy", value: "file", "an appraisal policy, or a claim that signs one, to hold evidence against", values: .file
    ),
    .option("at", value: "time", "when evidence is judged; default: when the box claimed its identity"),
    .option("signer", value: "key", "a key that must have signed the policy", isRepeated: true),
    .option("threshold", value: "count", "how many of the signers must have signed; default: all"),
  ]

  static let command = Command(
    "receipt", "fetch, verify and explain receipts",
    subcommands: [
      Command(
        "get", "fetch the receipt of a finished execution",
        arguments: [
          .positional("proposal", "the action digest"),
          .option("out", value: "file", "where to write; default: standard output", values: .file),
          .option(
            "disclose", value: "digest", "open a commitment in the receipt; `all` for every one", isRepeated: true),
          .option("tlog-proof", value: "file", "also write the C2SP tlog-proof", values: .file),
        ] + BoxConnection.arguments, run: get),
      Command(
        "verify", "verify a receipt offline",
        discussion: "Opens no connection and reads no clock. Exit code 0 when accepted, 5 when not.",
        arguments: [.positional("file", "the receipt, of an action or of a run", values: .file), pinned] + appraisal
          + [.json],
        run: verify),
      Command(
        "explain", "tell in plain words what a receipt shows",
        arguments: [.positional("file", "the receipt, of an action or of a run", values: .file), pinned] + appraisal,
        run: explain),
    ])

  private static func get(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    let id = try ProposalFetch.digest(try arguments.required("proposal"))
    var path = "/v1/receipts/\(id.hex)"
    let disclose = arguments.values("disclose")
    for text in disclose where text != "all" { _ = try ProposalFetch.digest(text) }
    if !disclose.isEmpty { path += "?disclose=\(disclose.contains("all") ? "all" : disclose.joined(separator: ","))" }
    let answer = try await connection.send("GET", path)
    try Files.write(answer.body, to: arguments.value("out"))
    if let file = arguments.value("tlog-proof") {
      let proof = try await connection.send("GET", "/v1/receipts/\(id.hex)/tlog-proof")
      try Files.write(proof.body, to: file)
    }
    return .ok
  }

  /// The box that a receipt or an export is expected to be of: a key, or a file with `public.json`.
  static func expected(_ arguments: ParsedArguments) throws -> ExpectedBox {
    guard let text = arguments.value("box-key") else { return .anyBox }
    if let expected = try? ExpectedBox(parsing: text) { return expected }
    let bytes = try Files.read(text, limit: 65536)
    if let keys = try? PublicKeys(parsing: bytes) { return try ExpectedBox(parsing: keys.es256) }
    do {
      return try ExpectedBox(parsing: Settings.firstLine(bytes))
    } catch {
      throw CommandError("\(text): \(error)", exitCode: .usage)
    }
  }

  private static func expectation(_ arguments: ParsedArguments) throws -> EvidenceExpectation? {
    let time = try arguments.value("at").map(AttestCommands.time)
    guard arguments.value("policy") != nil else {
      guard time == nil, arguments.values("signer").isEmpty else {
        throw CommandError("--at and --signer belong to --policy", exitCode: .usage)
      }
      return nil
    }
    return EvidenceExpectation(
      policy: try AttestCommands.policy(arguments, at: time ?? WallClock.milliseconds()),
      time: time.map { .at($0) } ?? .ofClaim)
  }

  private static func report(_ arguments: ParsedArguments) throws -> ReceiptReport {
    ReceiptVerifier(expecting: try expected(arguments), appraisal: try expectation(arguments)).verify(
      try Files.read(try arguments.required("file"), limit: Receipt.Limits.bytes + 1))
  }

  private static func verify(_ arguments: ParsedArguments) throws -> ExitCode {
    let report = try report(arguments)
    let terminal = Terminal.standard
    if arguments.wantsJSON {
      terminal.write(report.json.canonicalString() + "\n")
    } else {
      let style = terminal.outputStyle
      for step in report.steps {
        let mark =
          switch step.outcome {
          case .passed: style.green("passed    ")
          case .failed: style.red("FAILED    ")
          case .notApplicable: style.dim("nothing   ")
          case .notProved: style.yellow("not proved")
          }
        terminal.write("\(mark)  \(step.id.title)\n            \(TerminalText.escaped(step.outcome.detail))\n")
      }
      terminal.write(
        report.verdict == .accepted
          ? "\naccepted: nothing in this receipt is wrong; what is not proved is listed above\n"
          : "\nrejected\n")
    }
    guard report.verdict == .accepted else {
      throw CommandError(
        "the receipt is not valid: \(report.failures.map(\.code).joined(separator: ", "))",
        exitCode: .verificationFailed)
    }
    return .ok
  }

  private static func explain(_ arguments: ParsedArguments) throws -> ExitCode {
    let report = try report(arguments)
    let terminal = Terminal.standard
    for line in report.explanation.lines { terminal.write(TerminalText.escaped(line.text) + "\n") }
    terminal.write("\nnot proved here:\n")
    for step in report.notProved {
      terminal.write("  \(step.id.title): \(TerminalText.escaped(step.outcome.detail))\n")
    }
    guard report.verdict == .accepted else {
      throw CommandError(
        "the receipt is not valid: \(report.failures.map(\.description).joined(separator: "; "))",
        exitCode: .verificationFailed)
    }
    return .ok
  }
}
