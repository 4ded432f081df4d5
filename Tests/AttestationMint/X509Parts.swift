public import Cryptography

/// The fields of a certificate as encoded bytes, so that a test can break one of them and sign what comes out.
public struct X509Parts: Sendable {
  public var version: [UInt8] = DERWriter.element(0xA0, DERWriter.integer([2]))
  public var serialNumber: [UInt8] = DERWriter.integer([7])
  public var innerAlgorithm: [UInt8]
  public var issuer: [UInt8]
  public var validity: [UInt8]
  public var subject: [UInt8] = DistinguishedName(commonName: "Leaf").der
  public var publicKey: [UInt8]
  public var uniqueIdentifiers: [UInt8] = []
  public var extensions: [[UInt8]]
  public var outerAlgorithm: [UInt8]
  /// The whole of `[3]`, in the place of `extensions`.
  public var extensionField: [UInt8]?
  /// Bits of the signature's last byte that do not belong to it.
  public var unusedBits: UInt8 = 0
  /// After the signature, inside the outer sequence.
  public var tail: [UInt8] = []

  public init(issuer: CertificateMint, publicKey: CertificateKey) throws {
    innerAlgorithm = issuer.key.algorithm.der
    outerAlgorithm = issuer.key.algorithm.der
    self.issuer = issuer.certificate.subject.der
    validity = DERWriter.sequence(
      try DERWriter.time(CertificateMint.notBefore / 1000), try DERWriter.time(CertificateMint.notAfter / 1000))
    self.publicKey = publicKey.spkiDER
    extensions = [
      CertificateExtension.basicConstraints(isAuthority: false).der,
      CertificateExtension.keyUsage(.digitalSignature).der,
    ]
  }

  /// DER of the certificate, with the signature over whatever the fields are.
  public func signed(by key: CertificateSigningKey) throws -> [UInt8] {
    let list = extensionField ?? DERWriter.element(0xA3, DERWriter.element(0x30, extensions.flatMap { $0 }))
    let tbs = DERWriter.sequence(
      version, serialNumber, innerAlgorithm, issuer, validity, subject, publicKey, uniqueIdentifiers, list)
    let signature = DERWriter.element(0x03, [unusedBits] + (try key.sign(tbs)))
    return DERWriter.sequence(tbs, outerAlgorithm, signature, tail)
  }
}
