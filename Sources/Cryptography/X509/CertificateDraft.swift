/// A key that signs certificates, with the scheme that it uses.
public enum CertificateSigningKey: Sendable {
  /// ECDSA with SHA-256.
  case p256(P256.PrivateKey)
  /// ECDSA with SHA-384.
  case p384(P384.PrivateKey)
  case rsaPKCS1(RSA.PrivateKey, DigestAlgorithm)
  case rsaPSS(RSA.PrivateKey, DigestAlgorithm)

  public var publicKey: CertificateKey {
    switch self {
    case .p256(let key): .p256(key.publicKey)
    case .p384(let key): .p384(key.publicKey)
    case .rsaPKCS1(let key, _), .rsaPSS(let key, _): .rsa(key.publicKey)
    }
  }

  public var algorithm: CertificateSignatureAlgorithm {
    switch self {
    case .p256: .ecdsa(.sha256)
    case .p384: .ecdsa(.sha384)
    case .rsaPKCS1(_, let hash): .rsaPKCS1(hash)
    case .rsaPSS(_, let hash): .rsaPSS(hash)
    }
  }

  /// The signature in the encoding that certificates use.
  public func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
    switch self {
    case .p256(let key): try key.sign(message).der
    case .p384(let key): try key.sign(message, hash: .sha384).der
    case .rsaPKCS1(let key, let hash): try key.signPKCS1(message, hash: hash)
    case .rsaPSS(let key, let hash): try key.signPSS(message, hash: hash)
    }
  }
}

/// A certificate before it is signed: what an authority of our own vouches for.
public struct CertificateDraft: Sendable {
  /// Big-endian, at most 20 bytes.
  public var serialNumber: [UInt8]
  public var subject: DistinguishedName
  public var publicKey: CertificateKey
  /// Unix milliseconds, whole seconds of the years 1950 to 9999.
  public var notBefore: Int64
  /// Unix milliseconds, whole seconds of the years 1950 to 9999.
  public var notAfter: Int64
  public var extensions: [CertificateExtension]

  public init(
    serialNumber: [UInt8], subject: DistinguishedName, publicKey: CertificateKey, notBefore: Int64, notAfter: Int64,
    extensions: [CertificateExtension]
  ) {
    self.serialNumber = serialNumber
    self.subject = subject
    self.publicKey = publicKey
    self.notBefore = notBefore
    self.notAfter = notAfter
    self.extensions = extensions
  }

  /// An unpredictable serial number (RFC 5280 section 4.1.2.2): 16 bytes, positive.
  public static func randomSerialNumber() -> [UInt8] {
    [0x40 | SecureRandom.bytes(1)[0] & 0x3F] + SecureRandom.bytes(15)
  }

  /// The certificate that an issuer signs. Read back before it is returned, so nothing goes out that we would refuse.
  public func signed(
    by key: CertificateSigningKey, issuer: DistinguishedName
  ) throws(CryptographyError) -> Certificate {
    let list = extensions.flatMap(\.der)
    let tbs = DERWriter.sequence(
      DERWriter.element(0xA0, DERWriter.integer([2])),
      DERWriter.integer(serialNumber),
      key.algorithm.der,
      issuer.der,
      DERWriter.sequence(try DERWriter.time(notBefore / 1000), try DERWriter.time(notAfter / 1000)),
      subject.der,
      publicKey.spkiDER,
      list.isEmpty ? [] : DERWriter.element(0xA3, DERWriter.element(0x30, list)))
    let signature = try key.sign(tbs)
    return try Certificate(der: DERWriter.sequence(tbs, key.algorithm.der, DERWriter.bitString(signature)))
  }
}

extension CertificateExtension {
  public init(_ identifier: OID, isCritical: Bool, value: [UInt8]) {
    self.identifier = identifier
    self.isCritical = isCritical
    self.value = value
  }

  /// The encoding.
  public var der: [UInt8] {
    DERWriter.sequence(
      DERWriter.objectIdentifier(identifier), isCritical ? DERWriter.boolean(true) : [], DERWriter.octetString(value))
  }

  /// Critical, as RFC 5280 section 4.2.1.9 asks for authorities. `pathLength` is nil for any, and at most 127.
  public static func basicConstraints(isAuthority: Bool, pathLength: UInt8? = nil) -> CertificateExtension {
    CertificateExtension(
      .basicConstraints, isCritical: true,
      value: DERWriter.sequence(
        isAuthority ? DERWriter.boolean(true) : [], pathLength.map { DERWriter.integer([$0]) } ?? []))
  }

  /// Critical, as RFC 5280 section 4.2.1.3 recommends.
  public static func keyUsage(_ usage: KeyUsage) -> CertificateExtension {
    CertificateExtension(.keyUsage, isCritical: true, value: DERWriter.namedBits(usage.rawValue))
  }

  public static func extendedKeyUsage(_ purposes: [OID]) -> CertificateExtension {
    CertificateExtension(
      .extendedKeyUsage, isCritical: false,
      value: DERWriter.element(0x30, purposes.flatMap { DERWriter.objectIdentifier($0) }))
  }

  /// The first 20 bytes of the SHA-256 of the key (RFC 7093 section 2, method 1 over the whole SubjectPublicKeyInfo).
  public static func subjectKeyIdentifier(of key: CertificateKey) -> CertificateExtension {
    CertificateExtension(.subjectKeyIdentifier, isCritical: false, value: DERWriter.octetString(identifier(of: key)))
  }

  /// The same of the issuer's key.
  public static func authorityKeyIdentifier(of key: CertificateKey) -> CertificateExtension {
    CertificateExtension(
      .authorityKeyIdentifier, isCritical: false,
      value: DERWriter.sequence(DERWriter.element(0x80, identifier(of: key))))
  }

  private static func identifier(of key: CertificateKey) -> [UInt8] {
    [UInt8](SHA256.hash(key.spkiDER).bytes.prefix(20))
  }
}
