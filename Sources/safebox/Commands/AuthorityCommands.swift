import Attestation
import CanonicalJSON
import Cryptography
import Governance
import Terminal
import TrustedPlatform

/// `attest authority init|challenge|certify|anchor`: the side of whoever vouches for TPMs.
enum AuthorityCommands {
  static let command = Command(
    "authority", "vouch for the attestation keys of TPMs (a privacy CA)",
    discussion: """
      Turns trust in a TPM's maker into trust in one attestation key. What passes between the authority and a box are \
      files, so that the two need no connection.

      In this order: `attest key request` on the box, `challenge` here, `attest key activate` on the box, `certify` here. \
      `safebox init --certificates` takes what comes of it, and appraisal policies name the authority among their \
      anchors. docs/attestation/tpm.md shows it from end to end.
      """,
    subcommands: [
      Command(
        "init", "make an authority",
        arguments: [
          directory, .option("name", value: "name", "what it is called in certificates", isRequired: true),
          .option(
            "root", value: "file", "certificates of makers of TPMs that it trusts, PEM", values: .file,
            isRequired: true, isRepeated: true),
          .option("validity", value: "span", "how long its own certificate holds", default: "3650d"),
        ], run: make),
      Command(
        "challenge", "verify a box's request and make a challenge that only its TPM can answer",
        discussion: "A challenge can be answered once, within a day.",
        arguments: [
          directory, .positional("request", "what the box wrote, or -", values: .file), out,
        ], run: challenge),
      Command(
        "certify", "certify the attestation key whose TPM answered",
        arguments: [
          directory, .positional("answer", "what the box wrote, or -", values: .file),
          .option("validity", value: "span", "how long the certificate holds", default: "365d"), out,
        ], run: certify),
      Command(
        "anchor", "print the authority as a member of `anchors` in an appraisal policy",
        arguments: [
          directory,
          .option(
            "assurance", value: "what", "what the makers it trusts build", values: .oneOf(["hardware", "software"]),
            isRequired: true),
        ], run: anchor),
    ])

  private static let directory = Argument.positional("directory", "where the authority is kept", values: .directory)
  fileprivate static let out = Argument.option(
    "out", value: "file", "where to write; default: standard output", values: .file)

  private static func make(_ arguments: ParsedArguments) throws -> ExitCode {
    let roots = try arguments.values("root").flatMap(certificates)
    let directory = AuthorityDirectory(try arguments.required("directory"))
    let authority = try refusing {
      try directory.make(
        name: try arguments.required("name"), at: WallClock.milliseconds(), validity: try span(arguments),
        roots: roots)
    }
    Terminal.standard.write(
      """
      authority:    \(TerminalText.escaped(authority.certificate.subject.description))
      certificate:  \(directory.certificatePath)
      trusts:       \(roots.map { TerminalText.escaped($0.subject.description) }.joined(separator: "; "))
      until:        \(UTCTime.text(authority.certificate.notAfter))

      """)
    return .ok
  }

  private static func challenge(_ arguments: ParsedArguments) throws -> ExitCode {
    let path = try arguments.required("request")
    let request = try document(path) { json throws(FieldError) in try EnrolmentRequest(json: json) }
    let directory = AuthorityDirectory(try arguments.required("directory"))
    let at = WallClock.milliseconds()
    let pending = try refusing {
      let pending = try directory.load().challenge(request, roots: try directory.roots(), at: at)
      try directory.keep(pending, at: at)
      return pending
    }
    try Files.write(pending.message.json.canonicalBytes() + [10], to: arguments.value("out"))
    return .ok
  }

  private static func certify(_ arguments: ParsedArguments) throws -> ExitCode {
    let path = try arguments.required("answer")
    let answer = try document(path) { json throws(FieldError) in try EnrolmentAnswer(json: json) }
    let directory = AuthorityDirectory(try arguments.required("directory"))
    let certificate = try refusing {
      try directory.certify(answer, at: WallClock.milliseconds(), validity: try span(arguments))
    }
    try Files.write(
      Array(PEM.encode(certificate.der, label: "CERTIFICATE").utf8), to: arguments.value("out"))
    return .ok
  }

  private static func anchor(_ arguments: ParsedArguments) throws -> ExitCode {
    let directory = AuthorityDirectory(try arguments.required("directory"))
    let certificate = try refusing { try directory.load().certificate }
    let anchor: JSON = [
      "name": .string(certificate.subject.commonName ?? "attestation authority"),
      "purpose": .string(TrustAnchor.Purpose.tpm.rawValue), "certificate": .string(Base64.encode(certificate.der)),
      "assurance": .string(try arguments.required("assurance")),
    ]
    Terminal.standard.write(anchor.canonicalString() + "\n")
    return .ok
  }

  // MARK: Reading

  private static func span(_ arguments: ParsedArguments) throws -> Int64 {
    guard let seconds = try arguments.seconds("validity"), (1...maxValidity).contains(seconds) else {
      throw CommandError(
        "--validity is to be 1s to \(maxValidity / 86_400)d", exitCode: .usage)
    }
    return seconds * 1000
  }

