import CanonicalJSON
import Cryptography
import Governance
import Models
import Terminal

/// `model manifest|propose|list|show|verify|remove`.
enum ModelCommands {
  static let command = Command(
    "model", "describe, propose and look at models",
    discussion: """
      A manifest says which bytes a model is, to the last one; its digest is what owners approve. Nothing is installed or \
      served that is not exactly that.
      """,
    subcommands: [
      ManifestCommands.command,
      Command(
        "propose", "hand in a manifest and propose to install the model",
        discussion: "Exit code 0 when it is installed, 3 while approvals are missing, 4 when it is denied.",
        arguments: [
          .positional("manifest", "the manifest's file, or - for standard input"),
          .option(
            "runner", value: "digest", "the root file system that may serve it, where the manifest does not say"),
        ] + ProposeCommand.submission, run: propose),
      Command(
        "watch", "show how an installation goes, until it is over",
        discussion: "Bytes, rate and time left on a terminal. Exit code as with propose.",
        arguments: [.positional("proposal", "the installation's action digest"), .json] + BoxConnection.arguments,
        run: watch),
      Command(
        "list", "list the models that may be used", arguments: [.json] + BoxConnection.arguments, run: list),
      Command(
        "show", "show a model's manifest, and check that it is the approved one",
        arguments: [model, .json] + BoxConnection.arguments, run: show),
      Command(
        "verify", "hash an installed model's files on this machine and hold them against its manifest",
        arguments: [
          model,
          .option(
            "root", value: "dir", "the privileged process's directory; default /var/lib/safebox-system",
            values: .directory), .json,
        ] + BoxConnection.arguments, run: verify),
      Command(
        "remove", "propose to remove a model", arguments: [model] + ProposeCommand.submission, run: remove),
    ])

  private static let model = Argument.positional("model", "NAME, NAME@VERSION or the digest of its manifest")

  // MARK: finding one

  private static func models(_ connection: BoxConnection) async throws -> [JSON] {
    try await connection.get("/v1/system/models")["models"]?.array ?? []
  }

  /// The digest of the manifest that somebody means by NAME, NAME@VERSION or the digest itself.
  static func find(_ text: String, _ arguments: ParsedArguments) async throws -> SHA256Digest {
    if let digest = SHA256Digest(hex: text) { return digest }
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let found = try await models(BoxConnection(arguments)).filter { model in
      model["name"]?.string == parts[0] && (parts.count == 1 || model["version"]?.string == parts[1])
    }
    guard let first = found.first, let hex = first["manifest"]?.string, let digest = SHA256Digest(hex: hex) else {
      throw CommandError("no model \(TerminalText.escaped(text)) is installed", hints: ["safebox model list"])
    }
    guard found.count == 1 else {
      let versions = found.compactMap { $0["version"]?.string }.joined(separator: ", ")
      throw CommandError(
        "several versions of \(TerminalText.escaped(text)) are installed: \(TerminalText.escaped(versions))",
        hints: ["say which, as NAME@VERSION"], exitCode: .usage)
    }
    return digest
  }

  private static func manifest(_ digest: SHA256Digest, _ connection: BoxConnection) async throws -> ModelManifest {
    let bytes = try await connection.send("GET", "/v1/manifests/\(digest.hex)").body
    // The box is not asked to be believed: what it sent is the approved manifest, or nothing is shown.
    guard SHA256.hash(bytes) == digest else {
      throw CommandError("the box sent another manifest than \(digest.hex)", exitCode: .verificationFailed)
    }
    return try ModelManifest(parsing: bytes)
  }

  // MARK: commands

  private static func propose(_ arguments: ParsedArguments) async throws -> ExitCode {
    let manifest = try ManifestCommands.read(arguments)
    let stated = try arguments.value("runner").map { text in
      guard let digest = SHA256Digest(hex: text) else {
        throw CommandError("--runner is no digest of 64 lower-case hexadecimal digits", exitCode: .usage)
      }
      return digest
    }
    guard let runner = manifest.runner?.digest ?? stated else {
      throw CommandError(
        "the manifest names no runner", hints: ["say which root file system may serve it with --runner"],
        exitCode: .usage)
    }
    guard stated == nil || stated == runner else {
      throw CommandError("--runner is not the one that the manifest names, \(runner.hex)", exitCode: .usage)
    }
    let connection = try BoxConnection(arguments)
    _ = try await connection.send(
      "POST", "/v1/manifests?kind=model", bytes: manifest.canonicalBytes, contentType: "application/json")
    let facts = manifest.facts
    let record = ModelRecord(
      manifest: facts.manifest, name: facts.name, version: facts.version, bytes: facts.bytes, files: facts.files,
      licence: facts.licence, runner: runner)
    return try await ProposeCommand.submit(ActionType.installModel, record.params, arguments)
  }

