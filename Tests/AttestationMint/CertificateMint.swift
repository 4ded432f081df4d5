public import Cryptography

/// An authority of tests, and what it signs. All of it is valid from 2024 to 2034 unless the caller says otherwise.
public struct CertificateMint: Sendable {
  /// 2024-01-01 00:00:00 UTC, Unix milliseconds.
  public static let notBefore: Int64 = 1_704_067_200_000
  /// 2034-01-01 00:00:00 UTC, Unix milliseconds.
  public static let notAfter: Int64 = 2_019_686_400_000

  public let certificate: Certificate
  public let key: CertificateSigningKey

  public init(certificate: Certificate, key: CertificateSigningKey) {
    self.certificate = certificate
    self.key = key
  }

  /// An authority that signs for itself.
  public static func root(
    _ name: String, key: CertificateSigningKey, serialNumber: [UInt8] = [1], pathLength: UInt8? = nil,
    notAfter: Int64 = notAfter
  ) throws -> CertificateMint {
    let subject = DistinguishedName(commonName: name)
    let draft = CertificateDraft(
      serialNumber: serialNumber, subject: subject, publicKey: key.publicKey, notBefore: notBefore, notAfter: notAfter,
      extensions: Self.authorityExtensions(key.publicKey, pathLength))
    return CertificateMint(certificate: try draft.signed(by: key, issuer: subject), key: key)
  }

  /// An authority below this one.
  public func authority(
    _ name: String, key: CertificateSigningKey, serialNumber: [UInt8] = [2], pathLength: UInt8? = nil,
    notAfter: Int64 = notAfter
  ) throws -> CertificateMint {
    let extensions =
      Self.authorityExtensions(key.publicKey, pathLength) + [.authorityKeyIdentifier(of: self.key.publicKey)]
    let certificate = try sign(
      CertificateDraft(
        serialNumber: serialNumber, subject: DistinguishedName(commonName: name), publicKey: key.publicKey,
        notBefore: Self.notBefore, notAfter: notAfter, extensions: extensions))
    return CertificateMint(certificate: certificate, key: key)
  }

  /// A certificate of a key that signs, below this authority. `extensions` come after those that say so.
  public func leaf(
    _ name: String, publicKey: CertificateKey, serialNumber: [UInt8] = [3], usage: KeyUsage? = .digitalSignature,
    extensions: [CertificateExtension] = [], notAfter: Int64 = notAfter
  ) throws -> Certificate {
    let constraints: [CertificateExtension] =
      [.basicConstraints(isAuthority: false)] + (usage.map { [.keyUsage($0)] } ?? [])
    return try sign(
      CertificateDraft(
        serialNumber: serialNumber, subject: DistinguishedName(commonName: name), publicKey: publicKey,
        notBefore: Self.notBefore, notAfter: notAfter, extensions: constraints + extensions))
  }

  /// Any certificate below this authority.
  public func sign(_ draft: CertificateDraft) throws -> Certificate {
    try draft.signed(by: key, issuer: certificate.subject)
  }

  /// A revocation list of this authority.
  public func revocationList(
    revoking serialNumbers: [[UInt8]] = [], thisUpdate: Int64 = notBefore, nextUpdate: Int64 = notAfter,
    number: UInt8 = 1, extensions: [CertificateExtension] = []
  ) throws -> CertificateRevocationList {
    let date = try DERWriter.time(thisUpdate / 1000)
    let entries = serialNumbers.flatMap { DERWriter.sequence(DERWriter.integer($0), date) }
    let list =
      [CertificateExtension(.crlNumber, isCritical: false, value: DERWriter.integer([number]))] + extensions
    let tbs = DERWriter.sequence(
      DERWriter.integer([1]), key.algorithm.der, certificate.subject.der, date,
      try DERWriter.time(nextUpdate / 1000), entries.isEmpty ? [] : DERWriter.element(0x30, entries),
      DERWriter.element(0xA0, DERWriter.element(0x30, list.flatMap(\.der))))
    let signature = DERWriter.bitString(try key.sign(tbs))
    return try CertificateRevocationList(der: DERWriter.sequence(tbs, key.algorithm.der, signature))
  }

  private static func authorityExtensions(_ key: CertificateKey, _ pathLength: UInt8?) -> [CertificateExtension] {
    [
      .basicConstraints(isAuthority: true, pathLength: pathLength), .keyUsage([.keyCertSign, .crlSign]),
      .subjectKeyIdentifier(of: key),
    ]
  }
}
