public import Cryptography

/// A challenge that only the TPM with the endorsement key can answer, and only while it holds the attestation key of that name
/// (TPM2_MakeCredential; TPM 2.0 part 1, section 24). Whoever gets the secret back knows that the two keys are in one TPM.
public struct CredentialChallenge: Sendable, Hashable {
  public enum Failure: Error, Hashable, Sendable {
    /// The endorsement key is not one: it signs, or can leave its TPM, or decrypts for anybody.
    case notEndorsement(attributes: [String])
    /// The endorsement key protects nothing with AES in CFB mode.
    case unsupportedCipher
    /// P-384 and keys with SHA-1 names.
    case unsupportedKey(String)
    /// A name is a hash's identifier and a digest of it.
    case malformedName(byteCount: Int)
    /// At least one byte, at most the digest of the endorsement key's name.
    case secretLength(expected: ClosedRange<Int>, actual: Int)
    case cryptography(CryptographyError)
  }

  /// TPM2B_ID_OBJECT without its length: the integrity code, then the encrypted secret.
  public let credentialBlob: [UInt8]
  /// TPM2B_ENCRYPTED_SECRET without its length: the seed, encrypted to the endorsement key, or a one-time point.
  public let encryptedSecret: [UInt8]

  /// A challenge that was made before.
  public init(credentialBlob: [UInt8], encryptedSecret: [UInt8]) {
    self.credentialBlob = credentialBlob
    self.encryptedSecret = encryptedSecret
  }

  /// Makes a challenge. Check the attestation key's attributes first: a TPM answers for any key that it holds.
  ///
  /// - Parameters:
  ///   - endorsementKey: RSA or P-256, from a certificate of the TPM's maker.
  ///   - attestationKeyName: ``TPMTPublic/name`` of the key that is to be trusted.
  ///   - secret: what comes back: 1 byte up to the size of the endorsement key's name digest.
  public static func make(
    endorsementKey: TPMTPublic, attestationKeyName: [UInt8], secret: SecretBytes
  ) throws(Failure) -> CredentialChallenge {
    let attributes = endorsementKey.attributes
    guard attributes.isSuperset(of: .endorsement), !attributes.contains(.sign) else {
      throw .notEndorsement(attributes: attributes.names)
    }
    guard let hash = endorsementKey.nameAlgorithm.trusted else { throw .unsupportedKey("SHA-1") }
    guard let symmetric = endorsementKey.symmetric, symmetric.mode == 0x0043 else { throw .unsupportedCipher }
    guard (34...66).contains(attestationKeyName.count) else {
      throw .malformedName(byteCount: attestationKeyName.count)
    }
    guard (1...hash.byteCount).contains(secret.count) else {
      throw .secretLength(expected: 1...hash.byteCount, actual: secret.count)
    }
    do throws(CryptographyError) {
      let (seed, encrypted) = try seed(for: endorsementKey.key, hash)
      let blob = try protect(
        secret, seed: seed, hash: hash, keyBytes: symmetric.keyBits / 8, name: attestationKeyName)
      return CredentialChallenge(credentialBlob: blob, encryptedSecret: encrypted)
    } catch {
      if case .unsupportedKey(_, let actual) = error { throw .unsupportedKey(actual) }
      throw .cryptography(error)
    }
  }

  /// A seed that only the endorsement key's TPM learns (part 1, annexes B.10.4 and C.6.4).
  private static func seed(
    for key: TPMPublicKey, _ hash: DigestAlgorithm
  ) throws(CryptographyError) -> (seed: SecretBytes, encrypted: [UInt8]) {
    switch key {
    case .rsa(let key):
      let seed = SecretBytes.random(count: hash.byteCount)
      return (seed, try key.encryptOAEP(seed, label: Array("IDENTITY".utf8) + [0], hash: hash))
    case .p256(let key):
      let oneTime = P256.PrivateKey.generate()
      let x = [UInt8](oneTime.publicKey.x963[1..<33])
      let y = [UInt8](oneTime.publicKey.x963[33...])
      let seed = try TPMKeyDerivation.kdfe(
        hash, sharedSecret: try oneTime.sharedSecret(with: key), label: "IDENTITY", partyU: x,
        partyV: [UInt8](key.x963[1..<33]), count: hash.byteCount)
      return (seed, TPMBytes.sized(x) + TPMBytes.sized(y))
    case .p384: throw .unsupportedKey(expected: "RSA or P-256", actual: "P-384")
    }
  }

  /// Encrypts the secret, then authenticates it together with the attestation key's name (part 1, section 24.4 and 24.5).
  private static func protect(
    _ secret: SecretBytes, seed: SecretBytes, hash: DigestAlgorithm, keyBytes: Int, name: [UInt8]
  ) throws(CryptographyError) -> [UInt8] {
    let sized = SecretBytes(count: secret.count + 2) { output in
      output.copyBytes(from: TPMBytes.uint16(UInt16(secret.count)))
      secret.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: output[2...]).copyMemory(from: $0) }
    }
    let cipherKey = try TPMKeyDerivation.kdfa(
      hash, key: seed, label: "STORAGE", contextU: name, contextV: [], count: keyBytes)
    let encrypted = try AESCFB.encrypt(sized, key: cipherKey, iv: [UInt8](repeating: 0, count: 16))
    let codeKey = try TPMKeyDerivation.kdfa(
      hash, key: seed, label: "INTEGRITY", contextU: [], contextV: [], count: hash.byteCount)
    let code = try HMACDigest.authenticationCode(for: encrypted + name, key: codeKey, hash: hash)
    return TPMBytes.sized(code) + encrypted
  }
}

extension TPMObjectAttributes {
  /// What makes a key an endorsement key: it decrypts what it is told to by the TPM alone, and can never leave
  /// (TCG EK Credential Profile 2.5, annex B).
  static let endorsement: TPMObjectAttributes = [
    .fixedTPM, .fixedParent, .sensitiveDataOrigin, .restricted, .decrypt,
  ]
}
