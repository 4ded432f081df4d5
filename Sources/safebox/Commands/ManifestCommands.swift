import Acquisition
import CanonicalJSON
import Cryptography
import HTTPClient
import Models
import Storage
import Terminal

/// `model manifest build|show|export`.
enum ManifestCommands {
  static let command = Command(
    "manifest", "make and read manifests of models",
    subcommands: [
      Command(
        "build", "hash the files of a model and print its manifest",
        discussion: """
          Reads every byte of a directory, or fetches each of the URLs once and hashes what comes; several URLs of one file name are \
          sources of one file. A bundle model.sig (OpenSSF Model Signing) at its top is checked against the files and \
          becomes evidence. Without --source the directory itself is the source, which only this machine can fetch from.
          """,
        arguments: [
          .positional("from", "the model's directory, or the URLs of its files", isRepeated: true),
          .option("name", value: "name", "its name; default: the directory's"),
          .option("version", value: "text", "its version", isRequired: true),
          .option("license", value: "text", "its licence, such as Apache-2.0", isRequired: true),
          .option("runner-type", value: "type", "what can serve it, such as llama-cpp", isRequired: true),
          .option("runner", value: "digest", "the root file system that serves it: a digest, or its directory"),
          .option(
            "runner-argument", value: "name=value", "an option of the runner, such as context-size=2048",
            isRepeated: true),
          .option(
            "protocol", value: "name", "what it can be asked for",
            values: .oneOf(ModelProtocol.allCases.map(\.rawValue)), isRepeated: true),
          .option(
            "source", value: "url",
            "where its files can be fetched from, in order: https://, hf://, s3://, http://, file://",
            isRepeated: true),
          .option("memory", value: "MiB", "memory that a runner gets"),
          .option("cpus", value: "count", "processors that a runner gets"),
          .option("gpus", value: "count", "GPUs that a runner gets"),
          .option("exclude", value: "path", "a file or directory to leave out", isRepeated: true),
          .option("signature-key", value: "file", "PEM of the key that must have signed model.sig", values: .file),
        ], run: build),
      Command(
        "show", "print what a manifest says, and its digest",
        arguments: [.positional("manifest", "the manifest's file, or - for standard input"), .json], run: show),
      Command(
        "export", "print a manifest as an OpenSSF Model Signing bundle, signed with a key of one's own",
        arguments: [
          .positional("manifest", "the manifest's file, or - for standard input"),
          .option("signing-key", value: "file", "PEM of a P-256 private key", values: .file, isRequired: true),
        ], run: export),
    ])

  /// The manifest that the positional argument `manifest` names.
  static func read(_ arguments: ParsedArguments) throws -> ModelManifest {
    try ModelManifest(parsing: try Files.read(try arguments.required("manifest"), limit: ModelManifest.maxBytes))
  }

  private static func build(_ arguments: ParsedArguments) async throws -> ExitCode {
    let from = arguments.values("from")
    guard let directory = from.first else { throw CommandError("a directory or URLs are expected", exitCode: .usage) }
    if directory.contains("://") { return try await build(fetching: from, arguments) }
    guard from.count == 1 else { throw CommandError("one directory is expected", exitCode: .usage) }
    let fallback = directory.split(separator: "/").last.map(String.init) ?? directory
    let description = try description(arguments, name: arguments.value("name") ?? fallback)
    let key = try arguments.value("signature-key").map { path in
      try P256.PublicKey(
        spkiDER: try PEM.decode(
          String(decoding: try Files.read(path, limit: 16_384), as: UTF8.self), label: "PUBLIC KEY"))
    }
    let built: ManifestBuilder.Built
    do {
      built = try ManifestBuilder(description).build(
        directory: directory, sources: arguments.values("source"), excluding: Set(arguments.values("exclude")), key: key
      )
    } catch {
      throw CommandError("\(error)")
    }
    if let appraisal = built.appraisal {
      // To standard error: standard output is the manifest.
      Terminal.standard.writeError(
        "model.sig: signature \(appraisal.signature), certificate \(appraisal.certificate)\n")
    }
    Terminal.standard.write(built.manifest.json.canonicalString() + "\n")
    return .ok
  }

  /// A manifest of files that nobody has here: each is fetched once, from the first of its sources that gives it.
  private static func build(fetching urls: [String], _ arguments: ParsedArguments) async throws -> ExitCode {
    guard arguments.values("source").isEmpty, arguments.values("exclude").isEmpty,
      arguments.value("signature-key") == nil
    else { throw CommandError("--source, --exclude and --signature-key go with a directory", exitCode: .usage) }
    guard let name = arguments.value("name") else { throw CommandError("--name is missing", exitCode: .usage) }
    var files: [ManifestBuilder.RemoteFile] = []
    for url in urls {
      let source = try ModelSource(parsing: url, field: "url")
      let plain = url.prefix { $0 != "?" }
      let path = String(plain.split(separator: "/").last ?? "")
      let known = files.firstIndex { $0.path == path }
      let file = ManifestBuilder.RemoteFile(path: path, sources: (known.map { files[$0].sources } ?? []) + [source])
      if let known { files[known] = file } else { files.append(file) }
    }
    // Whoever types an address may reach it, also a private one; redirects from there may not lead inside.
    var configuration = AcquisitionConfiguration()
    configuration.allowances = Set(
      urls.compactMap { try? HTTPURL($0) }.map { EgressPolicy.Allowance.host($0.host, port: $0.port) })
    configuration.localRoots = ["/"]
    let reader = SourceReader(client: HTTPClient(), configuration: configuration)
    let manifest: ModelManifest
    do {
      manifest = try await ManifestBuilder(description(arguments, name: name)).build(
        files: files, read: { try await reader.read($0, into: $1) })
    } catch let fault as ManifestBuildFault {
      throw CommandError("\(fault)")
    }
    Terminal.standard.write(manifest.json.canonicalString() + "\n")
    return .ok
  }

