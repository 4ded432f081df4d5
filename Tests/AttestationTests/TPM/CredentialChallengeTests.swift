import Attestation
import AttestationMint
import Cryptography
import Testing

/// Only the TPM that holds both keys answers a challenge.
@Suite struct CredentialChallengeTests {
  @Test(.enabled(if: TPMTools.isReady, TPMTools.absence), arguments: ["rsa", "ecc"])
  func theTPMWithBothKeysAnswers(_ endorsement: String) throws {
    let tools = try TPMTools()
    try tools.makeKeys(endorsement: endorsement, algorithm: "ecc", scheme: "ecdsa")
    let ek = try TPMTPublic(tools.directory.read("ek.pub"), path: "ek")
    let name = try TPMTPublic(tools.directory.read("ak.pub")).name
    for count in [1, 16, 32] {
      let secret = SecretBytes.random(count: count)
      let challenge = try CredentialChallenge.make(endorsementKey: ek, attestationKeyName: name, secret: secret)
      #expect(secret.withUnsafeBytes { [UInt8]($0) } == (try tools.answer(challenge)))
    }
    let secret = SecretBytes.random(count: 32)
    let wrong = try CredentialChallenge.make(
      endorsementKey: ek, attestationKeyName: name.flipping(bit: 100), secret: secret)
    #expect(throws: TPMTools.Failure.self) { try tools.answer(wrong) }
  }

  /// The public area of a storage key that could stand for an endorsement key.
  private static func endorsementKey(attributes: UInt32 = 0x0003_00B2, mode: [UInt8] = [0, 0x43]) throws -> TPMTPublic {
    let point = MintKeys.machineP256.publicKey.x963
    let head: [UInt8] = [0, 0x23, 0, 0x0B] + (0..<4).map { UInt8(truncatingIfNeeded: attributes >> (24 - 8 * $0)) }
    let middle: [UInt8] = [0, 0, 0, 6, 0, 128] + mode + [0, 0x10, 0, 3, 0, 0x10]
    return try TPMTPublic(head + middle + [0, 32] + point[1..<33] + [0, 32] + point[33...], path: "ek")
  }

  @Test func whatIsNoEndorsementKeyIsNotChallenged() throws {
    let name = try TPMTPublic(TPMMint.p256().area()).name
    let secret = SecretBytes.random(count: 32)
    func make(_ key: TPMTPublic, _ name: [UInt8], _ secret: SecretBytes) throws -> CredentialChallenge {
      try CredentialChallenge.make(endorsementKey: key, attestationKeyName: name, secret: secret)
    }
    #expect(throws: Never.self) { try make(Self.endorsementKey(), name, secret) }
    for bit in [1, 4, 5, 16, 17, 18] {
      let key = try Self.endorsementKey(attributes: 0x0003_00B2 ^ (1 << UInt32(bit)))
      #expect(throws: CredentialChallenge.Failure.notEndorsement(attributes: key.attributes.names)) {
        try make(key, name, secret)
      }
    }
    #expect(throws: CredentialChallenge.Failure.unsupportedCipher) {
      try make(Self.endorsementKey(mode: [0, 0x40]), name, secret)
    }
    #expect(throws: CredentialChallenge.Failure.malformedName(byteCount: 33)) {
      try make(Self.endorsementKey(), [UInt8](name.dropLast()), secret)
    }
    for count in [0, 33] {
      #expect(throws: CredentialChallenge.Failure.secretLength(expected: 1...32, actual: count)) {
        try make(Self.endorsementKey(), name, SecretBytes.random(count: count))
      }
    }
  }
}
