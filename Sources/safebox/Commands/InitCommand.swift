import BoxService
import CanonicalJSON
import Cryptography
import Glibc
import Governance
import Storage
import Terminal
import TransparencyLog
import TrustedPlatform

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
      .option("witness-policy", value: "file", "C2SP tlog-policy of the box's witnesses", values: .file),
      .option("tpm", value: "tcti", "the TPM that vouches for the box: device:/dev/tpmrm0, or swtpm:path=..."),
      .option(
        "ak-certificates", value: "file", "PEM chain of the TPM's attestation key",
        values: .file), .json,
    ], run: run)

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    // Whatever is made in the data directory is for this user alone.
    umask(0o077)
    let origin = try arguments.required("origin")
    guard Name.isOrigin(origin) else {
      throw CommandError(
        "--origin is \"\(origin)\", 1-255 visible ASCII characters without + are expected", exitCode: .usage)
    }
    let witnessPolicy = try arguments.value("witness-policy").map(witnessPolicy)
    let configuration = try configuration(arguments, witnessPolicy)
    let path = Settings.dataDirectory(arguments)
    let initializer = BoxInitializer(
      directory: DataDirectory(path: path), origin: origin,
      constitution: try Files.json(try arguments.required("constitution")),
      signers: try arguments.values("signer").map { try SignerFile.read($0, of: origin).json },
      configuration: configuration,
      witnessPolicy: witnessPolicy)
    let keys = DataDirectory.Keys(ed25519: .generate(), es256: .generate(), master: .random(count: 32))
    let publicKeys: PublicKeys
    do {
      publicKeys = try await initializer.run(at: WallClock.milliseconds(), keys: keys)
    } catch {
      throw CommandError("the box was not made: \(error)", hints: hints(error))
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

  private static func hints(_ error: any Error) -> [String] {
    switch error {
    case ConstitutionRefusal.unknownSigner: ["give that signer's .signer.json with --signer"]
    case DataDirectory.Failure.notEmpty(let path) where !WholeFile.exists("\(path)/box.json"):
      ["there is no box in it; if an earlier init was cut off, remove the directory and repeat"]
    default: []
    }
  }

  /// What the box could not start with later is refused now, when nothing hangs on it yet.
  private static func witnessPolicy(_ path: String) throws -> String {
    let bytes = try Files.read(path, limit: 32768)
    do {
      _ = try WitnessPolicy(parsing: bytes)
    } catch {
      throw CommandError("\(path) is not a tlog-policy: \(error)")
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func configuration(
    _ arguments: ParsedArguments, _ witnessPolicy: String?
  ) throws -> BoxConfiguration {
    var tls: BoxConfiguration.TLSFiles?
    switch (arguments.value("tls-certificate"), arguments.value("tls-key")) {
    case (let certificate?, let key?):
      let texts = try [certificate, key].map { String(decoding: try Files.read($0, limit: 1 << 20), as: UTF8.self) }
      do {
        _ = try TLSServerContext(certificateChainPEM: texts[0], privateKeyPEM: texts[1])
      } catch {
        throw CommandError("\(certificate) and \(key) do not make a TLS server: \(error)")
      }
      // The box may be started from elsewhere.
      tls = .init(certificate: absolute(certificate), privateKey: absolute(key))
    case (nil, nil): break
    default: throw CommandError("--tls-certificate and --tls-key belong together", exitCode: .usage)
    }
    do {
      let configuration = BoxConfiguration(
        listen: try .init(parsing: try arguments.required("listen"), field: "--listen"),
        admin: try .init(parsing: try arguments.required("admin"), field: "--admin"), tls: tls,
        witnessPolicy: witnessPolicy, attestation: try attestation(arguments))
      return try BoxConfiguration(parsing: configuration.bytes)
    } catch let error as FieldError {
      let hints = error.field == "tls" ? ["give --tls-certificate and --tls-key, or listen on 127.0.0.1"] : []
      throw CommandError("\(error)", hints: hints, exitCode: .usage)
    }
  }

  private static func attestation(_ arguments: ParsedArguments) throws -> BoxConfiguration.Attestation? {
    guard let tcti = arguments.value("tpm") else {
      guard arguments.value("ak-certificates") == nil else {
        throw CommandError("--ak-certificates belongs to --tpm", exitCode: .usage)
      }
      return nil
    }
    do {
      _ = try TPMAddress(tcti)
    } catch {
      throw CommandError("--tpm: \(error)", exitCode: .usage)
    }
    return .init(platform: .tpm, tcti: tcti, certificates: arguments.value("ak-certificates").map(absolute))
  }

  private static func absolute(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
