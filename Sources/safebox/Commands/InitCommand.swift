import BoxService
import CanonicalJSON
import Cryptography
import Glibc
import Terminal

/// `init`: a new box.
enum InitCommand {
  static let command = Command(
    "init", "make a box: keys, constitution and the first log entry",
    discussion: """
      CONSTITUTION is a JSON file with committees, policies and the root rule; the signers come from the .signer.json \
      files that `safebox key new` wrote on their devices. Nothing is written unless all of it is valid.
      """,
    arguments: [
      Settings.data,
      .option("origin", value: "name", "the box's name, as in its log", isRequired: true),
      .option("constitution", value: "file", "committees, policies and root rule", values: .file, isRequired: true),
      .option("signer", value: "file", "a signer's public file", values: .file, isRequired: true, isRepeated: true),
      .option("listen", value: "address", "API listener", default: "127.0.0.1:8470"),
      .option("admin", value: "address", "listener for health and metrics", default: "127.0.0.1:8471"),
      .option("tls-certificate", value: "file", "PEM chain, where the API leaves this machine", values: .file),
      .option("tls-key", value: "file", "its private key", values: .file),
      .option("witness-policy", value: "file", "C2SP tlog-policy of the box's witnesses", values: .file), .json,
    ], run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    // Whatever is made in the data directory is for this user alone.
    umask(0o077)
    let witnessPolicy = try arguments.value("witness-policy").map {
      String(decoding: try Files.read($0, limit: 32768), as: UTF8.self)
    }
    var tls: BoxConfiguration.TLSFiles?
    switch (arguments.value("tls-certificate"), arguments.value("tls-key")) {
    case (let certificate?, let key?): tls = .init(certificate: certificate, privateKey: key)
    case (nil, nil): break
    default: throw CommandError("--tls-certificate and --tls-key belong together", exitCode: .usage)
    }
    let configuration = BoxConfiguration(
      listen: try .init(parsing: try arguments.required("listen"), field: "--listen"),
      admin: try .init(parsing: try arguments.required("admin"), field: "--admin"), tls: tls,
      witnessPolicy: witnessPolicy)
    _ = try BoxConfiguration(parsing: configuration.bytes)
    let path = Settings.dataDirectory(arguments)
    let initializer = BoxInitializer(
      directory: DataDirectory(path: path), origin: try arguments.required("origin"),
      constitution: try Files.json(try arguments.required("constitution")),
      signers: try arguments.values("signer").map { try Files.json($0) }, configuration: configuration,
      witnessPolicy: witnessPolicy)
    let keys = DataDirectory.Keys(ed25519: .generate(), es256: .generate(), master: .random(count: 32))
    let publicKeys: PublicKeys
    do {
      publicKeys = try await initializer.run(at: WallClock.milliseconds(), keys: keys)
    } catch {
      throw CommandError("the box was not made: \(error)")
    }
    if arguments.wantsJSON {
      Terminal.standard.write(String(decoding: publicKeys.bytes, as: UTF8.self))
    } else {
      Terminal.standard.write(
        """
        box:      \(publicKeys.box)
        ed25519:  \(publicKeys.ed25519)
        es256:    \(publicKeys.es256)
        data:     \(path)  (public keys: \(path)/public.json)

        """)
    }
    return .ok
  }
}
