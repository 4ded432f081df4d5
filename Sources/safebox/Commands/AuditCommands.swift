import Audit
import CanonicalJSON
import Receipts
import Terminal

/// `audit export|verify`.
enum AuditCommands {
  static let command = Command(
    "audit", "export the log as one file, and re-decide all of it",
    subcommands: [
      Command(
        "export", "write one deterministic archive of the log",
        discussion: """
          Reads a data directory (also beside a running box) or, with --box, what a running box shows to everybody, which is \
          its newest checkpoint only. From one data directory the same range gives the same archive, byte for byte.
          """,
        arguments: [
          Settings.data, .option("out", value: "file", "the archive to write", values: .file, isRequired: true),
          .option("from", value: "index", "first entry; default: 0"),
          .option("to", value: "index", "the entry to stop before; default: the end"), .json,
        ] + BoxConnection.arguments, run: export),
      Command(
        "verify", "check an archive offline and list every fault",
        discussion: "Opens no connection and reads no clock. Exit code 0 when no fault is found, 5 when one is.",
        arguments: [
          .positional("file", "the archive", values: .file),
          .option(
            "box-key", value: "key", "the box's key, or its public.json: without it nothing says whose log this is",
            values: .file), .json,
        ], run: verify),
    ])

  private static func export(_ arguments: ParsedArguments) async throws -> ExitCode {
    let path = try arguments.required("out")
    let from = try arguments.integer("from", in: 0...Int(JSON.maxSafeInteger))
    let to = try arguments.integer("to", in: 0...Int(JSON.maxSafeInteger))
    let source = try LogSource(arguments)
    let written = try await OwnThread.run { try write(try source.open(), from, to, path) }
    if arguments.wantsJSON {
      Terminal.standard.write(
        JSON.object([
          "box": .string(written.origin), "from": .integer(Int64(written.range.lowerBound)),
          "to": .integer(Int64(written.range.upperBound)), "manifest": .string(written.manifest.hex),
          "root": .string(written.checkpoint.root.hex),
        ]).canonicalString() + "\n")
    } else {
      Terminal.standard.write(
        "\(path): entries \(written.range.lowerBound) to \(written.range.upperBound - 1) of "
          + "\(TerminalText.escaped(written.origin)), manifest \(written.manifest)\n")
    }
    return .ok
  }

  private static func write(
    _ source: some AuditSource, _ from: Int?, _ to: Int?, _ path: String
  ) throws -> AuditExport.Written {
    var range: Range<UInt64>?
    if from != nil || to != nil {
      guard let size = try source.latestCheckpoint()?.checkpoint.size else { throw CommandError("the log is empty") }
      let (first, end) = (UInt64(from ?? 0), UInt64(to ?? Int(size)))
      guard first < end else { throw CommandError("--from must lie before --to", exitCode: .usage) }
      range = first..<end
    }
    let bar = ProgressBar("exporting", total: nil, unit: .items("entries"))
    defer { bar.finish() }
    return try AuditExport.write(
      source: source, range: range, to: try AuditFileSink(path: path), progress: { done, _ in bar.update(done) })
  }

  private static func verify(_ arguments: ParsedArguments) async throws -> ExitCode {
    let path = try arguments.required("file")
    let expected = try ReceiptCommands.expected(arguments)
    let report = try await OwnThread.run {
      let bar = ProgressBar("auditing", total: nil, unit: .items("entries"))
      defer { bar.finish() }
      let verifier = AuditVerifier(expecting: expected == .anyBox ? [] : [expected])
      do {
        return try verifier.verify(path: path, progress: { done, _ in bar.update(done) })
      } catch let error as ArchiveFile.Failure {
        throw CommandError("\(error)")
      }
    }
    if arguments.wantsJSON {
      Terminal.standard.write(report.json.canonicalString() + "\n")
    } else {
      for line in report.sentences { Terminal.standard.write(TerminalText.escaped(line) + "\n") }
    }
    guard report.verdict == .accepted else {
      throw CommandError(
        report.faultCount == 1 ? "1 fault" : "\(report.faultCount) faults", exitCode: .verificationFailed)
    }
    return .ok
  }
}
