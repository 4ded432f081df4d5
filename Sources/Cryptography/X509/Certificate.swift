/// An X.509 certificate (RFC 5280), read strictly. Reading proves nothing: ``CertificatePath`` verifies.
///
/// Limits: version 3 only, 8 KiB, 64 extensions, a serial number of 20 bytes.
public struct Certificate: Sendable, Hashable {
  /// The greatest encoding, in bytes.
  public static let maxBytes = 8192
  /// How many certificates ``all(pem:)`` reads.
  public static let maxPEMBlocks = 16

  /// The encoding, as it came.
  public let der: [UInt8]
  /// What is signed.
  public let tbs: [UInt8]
  /// Big-endian, without leading zeros; zero is one zero byte. RFC 5280 asks for positive numbers, AMD signs with zero.
  public let serialNumber: [UInt8]
  public let signatureAlgorithm: CertificateSignatureAlgorithm
  public let signature: [UInt8]
  public let issuer: DistinguishedName
  public let subject: DistinguishedName
  /// The first moment of the validity, Unix milliseconds.
  public let notBefore: Int64
  /// The last moment of the validity, Unix milliseconds.
  public let notAfter: Int64
  public let publicKey: CertificateKey
  public let extensions: CertificateExtensions

  public static func == (left: Certificate, right: Certificate) -> Bool { left.der == right.der }
  public func hash(into hasher: inout Hasher) { hasher.combine(der) }

  /// Reads one certificate and nothing after it.
  public init(der bytes: [UInt8]) throws(CryptographyError) {
    guard bytes.count <= Self.maxBytes else {
      throw .wrongLength(of: "certificate", expected: "at most \(Self.maxBytes)", actual: bytes.count)
    }
    var document = try DERReader(bytes, path: "certificate")
    var signed = try SignedStructure(&document)
    try document.finish()
    der = bytes
    tbs = signed.tbs
    signature = signed.signature
    signatureAlgorithm = signed.algorithm

    guard var version = try signed.fields.optionalExplicit(0, "version") else {
      throw .malformed("certificate.version", reason: "is not 3")
    }
    _ = try version.integer("number", in: 2...2)
    try version.finish()
    serialNumber = try signed.fields.integer("serialNumber", maxBytes: 20)
    try signed.readAlgorithm()
    issuer = try DistinguishedName(&signed.fields, "issuer")
    guard !issuer.isEmpty else { throw .malformed("certificate.issuer", reason: "names nobody") }
    var validity = try signed.fields.sequence("validity")
    notBefore = try validity.time("notBefore")
    notAfter = try validity.time("notAfter")
    try validity.finish()
    guard notBefore <= notAfter else { throw .malformed("certificate.validity", reason: "ends before it begins") }
    subject = try DistinguishedName(&signed.fields, "subject")
    let key = try signed.fields.tagged(.sequence, "subjectPublicKeyInfo")
    publicKey = try CertificateKey(spkiDER: [UInt8](key.encoded))
    // The unique identifiers of version 2 may not be used (RFC 5280 section 4.1.2.8): what is left is [3].
    if var field = try signed.fields.optionalExplicit(3, "extensions") {
      extensions = try CertificateExtensions(&field, "list")
      try field.finish()
    } else {
      extensions = CertificateExtensions()
    }
    try signed.fields.finish()
    // Whoever has no name must be named where nobody can pass over it (RFC 5280 section 4.1.2.6).
    guard !subject.isEmpty || extensions[.subjectAlternativeName]?.isCritical == true else {
      throw .malformed("certificate.subject", reason: "names nobody")
    }
  }

  /// Reads the `CERTIFICATE` blocks of a text (RFC 7468), in order; at least one.
  public static func all(pem: String) throws(CryptographyError) -> [Certificate] {
    guard pem.utf8.count <= maxPEMBlocks * maxBytes * 2 else {
      throw .wrongLength(of: "PEM", expected: "at most \(maxPEMBlocks * maxBytes * 2)", actual: pem.utf8.count)
    }
    let blocks = try PEM.decodeAll(pem, label: "CERTIFICATE")
    guard (1...maxPEMBlocks).contains(blocks.count) else {
      throw .malformed("PEM", reason: "expected 1 to \(maxPEMBlocks) certificates, found \(blocks.count)")
    }
    var certificates: [Certificate] = []
    for block in blocks { certificates.append(try Certificate(der: block)) }
    return certificates
  }

  /// Whether the key of another certificate has signed this one. Says nothing of whether it may.
  public func isSigned(by issuer: Certificate) -> Bool {
    issuer.publicKey.isValid(signature, for: tbs, by: signatureAlgorithm)
  }

  /// The value of an extension, or nil where there is none.
  public func `extension`(_ identifier: OID) -> [UInt8]? { extensions[identifier]?.value }

  public var basicConstraints: BasicConstraints? { extensions.basicConstraints }
  public var keyUsage: KeyUsage? { extensions.keyUsage }
  public var extendedKeyUsage: [OID]? { extensions.extendedKeyUsage }
  public var subjectKeyIdentifier: [UInt8]? { extensions.subjectKeyIdentifier }
  public var authorityKeyIdentifier: [UInt8]? { extensions.authorityKeyIdentifier }

  /// Whether it names itself as its issuer.
  public var isSelfIssued: Bool { subject == issuer }
}

/// `SEQUENCE { tbs, algorithm, signature }`: what certificates and revocation lists have in common.
struct SignedStructure {
  let tbs: [UInt8]
  let algorithm: CertificateSignatureAlgorithm
  let signature: [UInt8]
  /// The fields of what is signed.
  var fields: DERReader
  private let algorithmBytes: ArraySlice<UInt8>

  init(_ document: inout DERReader) throws(CryptographyError) {
    var outer = try document.sequence("signed")
    let body = try outer.tagged(.sequence, "tbs")
    let identifier = try outer.tagged(.sequence, "signatureAlgorithm")
    signature = try outer.bitString("signature")
    try outer.finish()
    tbs = [UInt8](body.encoded)
    fields = try document.inner(body.content, "tbs")
    algorithmBytes = identifier.encoded
    var reader = try outer.inner(identifier.content, "signatureAlgorithm")
    algorithm = try CertificateSignatureAlgorithm(&reader)
  }

  /// The algorithm inside what is signed, which must be the one outside: else somebody could restate how it was signed.
  mutating func readAlgorithm() throws(CryptographyError) {
    guard try fields.tagged(.sequence, "signature").encoded == algorithmBytes else {
      throw fields.malformed("signature", "is not the algorithm of the signature")
    }
  }
}
