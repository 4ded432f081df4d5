import Attestation
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
    ] + machine + keyRelease + [.json], run: run)

  private static let machine: [Argument] = [
    .option(
      "machine", value: "platform",
      "what vouches for the box: auto, \(MachineConfiguration.kinds.map(\.rawValue).joined(separator: ", "))"),
    .option("with", value: "platform", "a further platform whose evidence stands beside it", isRepeated: true),
    .option("tpm", value: "tcti", "the TPM that does: device:/dev/tpmrm0, or swtpm:path=..."),
    .option(
      "snp-interface", value: "name", "how SNP reports are asked for: configfs, or device for /dev/sev-guest"),
    .option(
      "certificates", value: "file",
      "PEM chain of the TPM's attestation key, or of the processor's that signs SNP reports",
      values: .file),
    .option("td-quote", value: "file", "Azure: the quote over the TDX report, from its service", values: .file),
  ]

  private static let keyRelease: [Argument] = [
    .option("broker", value: "url", "the broker that releases the key of the data; it is then never a file"),
    .option("broker-key", value: "digest", "the digest of the broker's key, which it prints when it starts"),
    .option("key", value: "name", "the name of the key of the data at the broker"),
    .option("patience", value: "span", "how long a start waits for the broker's owners; default: 60s"),
  ]

  private static func run(_ arguments: ParsedArguments) async throws -> ExitCode {
    // Whatever is made in the data directory is for this user alone.
    umask(0o077)
    let origin = try arguments.required("origin")
    guard Name.isOrigin(origin) else {
      throw CommandError(
        "--origin is \"\(origin)\", 1-255 visible ASCII characters without + are expected", exitCode: .usage)
    }
    let witnessPolicy = try arguments.value("witness-policy").map(witnessPolicy)
    let configuration = try configuration(arguments, origin, witnessPolicy, try await attestation(arguments))
    let path = Settings.dataDirectory(arguments)
    let initializer = BoxInitializer(
      directory: DataDirectory(path: path), origin: origin,
      constitution: try Files.json(try arguments.required("constitution")),
      signers: try arguments.values("signer").map { try SignerFile.read($0, of: origin).json },
      configuration: configuration,
      witnessPolicy: witnessPolicy)
    let keys = DataDirectory.Keys(ed25519: .generate(), es256: .generate())
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
    _ arguments: ParsedArguments, _ origin: String, _ witnessPolicy: String?, _ attestation: MachineConfiguration?
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
        witnessPolicy: witnessPolicy, attestation: attestation, keyRelease: try keyRelease(arguments, origin))
      return try BoxConfiguration(parsing: configuration.bytes)
    } catch let error as FieldError {
      let hints =
        switch error.field {
        case "tls": ["give --tls-certificate and --tls-key, or listen on 127.0.0.1"]
        case "attestation": ["give --machine or --tpm: the broker asks it what runs here"]
        default: [String]()
        }
      throw CommandError("\(error)", hints: hints, exitCode: .usage)
    }
  }

  /// The machine as it is written into box.json: always a concrete one, so that the box rests on the same one at every start.
  private static func attestation(_ arguments: ParsedArguments) async throws -> MachineConfiguration? {
    let tcti = arguments.value("tpm")
    guard let name = arguments.value("machine") ?? tcti.map({ _ in "tpm" }) else {
      for option in ["with", "certificates", "td-quote", "snp-interface"] where !arguments.values(option).isEmpty {
        throw CommandError("--\(option) belongs to --machine or --tpm", exitCode: .usage)
      }
      return nil
    }
    do throws(TPMFailure) {
      if let tcti { _ = try TPMAddress(tcti) }
    } catch {
      throw CommandError("--tpm: \(error)", exitCode: .usage)
    }
    let files = MachineConfiguration.Files(
      certificates: try arguments.value("certificates").map(certificates),
      trustDomainQuote: arguments.value("td-quote").map(absolute))
    let detection = PlatformDetection(tcti: tcti)
    do {
      var found: MachineConfiguration
      if name == "auto" {
        guard arguments.values("with").isEmpty else {
          throw CommandError("--with belongs to a platform that --machine names", exitCode: .usage)
        }
        found = try await MachineConfiguration.detected(tcti: tcti, files: files, by: detection)
        Terminal.standard.writeError("machine \(found.platforms.map(\.kind.rawValue).joined(separator: " with "))\n")
      } else {
        let kind = try platform(name, "--machine")
        found = try MachineConfiguration.reached(
          kind, tcti: tcti, interface: try interface(arguments), files: files, by: detection)
        // Their certificates, where they need any, are named in box.json.
        found.with = try arguments.values("with").map {
          try MachineConfiguration.reached(
            try platform($0, "--with"), tcti: tcti, interface: try interface(arguments),
            files: MachineConfiguration.Files(), by: detection
          ).platform
        }
      }
      if tcti != nil, found.tcti == nil {
        throw CommandError("--tpm does not belong to --machine \(name), which is asked without a TPM", exitCode: .usage)
      }
      return found
    } catch let error as FieldError {
      throw CommandError("--machine \(name): \(error)", exitCode: .usage)
    } catch let error as MachineConfiguration.NothingFound {
      throw CommandError("--machine auto: \(error)", hints: ["name a software TPM with --tpm, to try it out"])
    }
  }

  private static func platform(_ name: String, _ option: String) throws -> EvidenceKind {
    guard let kind = EvidenceKind(rawValue: name), MachineConfiguration.kinds.contains(kind) else {
      let names = MachineConfiguration.kinds.map(\.rawValue).joined(separator: ", ")
      throw CommandError(
        "\(option) is \"\(TerminalText.escaped(name))\"",
        hints: [option == "--machine" ? "give auto, or one of \(names)" : "give one of \(names)"], exitCode: .usage)
    }
    return kind
  }

  private static func interface(_ arguments: ParsedArguments) throws -> SNPCollector.Interface? {
    guard let name = arguments.value("snp-interface") else { return nil }
    let kinds = arguments.values("machine") + arguments.values("with")
    guard let interface = SNPCollector.Interface(rawValue: name), kinds.contains(EvidenceKind.snp.rawValue) else {
      throw CommandError(
        "--snp-interface is \"\(TerminalText.escaped(name))\", configfs or device is expected, with sev-snp",
        exitCode: .usage)
    }
    return interface
  }

  private static func certificates(_ path: String) throws -> String {
    let bytes = try Files.read(path, limit: 1 << 20)
    do {
      _ = try PEM.decodeAll(String(decoding: bytes, as: UTF8.self), label: "CERTIFICATE")
    } catch {
      throw CommandError("\(path): \(error)")
    }
    return absolute(path)
  }

  /// The box is known to the broker by the name of its log.
  private static func keyRelease(
    _ arguments: ParsedArguments, _ origin: String
  ) throws -> KeyReleaseConfiguration? {
    guard let url = arguments.value("broker") else {
      for name in ["broker-key", "key", "patience"] where arguments.value(name) != nil {
        throw CommandError("--\(name) belongs to --broker", exitCode: .usage)
      }
      return nil
    }
    guard let digest = SHA256Digest(hex: try arguments.required("broker-key")) else {
      throw CommandError("--broker-key is no digest of 64 lower-case hexadecimal digits", exitCode: .usage)
    }
    return .init(
      broker: .init(url: url, key: digest), box: origin, key: try arguments.required("key"),
      patience: try arguments.seconds("patience") ?? KeyReleaseConfiguration.defaultPatience)
  }

  private static func absolute(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
