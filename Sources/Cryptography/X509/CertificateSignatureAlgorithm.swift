/// How a certificate or revocation list is signed. There is no SHA-1.
public enum CertificateSignatureAlgorithm: Sendable, Hashable {
  /// RFC 5758 section 3.2.
  case ecdsa(DigestAlgorithm)
  /// RSASSA-PKCS1-v1_5 (RFC 4055 section 5).
  case rsaPKCS1(DigestAlgorithm)
  /// RSASSA-PSS with MGF1 over the same hash and a salt as long as the digest (RFC 4055 section 3.1).
  case rsaPSS(DigestAlgorithm)

  private static let ecdsa: [OID: DigestAlgorithm] = [
    OID(1, 2, 840, 10045, 4, 3, 2): .sha256, OID(1, 2, 840, 10045, 4, 3, 3): .sha384,
    OID(1, 2, 840, 10045, 4, 3, 4): .sha512,
  ]
  private static let pkcs1: [OID: DigestAlgorithm] = [
    OID(1, 2, 840, 113549, 1, 1, 11): .sha256, OID(1, 2, 840, 113549, 1, 1, 12): .sha384,
    OID(1, 2, 840, 113549, 1, 1, 13): .sha512,
  ]
  private static let pss = OID(1, 2, 840, 113549, 1, 1, 10)
  private static let mgf1 = OID(1, 2, 840, 113549, 1, 1, 8)
  private static let digests: [OID: DigestAlgorithm] = [
    OID(2, 16, 840, 1, 101, 3, 4, 2, 1): .sha256, OID(2, 16, 840, 1, 101, 3, 4, 2, 2): .sha384,
    OID(2, 16, 840, 1, 101, 3, 4, 2, 3): .sha512,
  ]

  /// Reads the content of an AlgorithmIdentifier, with exactly the parameters that the algorithm prescribes.
  init(_ reader: inout DERReader) throws(CryptographyError) {
    let identifier = try reader.objectIdentifier("algorithm")
    if let hash = Self.ecdsa[identifier] {
      self = .ecdsa(hash)
    } else if let hash = Self.pkcs1[identifier] {
      try reader.null("parameters")
      self = .rsaPKCS1(hash)
    } else if identifier == Self.pss {
      self = .rsaPSS(try Self.pssHash(&reader))
    } else {
      throw reader.malformed("algorithm", "\(identifier) is no signature algorithm that is accepted")
    }
    try reader.finish()
  }

  /// RSASSA-PSS-params (RFC 4055 section 3.1). Its defaults are SHA-1, so hash, mask and salt must be written out.
  private static func pssHash(_ reader: inout DERReader) throws(CryptographyError) -> DigestAlgorithm {
    var parameters = try reader.sequence("parameters")
    var field = try parameters.constructed(.context(0, constructed: true), "hash")
    let hash = try digest(&field, "hash")
    try field.finish()
    field = try parameters.constructed(.context(1, constructed: true), "mask")
    var mask = try field.sequence("mask")
    guard try mask.objectIdentifier("algorithm") == mgf1 else { throw mask.malformed("algorithm", "is not MGF1") }
    guard try digest(&mask, "hash") == hash else { throw mask.malformed("hash", "is not the hash of the message") }
    try mask.finish()
    try field.finish()
    field = try parameters.constructed(.context(2, constructed: true), "salt")
    _ = try field.integer("length", in: Int64(hash.byteCount)...Int64(hash.byteCount))
    try field.finish()
    // AMD writes out the default of the trailer, which DER would leave out; it changes nothing.
    if var field = try parameters.optionalExplicit(3, "trailer") {
      _ = try field.integer("field", in: 1...1)
      try field.finish()
    }
    try parameters.finish()
    return hash
  }

  /// The parameters of a hash are NULL or absent (RFC 4055 section 2.1).
  private static func digest(_ reader: inout DERReader, _ field: String) throws(CryptographyError) -> DigestAlgorithm {
    var algorithm = try reader.sequence(field)
    let identifier = try algorithm.objectIdentifier("algorithm")
    guard let hash = digests[identifier] else {
      throw algorithm.malformed("algorithm", "\(identifier) is no hash that is accepted")
    }
    if !algorithm.isAtEnd { try algorithm.null("parameters") }
    try algorithm.finish()
    return hash
  }

  /// The AlgorithmIdentifier, in DER.
  public var der: [UInt8] {
    switch self {
    case .ecdsa(let hash): DERWriter.sequence(Self.identifier(of: hash, in: Self.ecdsa))
    case .rsaPKCS1(let hash): DERWriter.sequence(Self.identifier(of: hash, in: Self.pkcs1), DERWriter.null)
    case .rsaPSS(let hash):
      DERWriter.sequence(DERWriter.objectIdentifier(Self.pss), Self.pssParameters(hash))
    }
  }

  private static func pssParameters(_ hash: DigestAlgorithm) -> [UInt8] {
    let digest = DERWriter.sequence(identifier(of: hash, in: digests), DERWriter.null)
    return DERWriter.sequence(
      DERWriter.element(0xA0, digest),
      DERWriter.element(0xA1, DERWriter.sequence(DERWriter.objectIdentifier(mgf1), digest)),
      DERWriter.element(0xA2, DERWriter.integer([UInt8(hash.byteCount)])))
  }

  /// Each table names every hash.
  private static func identifier(of hash: DigestAlgorithm, in table: [OID: DigestAlgorithm]) -> [UInt8] {
    table.first { $0.value == hash }.map { DERWriter.objectIdentifier($0.key) } ?? []
  }
}
