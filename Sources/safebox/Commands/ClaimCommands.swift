import CanonicalJSON
import Cryptography
import Governance
import OpenClaims
import Terminal

/// `claim sign|verify|digest`: any OpenClaim. `claim send`: one that votes.
enum ClaimCommands {
  static let command = Command(
    "claim", "sign, verify, digest and hand in OpenClaims",
    subcommands: [
      Command(
        "sign", "add a signature to a claim",
        arguments: [
          .positional("file", "the claim, or - for standard input", values: .file),
          .option(
            "key", value: "file", "a private key whose public part is in the claim", values: .file, isRequired: true),
          .option("out", value: "file", "where to write; default: standard output", values: .file),
        ], run: sign),
      Command(
        "verify", "verify every signature, and the times",
        arguments: [
          .positional("file", "the claim, or - for standard input", values: .file),
          .option("rp", value: "domain", "relying party, for claims signed with a passkey"),
          .option("origin", value: "url", "an origin whose page may have asked for the passkey", isRepeated: true),
          .option("threshold", value: "count", "how many distinct keys must have signed", default: "1"), .json,
        ], run: verify),
      Command(
        "digest", "print the digest that is signed", arguments: [.positional("file", "the claim", values: .file)],
        run: digest),
      Command(
        "send", "hand in an approval, objection or withdrawal that was signed elsewhere",
        discussion: "Takes what `approve`, `object` and `withdraw` write with --out. The box checks it as any other.",
        arguments: [.positional("file", "the claim, or - for standard input", values: .file), .json]
          + BoxConnection.arguments, run: send),
    ])

  private static func read(_ arguments: ParsedArguments) throws -> Claim {
    let path = try arguments.required("file")
    do {
      return try Claim(parsing: trimmed(try Files.read(path, limit: 65536)), limits: .publishedClaim)
    } catch let error as ClaimError {
      throw CommandError("\(path): \(error)", exitCode: .verificationFailed)
    }
  }

  private static func trimmed(_ bytes: [UInt8]) -> [UInt8] { bytes.last == 10 ? bytes.dropLast() : bytes }

  private static func sign(_ arguments: ParsedArguments) throws -> ExitCode {
    let claim = try read(arguments)
    let signer = ClaimSigner(try SignerKeyFile.read(try arguments.required("key")))
    let signed: Claim
    do { signed = try claim.signed(by: signer) } catch {
      throw CommandError("\(path(arguments)): \(error)")
    }
    try Files.write(signed.json.canonicalBytes() + [10], to: arguments.value("out"))
    return .ok
  }

  private static func verify(_ arguments: ParsedArguments) throws -> ExitCode {
    let claim = try read(arguments)
    let passkeys = arguments.value("rp").map {
      WebAuthnPolicy(rpID: $0, origins: arguments.values("origin"), requireUserVerification: true)
    }
    let threshold = try arguments.integer("threshold", in: 1...Claim.maxKeys) ?? 1
    do {
      let verified = try ClaimVerifier().verify(claim, at: WallClock.seconds(), webAuthn: passkeys)
      guard verified.validKeys.count >= threshold else {
        throw CommandError(
          "\(verified.validKeys.count) distinct keys signed, \(threshold) are demanded", exitCode: .verificationFailed)
      }
      Terminal.standard.write(
        arguments.wantsJSON
          ? JSON.object([
            "digest": .string(claim.digest.hex), "keys": .array(verified.validKeys.map { .string($0.text) }),
          ])
          .canonicalString() + "\n"
          : "valid: \(verified.validKeys.count) distinct keys signed \(claim.digest)\n")
      return .ok
    } catch let error as ClaimError {
      throw CommandError("\(error)", exitCode: .verificationFailed)
    }
  }

  private static func send(_ arguments: ParsedArguments) async throws -> ExitCode {
    let claim = try read(arguments)
    guard let verdict = claim.stm["decision"]?.string.flatMap(Verdict.init(rawValue:)), verdict != .propose,
      let id = claim.stm["action"]?.string
    else {
      throw CommandError("\(path(arguments)) is no approval, objection or withdrawal of an action", exitCode: .usage)
    }
    return try await VoteCommands.handIn(claim.json, verdict, try ProposalFetch.digest(id), arguments)
  }

  private static func path(_ arguments: ParsedArguments) -> String { arguments.value("file") ?? "-" }

  private static func digest(_ arguments: ParsedArguments) throws -> ExitCode {
    Terminal.standard.write(try read(arguments).digest.hex + "\n")
    return .ok
  }
}
