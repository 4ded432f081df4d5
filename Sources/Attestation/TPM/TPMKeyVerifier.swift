import CanonicalJSON
public import Cryptography

extension CheckID {
  static let tpmKeyRevocation = CheckID("tpm.ak-revocation", "The attestation key was not revoked")
}

extension OID {
  /// tcg-kp-AIKCertificate: the key is one with which a TPM signs what it composed itself (TCG Credential Profiles).
  public static let attestationKeyCertificate = OID(2, 23, 133, 8, 3)
  /// tcg-kp-EKCertificate: the key is the endorsement key of a TPM.
  public static let endorsementKeyCertificate = OID(2, 23, 133, 8, 1)
}

/// Whose is an attestation key, and can it sign anything but quotes? A quote is worth what its key is.
public enum TPMKeyVerifier {
  /// What an attestation key must be, by the TPM's own account in its public area: made inside, never to leave, and signing
  /// nothing that its TPM did not compose. Without `restricted`, root could have it sign a quote of any values.
  static let needed: TPMObjectAttributes = [.fixedTPM, .fixedParent, .sensitiveDataOrigin, .restricted, .sign]

  /// Demands and makes `tpm.ak-attributes`.
  @discardableResult
  public static func verifyAttributes(of key: TPMTPublic, into checks: inout CheckList) -> Bool {
    checks.demand([.tpmKeyAttributes])
    let attributes = key.attributes
    return checks.require(
      .tpmKeyAttributes, attributes.isSuperset(of: needed) && attributes.isDisjoint(with: .decrypt),
      expected: needed.names.joined(separator: ", ") + ", not decrypt",
      actual: attributes.names.joined(separator: ", "))
  }

  /// Demands and makes `tpm.ak-trust`, and limits the result to the validity of the certificates that were relied on.
  ///
  /// - Parameters:
  ///   - name: ``TPMTPublic/name``, by which keys are enrolled; nil where only the bare key is known.
  ///   - certificates: the key's certificate first, then any intermediates, DER; may be empty.
  ///   - purpose: which of the context's anchors may vouch.
  ///   - keyPurpose: what the certificate must say that its key is for; nil where that vendor's certificates say nothing.
  ///   - knownCriticalExtensions: critical extensions that the caller itself checks.
  ///   - published: what completes a path that was handed over without it, and gives no trust.
  ///   - exactPath: whether certificates that are not of the path are refused, as where all of them came with the evidence.
  /// - Returns: What the anchor, or the enrolment, says of the hardware.
  public static func verifyTrust(
    of key: TPMPublicKey, name: [UInt8]?, certificates: [[UInt8]], purpose: TrustAnchor.Purpose,
    published: [Certificate] = [], keyPurpose: OID? = .attestationKeyCertificate,
    knownCriticalExtensions: Set<OID> = [], exactPath: Bool = false, in context: VerificationContext,
    into checks: inout CheckList
  ) -> Assurance? {
    checks.demand([.tpmKeyTrust])
    if let name, let assurance = context.anchors.enrolled[name] {
      checks.pass(.tpmKeyTrust, "enrolled: \(Hex.encode(name))")
      checks.notApplicable(.tpmKeyRevocation, "the key is enrolled, and the policy that enrols it can leave it out")
      return assurance
    }
    guard !certificates.isEmpty else {
      checks.fail(
        .tpmKeyTrust, expected: "a certificate of a trusted issuer, or an enrolled key",
        actual: name.map { "no certificate, not enrolled: \(Hex.encode($0))" } ?? "a bare key without a certificate")
      return nil
    }
    do throws(TrustFault) {
      let trust = try path(
        of: key, certificates, published, purpose, keyPurpose, knownCriticalExtensions, context)
      // Nothing would have been said of a certificate that is shown beside the path.
      if exactPath, let stray = certificates.first(where: { !trust.path.chain.map(\.der).contains($0) }) {
        throw TrustFault(expected: "certificates of the path only", actual: "another, \(SHA256.hash(stray))")
      }
      checks.pass(.tpmKeyTrust, "\(trust.path.chain.map(\.subject.description).joined(separator: " <- "))")
      checks.limit(until: trust.path.deadline)
      checks.notPerformed(.tpmKeyRevocation, "makers of TPMs publish no lists that evidence could carry")
      return trust.anchor.assurance
    } catch {
      checks.fail(.tpmKeyTrust, expected: error.expected, actual: error.actual)
      return nil
    }
  }

  struct TrustFault: Error {
    let expected: String
    let actual: String
  }

  /// The path of a certificate that is about this very key and for this very purpose.
  private static func path(
    of key: TPMPublicKey, _ certificates: [[UInt8]], _ published: [Certificate], _ purpose: TrustAnchor.Purpose,
    _ keyPurpose: OID?, _ known: Set<OID>, _ context: VerificationContext
  ) throws(TrustFault) -> (path: VerifiedPath, anchor: TrustAnchor) {
    let leaf: Certificate
    let intermediates: [Certificate]
    let path: VerifiedPath
    do throws(CryptographyError) {
      leaf = try Certificate(der: certificates[0])
      intermediates = try certificates.dropFirst().map { der throws(CryptographyError) in try Certificate(der: der) }
    } catch {
      throw TrustFault(expected: "certificates", actual: error.description)
    }
    guard leaf.publicKey.spkiDER == key.spkiDER else {
      throw TrustFault(
        expected: "a certificate of the key \(SHA256.hash(key.spkiDER))",
        actual: "one of the key \(SHA256.hash(leaf.publicKey.spkiDER))")
    }
    if let keyPurpose, !(leaf.extendedKeyUsage ?? []).contains(keyPurpose) {
      throw TrustFault(
        expected: "a certificate for \(keyPurpose)",
        actual: leaf.extendedKeyUsage?.map(\.description).joined(separator: ", ") ?? "for no purpose")
    }
    // The names of a TPM's certificate stand in its alternative names, critical where the subject is empty
    // (TCG EK Credential Profile 2.5, section 3.1); what is verified here is the key, under whatever name.
    let anchors = context.anchors.anchors(for: purpose)
    do throws(PathFault) {
      path = try CertificatePath.verify(
        leaf: leaf, intermediates: intermediates + published, anchors: anchors.map(\.certificate), at: context.at,
        knownCriticalExtensions: known.union([.subjectAlternativeName, .extendedKeyUsage]))
    } catch {
      throw TrustFault(expected: error.expected, actual: error.actual)
    }
    guard let anchor = anchors.first(where: { $0.certificate == path.anchor }) else {
      throw TrustFault(expected: "an anchor", actual: "none")
    }
    return (path, anchor)
  }
}
