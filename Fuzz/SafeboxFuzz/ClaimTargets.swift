import CanonicalJSON
import Cryptography
import OpenClaims

/// Reading and verifying claims.
enum ClaimTargets {
  private static let time: Int64 = 1_700_000_000
  private static let policy = WebAuthnPolicy(
    rpID: "box.example", origins: ["https://box.example"], requireUserVerification: true)

  /// Signed claims; the private keys are fixed numbers.
  private static let signed: [Claim] = {
    do {
      let signers = try (1...3).map { number in
        ClaimSigner(try P256.PrivateKey(rawScalar: [UInt8](repeating: 0, count: 31) + [UInt8(number)]))
      }
      let one = try Claim(
        iss: "alice", sub: "box.example", stm: ["action": "9f86d081", "decision": "approve", "epoch": 1],
        exp: time + 60,
        nce: "b7f1", keys: [signers[0].key]
      ).signed(by: signers[0])
      let two = try Claim(
        iss: "é\u{1F600}", sub: "", stm: [1, nil, "x"], nbf: time - 1, keys: signers.map(\.key),
        extensions: ["zzz": ["sig": 1]]
      ).signed(by: signers[0]).signed(by: signers[2])
      return [one, two, try passkeyClaim()]
    } catch {
      preconditionFailure("the seeds cannot be made: \(error)")
    }
  }()

  private static func passkeyClaim() throws -> Claim {
    let privateKey = try P256.PrivateKey(rawScalar: [UInt8](repeating: 7, count: 32))
    let key = ClaimKey(privateKey.publicKey, algorithm: .webauthn)
    let claim = try Claim(iss: "carol", sub: "box.example", stm: ["decision": "object"], keys: [key])
    let clientData: JSON = [
      "type": "webauthn.get", "origin": "https://box.example",
      "challenge": .string(Base64.encodeURL(claim.digest.bytes)),
    ]
    let data = SHA256.hash(Array("box.example".utf8)).bytes + [5, 0, 0, 0, 1]
    let signature = try privateKey.sign(data + SHA256.hash(clientData.canonicalBytes()).bytes)
    let assertion = WebAuthnAssertion(
      authenticatorData: data, clientDataJSON: clientData.canonicalBytes(), signature: signature.der)
    return try claim.adding(assertion.text, of: key)
  }

  private static let tokens = [
    "data:key/es256;base64,", "data:key/es256;base64url,", "data:key/webauthn;base64,", "\"sig\":[null]", "\"key\":",
    "\"fmt\":\"ES256\"",
    "\"nbf\":0", "\"exp\":9999999999", "\"ocp\":1", "AA==", "https://example.com#k",
  ]

  /// Whatever is read is written, read and digested the same again.
  static let parse = FuzzTarget(
    name: "claims.parse", shape: .json, seeds: signed.map { $0.json.canonicalBytes() }, tokens: tokens
  ) {
    input throws(FuzzTarget.Violation) in
    let claim: Claim
    do throws(ClaimError) {
      claim = try Claim(parsing: input, limits: .publishedClaim)
    } catch {
      // Positions within arrays would make a new behaviour of every index.
      return String(error.code.prefix { $0 != "[" })
    }
    var wider = JSONLimits.publishedClaim
    wider.maxBytes = .max
    let again = try? Claim(parsing: claim.json.canonicalBytes(), limits: wider)
    try FuzzTarget.require(again == claim, "the written claim reads as another")
    try FuzzTarget.require(
      claim.digest == SHA256.hash(claim.signedBytes()), "the digest is not that of the signed bytes")
    try FuzzTarget.require(Set(claim.keys).count == claim.keys.count, "a key counts twice")
    try FuzzTarget.require(claim.keys.count == claim.signatures.count, "signatures are not parallel to keys")
    return "accepted"
  }

  /// Nobody can sign here, so every claim that verifies says exactly what one of the seeds says, with no more signers.
  static let verify = FuzzTarget(
    name: "claims.verify", shape: .json, seeds: signed.map { $0.json.canonicalBytes() }, tokens: tokens
  ) {
    input throws(FuzzTarget.Violation) in
    guard let claim = try? Claim(parsing: input, limits: .publishedClaim) else { return "unreadable" }
    let verified: Verified<Claim>
    do throws(ClaimError) {
      verified = try ClaimVerifier().verify(claim, at: time, webAuthn: policy)
    } catch {
      return error.code
    }
    let original = signed.first { $0.digest == claim.digest }
    try FuzzTarget.require(original?.signedBytes() == claim.signedBytes(), "a forged claim verifies")
    let signers = zip(original?.keys ?? [], original?.signatures ?? []).filter { $0.1 != nil }.map(\.0)
    try FuzzTarget.require(Set(signers).isSuperset(of: verified.validKeys), "a key that did not sign is counted")
    try FuzzTarget.require(!verified.validKeys.isEmpty, "verified without a signature")
    return "accepted"
  }
}