  private static func watch(_ arguments: ParsedArguments) async throws -> ExitCode {
    let id = try arguments.required("proposal")
    guard SHA256Digest(hex: id) != nil else {
      throw CommandError("\"\(TerminalText.escaped(id))\" is no action digest", exitCode: .usage)
    }
    let connection = try BoxConnection(arguments)
    var bar: ProgressBar?
    defer { bar?.finish() }
    while true {
      let proposal = try await connection.get("/v1/proposals/\(id)?wait=1")
      let progress = try await connection.get("/v1/system/progress/\(id)")["progress"]
      if let done = progress?["bytes"]?.integer, let total = progress?["total"]?.integer {
        let shown =
          bar ?? ProgressBar(progress?["file"]?.string ?? "fetching", total: UInt64(max(0, total)), unit: .bytes)
        bar = shown
        shown.update(UInt64(max(0, done)))
      }
      guard proposal["status"]?["name"]?.string == "executing" else {
        bar?.finish()
        return ProposalOutput.print(proposal, arguments)
      }
    }
  }

  private static func list(_ arguments: ParsedArguments) async throws -> ExitCode {
    let models = try await models(BoxConnection(arguments))
    if arguments.wantsJSON {
      Terminal.standard.write(JSON.array(models).canonicalString() + "\n")
      return .ok
    }
    var table = Table([
      .init("model", mayBeCut: false), .init("size"), .init("files"), .init("licence"), .init("served as"),
      .init("manifest"),
    ])
    for model in models {
      table.add([
        "\(model["name"]?.string ?? "?")@\(model["version"]?.string ?? "?")",
        ByteCount.text(model["bytes"]?.integer ?? 0), "\(model["files"]?.integer ?? 0)",
        model["licence"]?.string ?? "?",
        (model["runners"]?.array ?? []).compactMap(\.string).joined(separator: ", "),
        model["manifest"]?.string ?? "?",
      ])
    }
    Terminal.standard.write(table.text(width: Terminal.standard.outputIsTTY ? Terminal.standard.width : nil))
    return .ok
  }

  private static func show(_ arguments: ParsedArguments) async throws -> ExitCode {
    let digest = try await find(try arguments.required("model"), arguments)
    ManifestCommands.write(try await manifest(digest, BoxConnection(arguments)), arguments)
    return .ok
  }

  private static func verify(_ arguments: ParsedArguments) async throws -> ExitCode {
    let digest = try await find(try arguments.required("model"), arguments)
    let store = ModelStore(root: arguments.value("root") ?? "/var/lib/safebox-system")
    let files: Int
    do {
      files = try store.verify(digest, reading: .everyByte).files.count
    } catch {
      throw CommandError("\(error)", exitCode: .verificationFailed)
    }
    Terminal.standard.write(
      arguments.wantsJSON
        ? JSON.object(["manifest": .string(digest.hex), "verified": true]).canonicalString() + "\n"
        : "every byte of \(files) files is what the manifest \(digest.hex) says\n")
    return .ok
  }

  private static func remove(_ arguments: ParsedArguments) async throws -> ExitCode {
    let digest = try await find(try arguments.required("model"), arguments)
    return try await ProposeCommand.submit(ActionType.removeModel, ["manifest": .string(digest.hex)], arguments)
  }
}

/// Sizes for people.
enum ByteCount {
  /// In the unit of which there are at least ten: `912 B`, `86 MiB`.
  static func text(_ bytes: Int64) -> String {
    var (value, unit) = (bytes, 0)
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 10_240, unit < units.count - 1 { (value, unit) = (value >> 10, unit + 1) }
    return "\(value) \(units[unit])"
  }
}
