import Attestation
import CanonicalJSON
import Cryptography
import Governance
import Terminal

/// `release reference|approve|revoke|list|policy`.
enum ReleaseCommands {
  static let command = Command(
    "release", "approve which software boxes may run, and make policies from it",
    subcommands: [
      Command(
        "reference", "take the reference values of a release from evidence",
        discussion: """
          Writes {"name","version","references"} with the registers that you name, as they are in the evidence. What makes \
          them right is that you know what ran there: nothing is verified. Of combined evidence a register is taken from every \
          member that has it, and each member must have one: a release that says nothing about a member does not match it.
          """,
        arguments: [
          .positional("name", "the release's name"), .positional("version", "its version"),
          .option(
            "evidence", value: "file", "evidence of a machine that runs it, or a box's answer", values: .file,
            isRepeated: true),
          .option(
            "register", value: "name", "such as sha256.pcr4 or measurement; without it those present are listed",
            isRepeated: true),
          .option("out", value: "file", "where to write; default: standard output", values: .file),
        ], run: reference),
      Command(
        "approve", "propose to accept a release",
        discussion: "Exit code 3 while approvals are missing, as with propose.",
        arguments: [.positional("file", "the release, from `release reference`", values: .file)]
          + ProposeCommand.submission, run: approve),
      Command(
        "revoke", "propose to accept a release no more",
        arguments: [
          .positional("name", "the release's name"), .positional("version", "its version"),
          .option("reason", value: "text", "why", isRequired: true),
        ] + ProposeCommand.submission, run: revoke),
      Command(
        "list", "list the releases, and the proposals that approved and revoked them",
        arguments: [.json] + BoxConnection.arguments, run: list),
      Command(
        "policy", "write an appraisal policy that accepts a box's releases",
        discussion: """
          Takes a policy for everything but the releases and puts those into it that the box's owners approved and did not \
          revoke. Sign it with `safebox claim sign` where others rely on it.
          """,
        arguments: [
          .positional("file", "the policy", values: .file),
          .option("out", value: "file", "where to write; default: standard output", values: .file),
        ] + BoxConnection.arguments, run: policy),
    ])

  private struct Measured {
    let kind: EvidenceKind
    let registers: [String: [UInt8]]
  }

  /// The registers of evidence, unverified, under its kind; of a combination, under those of its members.
  private static func measured(_ path: String) throws -> [Measured] {
    let bytes = try Files.read(path, limit: 2 * Evidence.maxBytes)
    do throws(FieldError) {
      let evidence: Evidence
      if let json = try? JSON(parsing: bytes, limits: .document(maxBytes: 2 * Evidence.maxBytes)),
        json["format"]?.string == AttestationAnswer.format
      {
        evidence = try AttestationAnswer(json: json).evidence
      } else {
        evidence = try Evidence(reading: RawEvidence(bytes: bytes))
      }
      return evidence.parts.map { Measured(kind: $0.kind, registers: $0.content.unverifiedRegisters) }
    } catch {
      throw CommandError("\(path): \(error)", exitCode: .verificationFailed)
    }
  }

  private static func reference(_ arguments: ParsedArguments) throws -> ExitCode {
    let files = arguments.values("evidence")
    guard !files.isEmpty else { throw CommandError("--evidence is missing", exitCode: .usage) }
    let names = arguments.values("register")
    var kinds = JSONObject()
    for file in files {
      let parts = try measured(file)
      guard !names.isEmpty else {
        list(parts)
        continue
      }
      for name in names where !parts.contains(where: { $0.registers[name] != nil }) {
        throw CommandError(
          "\(file) has no register \(TerminalText.escaped(name))",
          hints: ["it has \(parts.flatMap(\.registers.keys).sorted().joined(separator: ", "))"])
      }
      for part in parts {
        var object = kinds[part.kind.rawValue]?.object ?? [:]
        for name in names {
          guard let value = part.registers[name] else { continue }
          let values = object[name]?.array ?? []
          let text = JSON.string(Hex.encode(value))
          object[name] = .array(values.contains(text) ? values : values + [text])
        }
        guard !object.isEmpty else {
          throw CommandError(
            "no register of the member \(part.kind.rawValue) is named: such a release would match no combination with it",
            hints: ["it has \(part.registers.keys.sorted().joined(separator: ", "))"])
        }
        kinds[part.kind.rawValue] = .object(object)
      }
    }
    guard !names.isEmpty else { return .ok }
    let release: JSON = [
      "name": .string(try arguments.required("name")), "version": .string(try arguments.required("version")),
      "references": .object(kinds),
    ]
    do {
      try Files.write(try Release(json: release, path: "").json.canonicalBytes() + [10], to: arguments.value("out"))
    } catch let error as FieldError {
      throw CommandError("\(error)", exitCode: .usage)
    }
    return .ok
  }

  private static func list(_ parts: [Measured]) {
    for part in parts {
      for (name, value) in part.registers.sorted(by: { $0.key < $1.key }) {
        Terminal.standard.write("\(parts.count > 1 ? "\(part.kind.rawValue)  " : "")\(name)  \(Hex.encode(value))\n")
      }
    }
  }

  private static func approve(_ arguments: ParsedArguments) async throws -> ExitCode {
    let path = try arguments.required("file")
    do {
      let release = try Release(json: try Files.json(path), path: "")
      return try await ProposeCommand.submit(ActionType.approveRelease, ["release": release.json], arguments)
    } catch let error as FieldError {
      throw CommandError("\(path): \(error)", exitCode: .usage)
    }
  }

  private static func revoke(_ arguments: ParsedArguments) async throws -> ExitCode {
    try await ProposeCommand.submit(
      ActionType.revokeRelease,
      [
        "name": .string(try arguments.required("name")), "version": .string(try arguments.required("version")),
        "reason": .string(try arguments.required("reason")),
      ], arguments)
  }

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let answer = try await BoxConnection(arguments).get("/v1/releases")
    if arguments.wantsJSON {
      Terminal.standard.write(answer.canonicalString() + "\n")
      return .ok
    }
    var table = Table([
      .init("release", mayBeCut: false), .init("version", mayBeCut: false), .init("kinds"), .init("approved by"),
      .init("revoked by"),
    ])
    for item in answer["releases"]?.array ?? [] {
      table.add([
        item["release"]?["name"]?.string ?? "?", item["release"]?["version"]?.string ?? "?",
        (item["release"]?["references"]?.object ?? [:]).keys.joined(separator: ", "),
        item["proposal"]?.string ?? "?", item["revokedBy"]?.string ?? "",
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }

  private static func policy(_ arguments: ParsedArguments) async throws -> ExitCode {
    let path = try arguments.required("file")
    guard var object = try Files.json(path).object else {
      throw CommandError("\(path) is no appraisal policy", exitCode: .usage)
    }
    let answer = try await BoxConnection(arguments).get("/v1/releases")
    let accepted = (answer["releases"]?.array ?? []).filter { $0["revokedBy"] == nil }
    guard !accepted.isEmpty else {
      throw CommandError(
        "the box has no approved release that is not revoked", hints: ["propose one with `safebox release approve`"])
    }
    object["releases"] = .array(accepted.compactMap { $0["release"] })
    do {
      _ = try AppraisalPolicy(json: .object(object))
    } catch {
      throw CommandError("\(path): \(error)", exitCode: .usage)
    }
    try Files.write(JSON.object(object).canonicalBytes() + [10], to: arguments.value("out"))
    return .ok
  }
}
