import CanonicalJSON
import JavaScript
import Receipts
import Runs
import Terminal

/// `run receipt|bundle|replay`: what proves a run, what it takes to do it again, and doing it again.
enum RunReceiptCommands {
  static let commands = [
    Command(
      "receipt", "fetch the receipt of a run that is over",
      arguments: [
        RunCommands.run,
        .option("out", value: "file", "where to write; default: standard output", values: .file),
      ] + BoxConnection.arguments, run: receipt),
    Command(
      "bundle", "fetch all that it takes to do a run again",
      discussion: "The bundle holds what the log hides: input, arguments and answers, and the salt of their digests.",
      arguments: [
        RunCommands.run, .option("out", value: "file", "where to write", values: .file),
      ] + BoxConnection.arguments, run: bundle),
    Command(
      "replay", "do a run again on this machine and compare",
      discussion: """
        Verifies the receipt offline, then runs the tool from the bundle: in the jail where this machine has one, else in \
        process. Exit code 0 when the execution hash is the same, 5 when the receipt does not verify, 6 at the first \
        difference.
        """,
      arguments: [
        .positional("receipt", "the run's receipt", values: .file),
        .option("bundle", value: "file", "the run's bundle", values: .file), ReceiptCommands.pinned, .json,
      ], run: replay),
  ]

  private static func receipt(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    let answer = try await connection.send("GET", "/v1/runs/\(try RunCommands.id(arguments))/receipt")
    try Files.write(answer.body, to: arguments.value("out"))
    return .ok
  }

  private static func bundle(_ arguments: ParsedArguments) async throws -> ExitCode {
    let connection = try BoxConnection(arguments)
    let answer = try await connection.send("GET", "/v1/runs/\(try RunCommands.id(arguments))/bundle")
    // Nobody else on this machine is to read what the log hides.
    try Files.write(answer.body, to: try arguments.required("out"), mode: 0o600)
    return .ok
  }

  private static func replay(_ arguments: ParsedArguments) async throws -> ExitCode {
    let file = try Files.read(try arguments.required("receipt"), limit: RunReceipt.Limits.bytes + 1)
    let report = ReceiptVerifier(expecting: try ReceiptCommands.expected(arguments)).verify(file)
    guard report.verdict == .accepted else {
      throw CommandError(
        "the receipt is not valid: \(report.failures.map(\.description).joined(separator: "; "))",
        exitCode: .verificationFailed)
    }
    guard let receipt = try? RunReceipt(parsing: file), let log = try? LoggedRun(receipt) else {
      throw CommandError(
        "this is the receipt of an action", hints: ["only runs can be done again: safebox run receipt RUN"],
        exitCode: .usage)
    }
    let bundle = try Self.read(try arguments.required("bundle"))
    let sessions = LocalSessions()
    let result: Result<String, any Error>
    do {
      result = .success(try await Replay.run(recorded(log), with: bundle, in: sessions).hex)
    } catch {
      result = .failure(error)
    }
    let backend = await sessions.backendName
    await sessions.shutDown()
    let hash: String
    do {
      hash = try result.get()
    } catch let divergence as RunDivergence {
      throw Self.failure(divergence)
    } catch let error as NotReplayable {
      throw CommandError("\(error)")
    }
    if arguments.wantsJSON {
      let json: JSON = [
        "run": .string(log.started.body.run.hex), "execution": .string(hash),
        "calls": .integer(Int64(log.called.count)),
        "engine": .string(Machine.engine), "backend": .string(backend),
      ]
      Terminal.standard.write(json.canonicalString() + "\n")
    } else {
      Terminal.standard.write(
        "\(hash)\nthe same execution hash: \(log.called.count) recorded answers, done again in \(backend) by "
          + "\(Machine.engine)\n")
    }
    return .ok
  }

  private static func recorded(_ log: LoggedRun) -> RecordedRun {
    RecordedRun(
      started: log.started.body, startedAt: log.started.at, calls: log.called.map { ($0.body, $0.at) },
      finished: log.finished.body, engine: log.engine)
  }

  private static func read(_ path: String) throws -> ReplayBundle {
    let bytes = try Files.read(path, limit: ReplayBundle.maxBytes)
    do {
      return try ReplayBundle(
        json: JSON(
          parsing: bytes, limits: JSONLimits(maxBytes: ReplayBundle.maxBytes, maxDepth: 70, allowsNoncharacters: true)))
    } catch {
      throw CommandError("\(path): \(error)")
    }
  }

  private static func failure(_ divergence: RunDivergence) -> CommandError {
    CommandError(
      "the run is not the same \(divergence)",
      hints: [
        "either the bundle is not this run's, or the engine is another, or the run was not what the box recorded"
      ],
      exitCode: .divergence)
  }
}
