import Attestation
import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Terminal

/// `attest evidence|verify|explain|convert|authority|key`.
enum AttestCommands {
  static let command = Command(
    "attest", "make, verify and explain evidence of what runs on a machine",
    subcommands: [
      Command(
        "evidence", "ask a box for evidence for a nonce",
        discussion: """
          All that the box's platform offers, made for this nonce and for the keys of the box. Verify it with \
          `safebox attest verify` and the same nonce.
          """,
        arguments: [
          .option("nonce", value: "hex", "16 to 64 bytes; default: 32 random ones, printed on standard error"),
          .option("out", value: "file", "where to write; default: standard output", values: .file),
        ] + BoxConnection.arguments, run: evidence),
      Command(
        "verify", "verify evidence offline, against a policy",
        discussion: """
          Opens no connection. Every check is listed: passed, failed, not applicable or not performed. Exit code 0 when \
          the evidence is accepted, 5 when not.

          FILE is safebox-evidence/v1, a box's answer to `attest evidence`, or what a platform or a well-known tool hands \
          out: an SNP report, a TDX quote, a Nitro document, ... (docs/attestation.md).
          """,
        arguments: [
          file, with,
          .option(
            "policy", value: "file", "safebox-appraisal/v1, or a claim that signs one", values: .file, isRequired: true),
          .option(
            "nonce", value: "hex", "what the evidence must have been made for; `any` accepts a replay", isRequired: true
          ),
          .option(
            "at", value: "time", "when it is judged: 2026-01-31T12:00:00Z, Unix seconds, or `now`", isRequired: true),
          .option(
            "signer", value: "key", "a key that must have signed the policy: data:key/es256;...", isRepeated: true),
          .option("threshold", value: "count", "how many of the signers must have signed; default: all"), .json,
        ], run: verify),
      Command(
        "explain", "show what is inside evidence, with nothing verified", arguments: [file, with, .json], run: explain),
      Command(
        "convert", "write evidence of any form as safebox-evidence/v1",
        arguments: [
          file, with, .option("out", value: "file", "where to write; default: standard output", values: .file),
        ], run: convert),
      AttestationKeyCommands.command,
      AuthorityCommands.command,
    ])

  private static let file = Argument.positional("file", "the evidence, or - for standard input", values: .file)
  private static let with = Argument.option(
    "with", value: "file", "what belongs to raw evidence: certificates, collateral, event log", values: .file,
    isRepeated: true)

  // MARK: Reading

  /// Evidence, and what it must have been made for where that is not the nonce itself.
  private struct Subject {
    var evidence: Evidence
    /// A box's answer, which binds its keys beside the nonce.
    var answer: AttestationAnswer?
  }

  private static func read(_ arguments: ParsedArguments) throws -> Subject {
    let path = try arguments.required("file")
    let bytes = try Files.read(path, limit: 2 * Evidence.maxBytes)
    // A file given with --with that cannot be read is the user's mistake, not the evidence's.
    let attachments = try arguments.values("with").map { path in
      (name: path, bytes: try Files.read(path, limit: Evidence.maxBytes))
    }
    do throws(FieldError) {
      if let json = try? JSON(parsing: bytes, limits: .document(maxBytes: 2 * Evidence.maxBytes)),
        json["format"]?.string == AttestationAnswer.format
      {
        let answer = try AttestationAnswer(json: json)
        return Subject(evidence: answer.evidence, answer: answer)
      }
      return Subject(evidence: try Evidence(reading: RawEvidence(bytes: bytes, attachments: attachments)))
    } catch {
      throw CommandError("\(path): \(error)", exitCode: .verificationFailed)
    }
  }

  static func policy(_ arguments: ParsedArguments, at milliseconds: Int64) throws -> AppraisalPolicy {
    let path = try arguments.required("policy")
    let json = try Files.json(path)
    let signers = arguments.values("signer")
    do {
      guard json["ocp"] != nil else {
        guard signers.isEmpty else {
          throw CommandError("\(path) is not signed, and --signer demands that it is", exitCode: .verificationFailed)
        }
        return try AppraisalPolicy(json: json)
      }
      guard !signers.isEmpty else {
        throw CommandError(
          "\(path) is signed: name with --signer whose signatures you demand", exitCode: .usage)
      }
      let keys = try signers.map { try ClaimKey(parsing: $0, path: "--signer") }
      let threshold = try arguments.integer("threshold", in: 1...Claim.maxKeys) ?? keys.count
      return try AppraisalPolicy(
        signed: try Claim(json: json), by: try KeyQuorum(threshold, of: keys), at: milliseconds / 1000)
    } catch let error as CommandError {
      throw error
    } catch {
      throw CommandError("\(path): \(error)", exitCode: .verificationFailed)
    }
  }

  static func time(_ text: String) throws -> Int64 {
    if text == "now" { return WallClock.milliseconds() }
    guard let time = UTCTime.milliseconds(parsing: text) else {
      throw CommandError(
        "--at is \"\(TerminalText.escaped(text))\"",
        hints: ["give a time such as 2026-01-31T12:00:00Z, Unix seconds, or now"], exitCode: .usage)
    }
    return time
  }