  private static func description(_ arguments: ParsedArguments, name: String) throws -> ModelDescription {
    ModelDescription(
      name: name, version: try arguments.required("version"), license: try arguments.required("license"),
      runnerType: try arguments.required("runner-type"),
      protocols: arguments.values("protocol").compactMap(ModelProtocol.init(rawValue:)),
      runner: try runner(arguments), resources: try resources(arguments))
  }

  private static func runner(_ arguments: ParsedArguments) throws -> RunnerRequirement? {
    let options = arguments.values("runner-argument")
    guard let text = arguments.value("runner") else {
      guard options.isEmpty else { throw CommandError("--runner-argument goes with --runner", exitCode: .usage) }
      return nil
    }
    var values: [String: RunnerRequirement.Value] = [:]
    for option in options {
      guard let equals = option.firstIndex(of: "="), equals > option.startIndex else {
        throw CommandError(
          "--runner-argument is \"\(TerminalText.escaped(option))\", name=value is expected", exitCode: .usage)
      }
      let value = String(option[option.index(after: equals)...])
      values[String(option[..<equals])] = Int64(value).map { .integer($0) } ?? .text(value)
    }
    return RunnerRequirement(digest: try RunnerRoots.digest(text, argument: "--runner"), arguments: values)
  }

  private static func resources(_ arguments: ParsedArguments) throws -> ModelResources? {
    let memory = try arguments.integer("memory", in: 1...16_777_216)
    let cpus = try arguments.integer("cpus", in: 1...1024)
    let gpus = try arguments.integer("gpus", in: 0...64)
    guard memory != nil || cpus != nil || gpus != nil else { return nil }
    guard let memory, let cpus else {
      throw CommandError("--memory and --cpus go together", exitCode: .usage)
    }
    return ModelResources(memoryBytes: Int64(memory) << 20, cpus: Int64(cpus), gpus: Int64(gpus ?? 0))
  }

  private static func show(_ arguments: ParsedArguments) throws -> ExitCode {
    write(try read(arguments), arguments)
    return .ok
  }

  /// A manifest for people, or with `--json` as it is.
  static func write(_ manifest: ModelManifest, _ arguments: ParsedArguments) {
    guard !arguments.wantsJSON else {
      Terminal.standard.write(manifest.json.canonicalString() + "\n")
      return
    }
    let style = Terminal.standard.outputStyle
    func line(_ name: String, _ value: String) {
      Terminal.standard.write(style.bold(name.padding(to: 10)) + TerminalText.escaped(value) + "\n")
    }
    line("model", "\(manifest.name)@\(manifest.version)")
    line("manifest", manifest.digest.hex)
    line("licence", manifest.license)
    line("serves", manifest.protocols.map(\.rawValue).joined(separator: ", "))
    line("runner", "\(manifest.runnerType) \(manifest.runner?.digest.hex ?? "of any digest")")
    for argument in (manifest.runner?.arguments ?? [:]).sorted(by: { $0.key < $1.key }) {
      let value: String =
        switch argument.value {
        case .integer(let number): "\(number)"
        case .text(let text): text
        }
      line("option", "\(argument.key) = \(value)")
    }
    if let resources = manifest.resources {
      line("gets", "\(ByteCount.text(resources.memoryBytes)) of memory, \(resources.cpus) cpus, \(resources.gpus) gpus")
    }
    for file in manifest.files {
      line("file", "\(file.path)  \(ByteCount.text(file.sizeBytes))  \(file.sha256.hex)")
      for source in file.sources { line("  from", source.text) }
    }
    for evidence in manifest.evidence {
      line(
        "evidence",
        "\(evidence.kind.rawValue) \(evidence.sha256.hex)\(evidence.key.map { ", signed by \($0.text)" } ?? "")")
    }
  }

  private static func export(_ arguments: ParsedArguments) throws -> ExitCode {
    let manifest = try read(arguments)
    guard let pem = try WholeFile.read(try arguments.required("signing-key"), limit: 16_384, secret: true) else {
      throw CommandError("there is no file \(try arguments.required("signing-key"))")
    }
    let key = try P256.PrivateKey(pkcs8PEM: String(decoding: pem, as: UTF8.self))
    Terminal.standard.write(String(decoding: try OMSBundle(manifest, signedBy: key).bytes, as: UTF8.self) + "\n")
    return .ok
  }
}
