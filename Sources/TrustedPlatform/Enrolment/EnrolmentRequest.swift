public import Attestation
public import Cryptography

/// What a box shows to have its attestation key certified. Everything in it is the box's word until it is verified.
public struct EnrolmentRequest: Sendable {
  /// What the box is to be called in the certificate.
  public let name: String
  public let endorsementKey: TPMTPublic
  /// The maker's certificate of the endorsement key first, then intermediates.
  public let endorsementCertificates: [Certificate]
  public let attestationKey: TPMTPublic

  public init(
    name: String, endorsementKey: TPMTPublic, endorsementCertificates: [Certificate], attestationKey: TPMTPublic
  ) {
    self.name = name
    self.endorsementKey = endorsementKey
    self.endorsementCertificates = endorsementCertificates
    self.attestationKey = attestationKey
  }

  /// A maker in `roots` vouches for exactly this endorsement key, and for nothing but an endorsement key.
  func verifyEndorsement(roots: [Certificate], at: Int64) throws(EnrolmentFailure) {
    guard let leaf = endorsementCertificates.first else { throw .noEndorsementCertificate }
    guard endorsementCertificates.count <= AttestationAuthority.Limits.intermediates + 1 else {
      throw .tooManyCertificates(
        limit: AttestationAuthority.Limits.intermediates + 1, actual: endorsementCertificates.count)
    }
    // Without this, anybody's genuine certificate would do for a key of one's own.
    guard leaf.publicKey.spkiDER == endorsementKey.key.spkiDER else { throw .otherEndorsementKey }
    // The maker's certificate of a platform or of another attestation key is no endorsement (EK Credential Profile, 3.2.16).
    guard leaf.extendedKeyUsage?.contains(.endorsementKeyCertificate) == true else { throw .notForEndorsement }
    let usage: KeyUsage
    switch endorsementKey.key {
    case .rsa: usage = .keyEncipherment
    case .p256, .p384: usage = .keyAgreement
    }
    do throws(PathFault) {
      _ = try CertificatePath.verify(
        leaf: leaf, intermediates: Array(endorsementCertificates.dropFirst()), anchors: roots, at: at,
        // The TPM's model stands in critical alternative names; it is not compared with anything.
        knownCriticalExtensions: [.subjectAlternativeName, .extendedKeyUsage], leafUsage: usage)
    } catch { throw .endorsementPath(error) }
  }

  /// A TPM answers a challenge for any key that it holds, also for one that signs whatever it is given.
  func verifyAttestationKey() throws(EnrolmentFailure) {
    var checks = CheckList()
    guard TPMKeyVerifier.verifyAttributes(of: attestationKey, into: &checks) else {
      throw .notAttestationKey(attributes: attestationKey.attributes.names)
    }
  }
}
