/// One extension (RFC 5280 section 4.2).
public struct CertificateExtension: Sendable, Hashable {
  public let identifier: OID
  /// Whoever does not understand it must refuse the certificate.
  public let isCritical: Bool
  public let value: [UInt8]
}

/// What a key may do with other keys (RFC 5280 section 4.2.1.9).
public struct BasicConstraints: Sendable, Hashable {
  public let isAuthority: Bool
  /// How many intermediate certificates, those that name themselves not counted, may stand below; nil for any number.
  public let pathLength: Int?
}

/// What a key may be used for (RFC 5280 section 4.2.1.3).
public struct KeyUsage: OptionSet, Sendable, Hashable, CustomStringConvertible {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let digitalSignature = KeyUsage(rawValue: 1 << 0)
  public static let contentCommitment = KeyUsage(rawValue: 1 << 1)
  public static let keyEncipherment = KeyUsage(rawValue: 1 << 2)
  public static let dataEncipherment = KeyUsage(rawValue: 1 << 3)
  public static let keyAgreement = KeyUsage(rawValue: 1 << 4)
  public static let keyCertSign = KeyUsage(rawValue: 1 << 5)
  public static let crlSign = KeyUsage(rawValue: 1 << 6)
  public static let encipherOnly = KeyUsage(rawValue: 1 << 7)
  public static let decipherOnly = KeyUsage(rawValue: 1 << 8)

  private static let names = [
    "digitalSignature", "contentCommitment", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign",
    "cRLSign", "encipherOnly", "decipherOnly",
  ]

  public var description: String {
    Self.names.enumerated().filter { contains(KeyUsage(rawValue: 1 << UInt32($0.offset))) }.map(\.element)
      .joined(separator: ", ")
  }
}

/// The extensions of a certificate or revocation list, in order, each at most once. Those that this program understands are
/// read when the certificate is, so a malformed one never goes unseen.
public struct CertificateExtensions: Sendable, Hashable {
  public static let maxCount = 64

  public let all: [CertificateExtension]
  public let basicConstraints: BasicConstraints?
  public let keyUsage: KeyUsage?
  public let extendedKeyUsage: [OID]?
  public let subjectKeyIdentifier: [UInt8]?
  /// The key identifier of the authority key identifier.
  public let authorityKeyIdentifier: [UInt8]?

  public subscript(identifier: OID) -> CertificateExtension? { all.first { $0.identifier == identifier } }

  /// None.
  init() {
    all = []
    (basicConstraints, keyUsage, extendedKeyUsage) = (nil, nil, nil)
    (subjectKeyIdentifier, authorityKeyIdentifier) = (nil, nil)
  }

  /// Reads `SEQUENCE SIZE (1..MAX) OF Extension`.
  init(_ reader: inout DERReader, _ field: String) throws(CryptographyError) {
    var list = try reader.sequence(field)
    var all: [CertificateExtension] = []
    repeat {
      var fields = try list.sequence("extension")
      let identifier = try fields.objectIdentifier("identifier")
      let isCritical = try fields.optionalTrue("critical")
      let value = try fields.octetString("value")
      try fields.finish()
      guard !all.contains(where: { $0.identifier == identifier }) else {
        throw list.malformed("extension", "\(identifier) appears twice")
      }
      guard all.count < Self.maxCount else { throw list.malformed("extension", "more than \(Self.maxCount)") }
      all.append(CertificateExtension(identifier: identifier, isCritical: isCritical, value: value))
    } while !list.isAtEnd
    self.all = all
    basicConstraints = try Self.read(all, .basicConstraints, "basicConstraints", Self.basicConstraints)
    keyUsage = try Self.read(all, .keyUsage, "keyUsage", Self.keyUsage)
    extendedKeyUsage = try Self.read(all, .extendedKeyUsage, "extendedKeyUsage", Self.extendedKeyUsage)
    subjectKeyIdentifier = try Self.read(all, .subjectKeyIdentifier, "subjectKeyIdentifier") {
      (reader) throws(CryptographyError) in try reader.octetString("identifier")
    }
    authorityKeyIdentifier =
      try Self.read(all, .authorityKeyIdentifier, "authorityKeyIdentifier", Self.authorityKeyIdentifier) ?? nil
  }

  private static func read<Value>(
    _ all: [CertificateExtension], _ identifier: OID, _ name: String,
    _ body: (inout DERReader) throws(CryptographyError) -> Value
  ) throws(CryptographyError) -> Value? {
    guard let found = all.first(where: { $0.identifier == identifier }) else { return nil }
    var reader = try DERReader(found.value, path: name)
    let value = try body(&reader)
    try reader.finish()
    return value
  }

  private static func basicConstraints(_ reader: inout DERReader) throws(CryptographyError) -> BasicConstraints {
    var fields = try reader.sequence("fields")
    let isAuthority = try fields.optionalTrue("cA")
    var pathLength: Int?
    if fields.peekTag == .integer {
      guard isAuthority else { throw fields.malformed("pathLength", "of what is no authority") }
      pathLength = Int(try fields.integer("pathLength", in: 0...255))
    }
    try fields.finish()
    return BasicConstraints(isAuthority: isAuthority, pathLength: pathLength)
  }

  private static func keyUsage(_ reader: inout DERReader) throws(CryptographyError) -> KeyUsage {
    let bits = try reader.namedBits("bits")
    guard bits != 0, bits >> 9 == 0 else { throw reader.malformed("bits", "no usage, or one that is not defined") }
    return KeyUsage(rawValue: bits)
  }

  private static func extendedKeyUsage(_ reader: inout DERReader) throws(CryptographyError) -> [OID] {
    var list = try reader.sequence("purposes")
    var purposes: [OID] = []
    repeat {
      purposes.append(try list.objectIdentifier("purpose"))
      guard purposes.count <= 32 else { throw list.malformed("purpose", "more than 32") }
    } while !list.isAtEnd
    return purposes
  }

  /// RFC 5280 section 4.2.1.1; the issuer and serial number that may stand beside the key identifier are passed over: who
  /// signed is decided by the signature.
  private static func authorityKeyIdentifier(_ reader: inout DERReader) throws(CryptographyError) -> [UInt8]? {
    var fields = try reader.sequence("fields")
    var identifier: [UInt8]?
    if fields.peekTag == .context(0, constructed: false) {
      identifier = [UInt8](try fields.element(.context(0, constructed: false), "keyIdentifier"))
    }
    if fields.peekTag == .context(1, constructed: true) {
      _ = try fields.element(.context(1, constructed: true), "authorityCertIssuer")
      _ = try fields.element(.context(2, constructed: false), "authorityCertSerialNumber")
    }
    try fields.finish()
    return identifier
  }
}

extension OID {
  public static let subjectKeyIdentifier = OID(2, 5, 29, 14)
  public static let keyUsage = OID(2, 5, 29, 15)
  public static let subjectAlternativeName = OID(2, 5, 29, 17)
  public static let basicConstraints = OID(2, 5, 29, 19)
  public static let crlNumber = OID(2, 5, 29, 20)
  public static let authorityKeyIdentifier = OID(2, 5, 29, 35)
  public static let extendedKeyUsage = OID(2, 5, 29, 37)
}
