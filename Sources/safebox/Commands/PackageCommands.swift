import CanonicalJSON
import Governance
import Packages
import Terminal

/// `package manifest|propose`: sets of Debian packages for the machine's package root.
enum PackageCommands {
  static let command = Command(
    "package", "describe and propose sets of Debian packages",
    discussion: """
      A set is approved, fetched, verified and installed as a whole or not at all, with the network closed while it is \
      installed.
      """,
    subcommands: [
      Command(
        "manifest", "make the manifest of a set from what apt would fetch",
        discussion: """
          Reads the output of `apt-get install --print-uris`, whose lines must carry SHA-256 digests, such as \
          `apt-get -o Acquire::ForceHash=SHA256 install --print-uris -qq -y curl | \
          safebox package manifest - --name curl --architecture amd64`.
          """,
        arguments: [
          .positional("uris", "a file with that output, or - for standard input"),
          .option("name", value: "name", "the set's name", isRequired: true),
          .option("architecture", value: "name", "of the machine, such as amd64", isRequired: true),
          .option(
            "allow-downgrade", value: "package", "a package that may become older", isRepeated: true),
        ], run: manifest),
      Command(
        "propose", "hand in a manifest and propose to install the set",
        discussion: "Exit code 0 when it is installed, 3 while approvals are missing, 4 when it is denied.",
        arguments: [.positional("manifest", "the manifest's file, or - for standard input")]
          + ProposeCommand.submission, run: propose),
    ])

  private static func manifest(_ arguments: ParsedArguments) throws -> ExitCode {
    let text = String(
      decoding: try Files.read(try arguments.required("uris"), limit: PrintedURIs.limit), as: UTF8.self)
    let manifest = try PackageManifest(
      name: try arguments.required("name"), architecture: try arguments.required("architecture"),
      packages: try PrintedURIs.parse(text), downgrades: arguments.values("allow-downgrade"))
    Terminal.standard.write(manifest.json.canonicalString() + "\n")
    return .ok
  }

  private static func propose(_ arguments: ParsedArguments) async throws -> ExitCode {
    let manifest = try PackageManifest(
      parsing: try Files.read(try arguments.required("manifest"), limit: PackageManifest.maxBytes))
    _ = try await BoxConnection(arguments).send(
      "POST", "/v1/manifests?kind=package", bytes: manifest.canonicalBytes, contentType: "application/json")
    let record = PackageRecord(
      manifest: manifest.digest, name: manifest.name, packages: Int64(manifest.packages.count),
      bytes: manifest.totalBytes)
    return try await ProposeCommand.submit(ActionType.installPackages, record.params, arguments)
  }
}
