import Attestation
import CanonicalJSON
public import Cryptography

/// A small authority that turns trust in a TPM's maker into trust in one attestation key (a privacy CA; TPM 2.0 part 1,
/// section 24): it checks the maker's certificate of an endorsement key, has the TPM prove that an attestation key lies
/// beside it, and certifies that key.
///
/// Two steps, and what is kept in between is a value (``PendingEnrolment``) that the first hands out and the second takes.
/// ``AuthorityDirectory`` keeps it so that it is taken once.
public struct AttestationAuthority: Sendable {
  public enum Limits {
    /// The longest name of a box, in bytes of printable ASCII.
    public static let nameBytes = 64
    /// How long a challenge may be answered, in milliseconds: files are carried by people.
    public static let pending: Int64 = 24 * 60 * 60 * 1000
    /// Certificates between that of the endorsement key and a root.
    public static let intermediates = 8
  }

  private let key: P256.PrivateKey
  /// The authority's own, which verifiers name as an anchor of purpose `tpm`.
  public let certificate: Certificate

  /// A new authority.
  ///
  /// - Parameters:
  ///   - name: its common name.
  ///   - at: Unix milliseconds; the certificate holds from then.
  ///   - validity: milliseconds.
  public static func make(
    name: String, at: Int64, validity: Int64
  ) throws(EnrolmentFailure) -> AttestationAuthority {
    try Self.check(name: name)
    let key = P256.PrivateKey.generate()
    let subject = DistinguishedName(commonName: name)
    let certificate = try Self.signing { () throws(CryptographyError) in
      try CertificateDraft(
        serialNumber: CertificateDraft.randomSerialNumber(), subject: subject, publicKey: .p256(key.publicKey),
        notBefore: Self.second(at), notAfter: Self.second(at + validity),
        extensions: [
          .basicConstraints(isAuthority: true, pathLength: 0), .keyUsage([.keyCertSign]),
          .subjectKeyIdentifier(of: .p256(key.publicKey)),
        ]
      ).signed(by: .p256(key), issuer: subject)
    }
    return try AttestationAuthority(key: key, certificate: certificate)
  }

  /// An authority that was made before.
  ///
  /// - Throws: `notOurs` when the certificate is not of this key, or is no authority's.
  public init(key: P256.PrivateKey, certificate: Certificate) throws(EnrolmentFailure) {
    guard certificate.publicKey == .p256(key.publicKey), certificate.basicConstraints?.isAuthority == true else {
      throw .notOurs
    }
    self.key = key
    self.certificate = certificate
  }

  /// The private key, PKCS#8 PEM: whoever has it certifies anything.
  public var privateKeyPEM: String { key.pkcs8PEM }

  /// First step: checks who the keys are and makes a challenge that only their TPM can answer.
  ///
  /// - Parameters:
  ///   - roots: certificates of makers of TPMs that the operator trusts, never from the request.
  ///   - at: Unix milliseconds.
  public func challenge(
    _ request: EnrolmentRequest, roots: [Certificate], at: Int64
  ) throws(EnrolmentFailure) -> PendingEnrolment {
    try Self.check(name: request.name)
    try request.verifyEndorsement(roots: roots, at: at)
    try request.verifyAttestationKey()
    let secret = SecretBytes.random(count: 32)
    do throws(CredentialChallenge.Failure) {
      let challenge = try CredentialChallenge.make(
        endorsementKey: request.endorsementKey, attestationKeyName: request.attestationKey.name, secret: secret)
      return PendingEnrolment(
        id: SecureRandom.bytes(EnrolmentChallenge.idBytes), request: request, challenge: challenge,
        answer: secret.withUnsafeBytes { SHA256.hash($0) }, until: at + Limits.pending)
    } catch { throw .challenge(error) }
  }

  /// Second step: certifies the attestation key if the answer is what was encrypted to the endorsement key.
  ///
  /// The certificate names the box (common name) and the key's TPM name (serial number attribute, hexadecimal), and says that
  /// the key is a TPM's attestation key (tcg-kp-AIKCertificate).
  ///
  /// - Parameters:
  ///   - answer: what the TPM opened.
  ///   - at: Unix milliseconds.
  ///   - validity: milliseconds; cut at the end of the authority's own certificate.
  public func certify(
    _ pending: PendingEnrolment, answer: [UInt8], at: Int64, validity: Int64
  ) throws(EnrolmentFailure) -> Certificate {
    guard at <= pending.until else { throw .late(until: pending.until, at: at) }
    guard SHA256.hash(answer) == pending.answer else { throw .wrongAnswer }
    guard at >= certificate.notBefore, at < certificate.notAfter else {
      throw .authorityExpired(until: certificate.notAfter)
    }
    let subject = DistinguishedName([
      DistinguishedName.Attribute(type: .commonName, value: pending.request.name),
      DistinguishedName.Attribute(
        type: .serialNumberAttribute, value: Hex.encode(pending.request.attestationKey.name)),
    ])
    let attestationKey = pending.request.attestationKey.key
    return try Self.signing { () throws(CryptographyError) in
      let publicKey = try CertificateKey(spkiDER: attestationKey.spkiDER)
      return try CertificateDraft(
        serialNumber: CertificateDraft.randomSerialNumber(), subject: subject, publicKey: publicKey,
        notBefore: Self.second(at), notAfter: min(Self.second(at + validity), certificate.notAfter),
        extensions: [
          .basicConstraints(isAuthority: false), .keyUsage([.digitalSignature]),
          .extendedKeyUsage([.attestationKeyCertificate]), .subjectKeyIdentifier(of: publicKey),
          .authorityKeyIdentifier(of: certificate.publicKey),
        ]
      ).signed(by: .p256(key), issuer: certificate.subject)
    }
  }

  private static func check(name: String) throws(EnrolmentFailure) {
    do { try EnrolmentRequest.check(name: name) } catch { throw .field(error) }
  }

  private static func signing<Value>(
    _ body: () throws(CryptographyError) -> Value
  ) throws(EnrolmentFailure) -> Value {
    do { return try body() } catch { throw .signing(error) }
  }

  /// Certificates count whole seconds.
  private static func second(_ milliseconds: Int64) -> Int64 { milliseconds / 1000 * 1000 }
}