  /// Thirty years, in seconds.
  private static let maxValidity: Int64 = 30 * 366 * 86_400

  fileprivate static func certificates(_ path: String) throws -> [Certificate] {
    let text = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
    do {
      return try Certificate.all(pem: text)
    } catch {
      throw CommandError("\(path): \(error)")
    }
  }

  /// One of the three documents.
  fileprivate static func document<Value>(
    _ path: String, _ read: (JSON) throws(FieldError) -> Value
  ) throws -> Value {
    let bytes = try Files.read(path, limit: EnrolmentRequest.maxBytes)
    do {
      return try read(try JSON(parsing: bytes, limits: .document(maxBytes: EnrolmentRequest.maxBytes)))
    } catch {
      throw CommandError("\(path): \(error)", exitCode: .verificationFailed)
    }
  }

  /// What was not verified is told from what could not be done by its exit code.
  private static func refusing<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let failure as EnrolmentFailure {
      throw CommandError("nothing is certified: \(failure)", exitCode: .verificationFailed)
    } catch let failure as AuthorityDirectory.Failure {
      switch failure {
      case .authority, .notPending:
        throw CommandError("nothing is certified: \(failure)", exitCode: .verificationFailed)
      default: throw CommandError("\(failure)")
      }
    }
  }
}

/// `attest key request|activate`: the side of the machine whose key is to be certified.
enum AttestationKeyCommands {
  static let command = Command(
    "key", "have this machine's attestation key certified by an authority",
    discussion: "The steps are shown by `safebox attest authority --help`.",
    subcommands: [
      Command(
        "request", "write what an authority needs: both public keys and the maker's certificate",
        arguments: [
          tpm, .option("name", value: "box", "what the certificate is to call this machine", isRequired: true),
          .option(
            "certificates", value: "file", "further certificates of the endorsement key, PEM", values: .file),
          AuthorityCommands.out,
        ], run: request),
      Command(
        "activate", "have the TPM answer an authority's challenge",
        arguments: [
          .positional("challenge", "what the authority wrote, or -", values: .file), tpm, AuthorityCommands.out,
        ], run: activate),
    ])

  private static let tpm = Argument.option(
    "tpm", value: "tcti", "the TPM, such as device:/dev/tpmrm0", isRequired: true)

  private static func device(_ arguments: ParsedArguments) throws -> TPMDevice {
    do {
      return try TPMDevice(tcti: try arguments.required("tpm"))
    } catch let failure as TPMFailure {
      throw CommandError("--tpm: \(failure)", exitCode: .usage)
    }
  }

  private static func request(_ arguments: ParsedArguments) async throws -> ExitCode {
    let device = try device(arguments)
    let endorsement = try await certifiedEndorsementKey(of: device)
    let further = try arguments.value("certificates").map(AuthorityCommands.certificates) ?? []
    let request = EnrolmentRequest(
      name: try arguments.required("name"), endorsementKey: endorsement.key.publicArea,
      endorsementCertificates: [endorsement.certificate] + further,
      attestationKey: try await device.attestationKey().publicArea)
    // What the authority would not read is refused here, where it can be mended.
    _ = try EnrolmentRequest(json: request.json)
    try Files.write(request.json.canonicalBytes() + [10], to: arguments.value("out"))
    return .ok
  }

  /// The endorsement key for which the maker left a certificate in the TPM.
  private static func certifiedEndorsementKey(
    of device: TPMDevice
  ) async throws -> (key: EndorsementKey, certificate: Certificate) {
    for kind in EndorsementKey.Kind.allCases {
      let key = try await device.endorsementKey(kind)
      if let der = key.certificate { return (key, try Certificate(der: der)) }
    }
    throw CommandError(
      "the TPM holds no certificate of its endorsement key",
      hints: ["enrol its attestation key by hand in a policy (`enrolled`), or at a broker (`safebox broker enrol`)"])
  }

  private static func activate(_ arguments: ParsedArguments) async throws -> ExitCode {
    let path = try arguments.required("challenge")
    let challenge = try AuthorityCommands.document(path) { json throws(FieldError) in
      try EnrolmentChallenge(json: json)
    }
    let device = try device(arguments)
    let name = try await device.attestationKey().name
    guard challenge.attestationKeyName == name else {
      throw CommandError(
        "the challenge is for another attestation key than this TPM's: expected \(Hex.encode(name)), found "
          + Hex.encode(challenge.attestationKeyName), exitCode: .verificationFailed)
    }
    let secret: [UInt8]
    do throws(TPMFailure) {
      secret = try await device.activate(
        credential: challenge.credential, encryptedSecret: challenge.encryptedSecret,
        endorsement: challenge.endorsement)
    } catch {
      guard error.responseCode != nil else { throw error }
      throw CommandError(
        "the TPM does not open the challenge: it was changed, or made for another TPM (\(error))",
        exitCode: .verificationFailed)
    }
    try Files.write(
      EnrolmentAnswer(id: challenge.id, secret: secret).json.canonicalBytes() + [10], to: arguments.value("out"),
      mode: 0o600)
    return .ok
  }
}
