import Attestation
import Cryptography
import TestSupport
import Testing

/// A software TPM asked by tpm2-tools, an implementation that is not ours, with keys as its owner would make them.
final class TPMTools {
  struct Failure: Error, CustomStringConvertible { let description: String }

  static let isReady = SoftwareTPM.isReady && Subprocess.find("tpm2_createak") != nil
  static let absence: Comment = "needs swtpm and tpm2-tools: scripts/setup test"

  private let tpm: SoftwareTPM
  let directory: TemporaryDirectory

  init() throws {
    tpm = try SoftwareTPM()
    directory = try TemporaryDirectory()
  }

  /// Runs a tool and forgets what it loaded: without a resource manager there is room for three objects.
  func run(_ name: String, _ arguments: [String]) throws {
    try call(name, arguments)
    try call("tpm2_flushcontext", ["-t"])
  }

  func call(_ name: String, _ arguments: [String]) throws {
    let program = try #require(Subprocess.find(name), "\(name)")
    let result = try Subprocess.run(program, ["-T", tpm.tcti] + arguments)
    guard result.status == 0 else { throw Failure(description: "\(name): \(result.errors)") }
  }

  /// Makes an endorsement key and below it an attestation key.
  func makeKeys(endorsement: String, algorithm: String, scheme: String) throws {
    try run("tpm2_createek", ["-c", directory.file("ek"), "-G", endorsement, "-u", directory.file("ek.pub")])
    try run(
      "tpm2_createak",
      [
        "-C", directory.file("ek"), "-c", directory.file("ak"), "-G", algorithm, "-g", "sha256", "-s", scheme,
        "-u", directory.file("ak.pub"), "-n", directory.file("ak.name"),
      ])
  }

  /// Quotes registers and returns the files as evidence.
  func quote(_ selection: String, nonce: [UInt8]) throws -> TPMEvidence {
    try run(
      "tpm2_quote",
      [
        "-c", directory.file("ak"), "-l", selection, "-q", Hex.encode(nonce), "-m", directory.file("quote"),
        "-s", directory.file("quote.sig"), "-o", directory.file("quote.pcrs"), "-g", "sha256",
      ])
    let names = ["quote.sig", "quote.pcrs", "ak.pub", "ek.pub"]
    let raw = RawEvidence(
      bytes: try directory.read("quote"), attachments: try names.map { ($0, try directory.read($0)) })
    return try #require(try TPMEvidence.recognise(raw))
  }

  /// Gives a challenge to the TPM and returns what it answers.
  func answer(_ challenge: CredentialChallenge) throws -> [UInt8] {
    func sized(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes }
    // The tools' own file: a mark, a version, and the two structures.
    let header: [UInt8] = [0xBA, 0xDC, 0xC0, 0xDE, 0, 0, 0, 1]
    try directory.write(
      header + sized(challenge.credentialBlob) + sized(challenge.encryptedSecret), to: "challenge")
    let session = directory.file("session")
    try call("tpm2_startauthsession", ["--policy-session", "-S", session])
    defer { try? call("tpm2_flushcontext", [session]) }
    try call("tpm2_policysecret", ["-S", session, "-c", "e"])
    defer { try? call("tpm2_flushcontext", ["-t"]) }
    try call(
      "tpm2_activatecredential",
      [
        "-c", directory.file("ak"), "-C", directory.file("ek"), "-i", directory.file("challenge"),
        "-o", directory.file("answer"), "-P", "session:" + session,
      ])
    return try directory.read("answer")
  }
}