  private static func binding(_ text: String, _ subject: Subject) throws -> Binding {
    if text == "any" {
      guard let answer = subject.answer else { return .any }
      // The keys are bound all the same: that it is a replay is all that the caller accepts.
      return .bytes(AttestationAnswer.binding(nonce: answer.nonce, identity: answer.identity).bytes)
    }
    guard let nonce = Hex.decode(text), Binding.byteCount.contains(nonce.count) else {
      throw CommandError(
        "--nonce is \"\(TerminalText.escaped(text))\"", hints: ["give 1 to 64 bytes in hexadecimal, or any"],
        exitCode: .usage)
    }
    guard let answer = subject.answer else { return .bytes(nonce) }
    return .bytes(AttestationAnswer.binding(nonce: nonce, identity: answer.identity).bytes)
  }

  // MARK: Commands

  private static func evidence(_ arguments: ParsedArguments) async throws -> ExitCode {
    let nonce: String
    if let text = arguments.value("nonce") {
      guard let bytes = Hex.decode(text), AttestationAnswer.nonceBytes.contains(bytes.count) else {
        throw CommandError(
          "--nonce is \"\(TerminalText.escaped(text))\"", hints: ["give 16 to 64 bytes in hexadecimal"],
          exitCode: .usage)
      }
      nonce = text
    } else {
      nonce = Hex.encode(SecureRandom.bytes(32))
      Terminal.standard.writeError("nonce \(nonce)\n")
    }
    let answer = try await BoxConnection(arguments).send("POST", "/v1/attestation", body: ["nonce": .string(nonce)])
    try Files.write(try answer.json().canonicalBytes() + [10], to: arguments.value("out"))
    return .ok
  }

  private static func verify(_ arguments: ParsedArguments) throws -> ExitCode {
    let subject = try read(arguments)
    let at = try time(try arguments.required("at"))
    let policy = try policy(arguments, at: at)
    let report = subject.evidence.appraised(
      by: policy, binding: try binding(try arguments.required("nonce"), subject), at: at)
    let terminal = Terminal.standard
    if arguments.wantsJSON {
      terminal.write(report.json.canonicalString() + "\n")
    } else {
      show(report, terminal)
    }
    guard report.verdict == .accepted else {
      let names = report.failures.map(\.id.name)
      throw CommandError(
        names.isEmpty
          ? "the evidence is not accepted: a demanded check was not performed"
          : "the evidence is not accepted: \(names.joined(separator: ", "))", exitCode: .verificationFailed)
    }
    return .ok
  }

  private static func show(_ report: AttestationReport, _ terminal: Terminal) {
    let style = terminal.outputStyle
    for (number, check) in report.checks.enumerated() {
      let mark =
        switch check.outcome {
        case .passed: style.green("passed        ")
        case .failed: style.red("FAILED        ")
        case .notApplicable: style.dim("not applicable")
        case .notPerformed: style.yellow("not performed ")
        }
      let place = String(repeating: " ", count: number < 9 ? 1 : 0) + "\(number + 1)"
      terminal.write("\(place)  \(mark)  \(check.id.title) (\(check.id.name))\n")
      for line in lines(check.outcome) { terminal.write("                    \(TerminalText.escaped(line))\n") }
    }
    guard report.verdict == .accepted, let claims = report.claims else { return terminal.write("\nrejected\n") }
    let end = report.deadline.map { "; holds until \(UTCTime.text($0))" } ?? ""
    switch claims.assurance {
    case .hardware(let vendor): terminal.write("\naccepted: hardware vouches (\(vendor))\(end)\n")
    case .software(let name):
      terminal.write("\naccepted: software vouches (\(name)), which proves nothing about hardware\(end)\n")
    }
  }

  private static func lines(_ outcome: CheckOutcome) -> [String] {
    switch outcome {
    case .passed(let actual): [actual]
    case .failed(let expected, let actual): ["expected \(expected)", "found    \(actual)"]
    case .notApplicable(let reason), .notPerformed(let reason): [reason]
    }
  }

  private static func explain(_ arguments: ParsedArguments) throws -> ExitCode {
    let subject = try read(arguments)
    let terminal = Terminal.standard
    let lines = subject.evidence.content.explanation
    if arguments.wantsJSON {
      let object: JSON = [
        "kind": .string(subject.evidence.kind.rawValue), "verified": false,
        "contents": .array(lines.map { ["name": .string($0.name), "value": .string($0.value)] }),
      ]
      terminal.write(object.canonicalString() + "\n")
      return .ok
    }
    terminal.write("\(subject.evidence.kind.rawValue); nothing of this is verified\n\n")
    let width = lines.map(\.name.count).max() ?? 0
    for line in lines {
      let gap = String(repeating: " ", count: width - line.name.count + 2)
      terminal.write("\(TerminalText.escaped(line.name))\(gap)\(TerminalText.escaped(line.value))\n")
    }
    return .ok
  }

  private static func convert(_ arguments: ParsedArguments) throws -> ExitCode {
    let subject = try read(arguments)
    try Files.write(subject.evidence.json.canonicalBytes() + [10], to: arguments.value("out"))
    return .ok
  }
}
