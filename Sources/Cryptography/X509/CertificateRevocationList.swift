/// A list of revoked certificates (RFC 5280 section 5), read strictly: complete lists of one issuer only. Partial and
/// indirect lists mark themselves by critical extensions, and any critical extension is refused.
///
/// Limits: version 2 only, 1 MiB, 32768 entries; the next update must be named.
public struct CertificateRevocationList: Sendable, Hashable {
  public static let maxBytes = 1 << 20
  public static let maxEntries = 32768

  public let der: [UInt8]
  public let tbs: [UInt8]
  public let signatureAlgorithm: CertificateSignatureAlgorithm
  public let signature: [UInt8]
  public let issuer: DistinguishedName
  /// Unix milliseconds.
  public let thisUpdate: Int64
  /// Until when the list holds, Unix milliseconds.
  public let nextUpdate: Int64
  public let extensions: CertificateExtensions
  /// The number of the list (RFC 5280 section 5.2.3), big-endian.
  public let number: [UInt8]?
  private let serialNumbers: Set<[UInt8]>

  public static func == (left: Self, right: Self) -> Bool { left.der == right.der }
  public func hash(into hasher: inout Hasher) { hasher.combine(der) }

  /// Reads one list and nothing after it.
  public init(der bytes: [UInt8]) throws(CryptographyError) {
    guard bytes.count <= Self.maxBytes else {
      throw .wrongLength(of: "revocation list", expected: "at most \(Self.maxBytes)", actual: bytes.count)
    }
    var document = try DERReader(bytes, path: "revocationList")
    var signed = try SignedStructure(&document)
    try document.finish()
    der = bytes
    tbs = signed.tbs
    signature = signed.signature
    signatureAlgorithm = signed.algorithm

    _ = try signed.fields.integer("version", in: 1...1)
    try signed.readAlgorithm()
    issuer = try DistinguishedName(&signed.fields, "issuer")
    guard !issuer.isEmpty else { throw .malformed("revocationList.issuer", reason: "names nobody") }
    thisUpdate = try signed.fields.time("thisUpdate")
    guard signed.fields.peekTag == .utcTime || signed.fields.peekTag == .generalizedTime else {
      throw .malformed("revocationList.nextUpdate", reason: "is missing")
    }
    nextUpdate = try signed.fields.time("nextUpdate")
    guard thisUpdate <= nextUpdate else { throw .malformed("revocationList.nextUpdate", reason: "is before this one") }
    serialNumbers = try Self.entries(&signed.fields)
    if var field = try signed.fields.optionalExplicit(0, "extensions") {
      extensions = try CertificateExtensions(&field, "list")
      try field.finish()
    } else {
      extensions = CertificateExtensions()
    }
    try signed.fields.finish()
    if let critical = extensions.all.first(where: \.isCritical) {
      throw .malformed("revocationList.extensions", reason: "\(critical.identifier) is critical and not understood")
    }
    if let value = extensions[.crlNumber]?.value {
      var reader = try DERReader(value, path: "cRLNumber")
      number = try reader.integer("number", maxBytes: 20)
      try reader.finish()
    } else {
      number = nil
    }
  }

  /// Reads one `X509 CRL` block (RFC 7468 section 6).
  public init(pem: String) throws(CryptographyError) {
    guard pem.utf8.count <= Self.maxBytes * 2 else {
      throw .wrongLength(of: "PEM", expected: "at most \(Self.maxBytes * 2)", actual: pem.utf8.count)
    }
    try self.init(der: PEM.decode(pem, label: "X509 CRL"))
  }

  /// The entries that may be left out where there are none; an empty list of them is not DER's way to say so.
  private static func entries(_ fields: inout DERReader) throws(CryptographyError) -> Set<[UInt8]> {
    guard fields.peekTag == .sequence else { return [] }
    var list = try fields.sequence("revoked")
    var serialNumbers: Set<[UInt8]> = []
    var count = 0
    repeat {
      var entry = try list.sequence("entry")
      serialNumbers.insert(try entry.integer("serialNumber", maxBytes: 20))
      _ = try entry.time("date")
      if !entry.isAtEnd {
        let extensions = try CertificateExtensions(&entry, "extensions")
        // It would name another issuer for this entry and those after it.
        if let critical = extensions.all.first(where: \.isCritical) {
          throw entry.malformed("extensions", "\(critical.identifier) is critical and not understood")
        }
      }
      try entry.finish()
      count += 1
      guard count <= maxEntries else { throw list.malformed("entry", "more than \(maxEntries)") }
    } while !list.isAtEnd
    return serialNumbers
  }

  /// How many serial numbers are revoked.
  public var count: Int { serialNumbers.count }

  /// Whether the issuer has revoked this serial number (as ``Certificate/serialNumber`` writes it).
  public func contains(_ serialNumber: [UInt8]) -> Bool { serialNumbers.contains(serialNumber) }

  /// Whether the key of a certificate has signed the list. Says nothing of whether it may.
  public func isSigned(by issuer: Certificate) -> Bool {
    issuer.publicKey.isValid(signature, for: tbs, by: signatureAlgorithm)
  }

  /// Holds the list against its issuer, whose own certificate the caller has verified, and against the time (Unix
  /// milliseconds). Returns until when it holds.
  @discardableResult
  public func verify(issuer certificate: Certificate, at: Int64) throws(PathFault) -> Int64 {
    guard issuer == certificate.subject else {
      throw .noIssuer(of: "the revocation list", issuer: issuer.description)
    }
    guard certificate.keyUsage?.contains(.crlSign) ?? true else {
      throw .keyUsage(certificate.subject.description, missing: .crlSign)
    }
    guard isSigned(by: certificate) else {
      throw .invalidSignature(of: "the revocation list", issuer: certificate.subject.description)
    }
    guard at >= thisUpdate else { throw .notYetValid("the revocation list", from: thisUpdate, at: at) }
    guard at <= nextUpdate else { throw .expired("the revocation list", until: nextUpdate, at: at) }
    return nextUpdate
  }
}
