import Cryptography

/// One defect in a certificate that is otherwise valid, and signed with it.
public struct X509Defect: Sendable, CustomStringConvertible {
  public let name: String
  /// Whether the certificate is accepted with it.
  public let isAccepted: Bool
  public let apply: @Sendable (inout X509Parts) -> Void

  init(_ name: String, accepted: Bool = false, _ apply: @escaping @Sendable (inout X509Parts) -> Void) {
    self.name = name
    isAccepted = accepted
    self.apply = apply
  }

  public var description: String { name }

  /// Those that no reader sees: only the path shows them.
  public static let ofThePath: Set<String> = [
    "issuer of another name", "issuer's name of another string type", "expired", "not yet valid",
    "RSA's algorithm under a key on a curve", "an unknown critical extension", "critical name constraints",
    "usage for signing certificates only", "a name of nobody, named critically elsewhere",
  ]

  private static func ext(_ oid: OID, critical: Bool = false, _ value: [UInt8]) -> [UInt8] {
    CertificateExtension(oid, isCritical: critical, value: value).der
  }
  private static let unknown = OID(1, 3, 6, 1, 4, 1, 99999, 1)
  /// So many extensions that nobody knows, each once.
  private static func unknowns(_ count: UInt64) -> [[UInt8]] {
    (0..<count).map { ext(OID(1, 3, 6, 1, 4, 1, 99999, 2, $0), [5, 0]) }
  }
  private static func purposes(_ count: UInt64) -> [UInt8] {
    CertificateExtension.extendedKeyUsage((0..<count).map { OID(1, 3, 6, 1, 4, 1, 99999, 3, $0) }).der
  }
  static func name(_ count: Int) -> [UInt8] {
    DistinguishedName((0..<count).map { DistinguishedName.Attribute(type: .commonName, value: "\($0)") }).der
  }
  private static let usageBytes = DERWriter.objectIdentifier(OID.keyUsage)

  /// All of them, the first being none.
  public static let all = fields + forms

  private static let fields: [X509Defect] = [
    X509Defect("none", accepted: true) { _ in },
    X509Defect("serial number zero", accepted: true) { $0.serialNumber = DERWriter.integer([0]) },
    X509Defect("serial number of 20 bytes", accepted: true) {
      $0.serialNumber = DERWriter.integer([UInt8](repeating: 0x55, count: 20))
    },
    X509Defect("serial number of 21 bytes") {
      $0.serialNumber = DERWriter.integer([UInt8](repeating: 0x55, count: 21))
    },
    X509Defect("negative serial number") { $0.serialNumber = [0x02, 0x01, 0x80] },
    X509Defect("padded serial number") { $0.serialNumber = [0x02, 0x02, 0x00, 0x07] },
    X509Defect("empty serial number") { $0.serialNumber = [0x02, 0x00] },
    X509Defect("no version") { $0.version = [] },
    X509Defect("version 2") { $0.version = DERWriter.element(0xA0, DERWriter.integer([1])) },
    X509Defect("version 4") { $0.version = DERWriter.element(0xA0, DERWriter.integer([3])) },
    X509Defect("bytes after the version") { $0.version = DERWriter.element(0xA0, DERWriter.integer([2]) + [5, 0]) },
    X509Defect("another algorithm inside") {
      $0.innerAlgorithm = CertificateSignatureAlgorithm.ecdsa(.sha384).der
    },
    X509Defect("another algorithm outside") {
      $0.outerAlgorithm = CertificateSignatureAlgorithm.ecdsa(.sha384).der
    },
    X509Defect("parameters of an algorithm without any") {
      $0.innerAlgorithm = DERWriter.sequence([UInt8]($0.innerAlgorithm.dropFirst(2)), DERWriter.null)
      $0.outerAlgorithm = $0.innerAlgorithm
    },
    X509Defect("SHA-1") {
      $0.innerAlgorithm = DERWriter.sequence(DERWriter.objectIdentifier(OID(1, 2, 840, 10045, 4, 1)))
      $0.outerAlgorithm = $0.innerAlgorithm
    },
    X509Defect("RSA's algorithm under a key on a curve") {
      $0.innerAlgorithm = CertificateSignatureAlgorithm.rsaPKCS1(.sha256).der
      $0.outerAlgorithm = $0.innerAlgorithm
    },
    X509Defect("issuer without a name") { $0.issuer = [0x30, 0x00] },
    X509Defect("issuer of another name") { $0.issuer = DistinguishedName(commonName: "Another").der },
    X509Defect("issuer's name of another string type") {
      $0.issuer = DERWriter.sequence(
        DERWriter.set(
          DERWriter.sequence(
            DERWriter.objectIdentifier(OID.commonName), DERWriter.element(0x13, Array("Authority".utf8)))))
    },
    X509Defect("subject without a name") { $0.subject = [0x30, 0x00] },
    X509Defect("subject with an empty set") { $0.subject = [0x30, 0x02, 0x31, 0x00] },
    X509Defect("subject with bytes in an attribute") {
      $0.subject = DERWriter.sequence(
        DERWriter.set(
          DERWriter.sequence(
            DERWriter.objectIdentifier(OID.commonName), DERWriter.utf8String("Leaf"), DERWriter.null)))
    },
    X509Defect("times without seconds") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("2401010000Z".utf8)), DERWriter.element(0x17, Array("3401010000Z".utf8)))
    },
    X509Defect("times with an offset") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240101000000+0100".utf8)), DERWriter.element(0x17, Array("340101000000Z".utf8)))
    },
    X509Defect("GeneralizedTime before 2050") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240101000000Z".utf8)), DERWriter.element(0x18, Array("20340101000000Z".utf8)))
    },
    X509Defect("GeneralizedTime of 2050", accepted: true) {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240101000000Z".utf8)), DERWriter.element(0x18, Array("20500101000000Z".utf8)))
    },
    X509Defect("fractions of seconds") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240101000000Z".utf8)), DERWriter.element(0x18, Array("20500101000000.5Z".utf8)))
    },
    X509Defect("February 30") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240230000000Z".utf8)), DERWriter.element(0x17, Array("340101000000Z".utf8)))
    },
    X509Defect("ends before it begins") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("340101000000Z".utf8)), DERWriter.element(0x17, Array("240101000000Z".utf8)))
    },
    X509Defect("expired") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("240101000000Z".utf8)), DERWriter.element(0x17, Array("250101000000Z".utf8)))
    },
    X509Defect("not yet valid") {
      $0.validity = DERWriter.sequence(
        DERWriter.element(0x17, Array("330101000000Z".utf8)), DERWriter.element(0x17, Array("340101000000Z".utf8)))
    },
    X509Defect("a point that is not on its curve") { $0.publicKey[$0.publicKey.count - 1] ^= 1 },
    X509Defect("a compressed point") {
      $0.publicKey = DERWriter.sequence(
        [UInt8]($0.publicKey[2..<23]), DERWriter.bitString([0x02] + [UInt8]($0.publicKey[27..<59])))
    },
    X509Defect("a key of an unknown algorithm") { $0.publicKey[10] ^= 1 },
    X509Defect("bytes after the key") {
      $0.publicKey = DERWriter.sequence([UInt8]($0.publicKey.dropFirst(2)), DERWriter.null)
    },
    X509Defect("an issuer's unique identifier") {
      $0.uniqueIdentifiers = DERWriter.element(0x81, [0, 1])
    },
    X509Defect("no extensions", accepted: true) { $0.extensionField = [] },
    X509Defect("an empty list of extensions") { $0.extensionField = DERWriter.element(0xA3, [0x30, 0x00]) },
    X509Defect("bytes after the extensions") {
      $0.extensionField = DERWriter.element(0xA3, DERWriter.sequence($0.extensions[0]) + DERWriter.null)
    },
    X509Defect("an extension twice") { $0.extensions.append($0.extensions[1]) },
    X509Defect("an unknown extension twice") { $0.extensions += [ext(unknown, [5, 0]), ext(unknown, [5, 0])] },
    X509Defect("an unknown extension", accepted: true) { $0.extensions.append(ext(unknown, [0xFF])) },
    X509Defect("an unknown critical extension") { $0.extensions.append(ext(unknown, critical: true, [5, 0])) },
    X509Defect("64 extensions", accepted: true) { $0.extensions += unknowns(62) },
    X509Defect("65 extensions") { $0.extensions += unknowns(63) },
    X509Defect("32 purposes", accepted: true) { $0.extensions.append(purposes(32)) },
    X509Defect("33 purposes") { $0.extensions.append(purposes(33)) },
    X509Defect("subject of 32 attributes", accepted: true) { $0.subject = name(32) },
    X509Defect("subject of 33 attributes") { $0.subject = name(33) },
    X509Defect("critical written out as false") {
      $0.extensions[1] = DERWriter.sequence(
        usageBytes, DERWriter.boolean(false), DERWriter.octetString(DERWriter.namedBits(1)))
    },
    X509Defect("critical of another true") {
      $0.extensions[1] = DERWriter.sequence(usageBytes, [1, 1, 1], DERWriter.octetString(DERWriter.namedBits(1)))
    },
    X509Defect("bytes after an extension's value") {
      $0.extensions[1] = ext(.keyUsage, critical: true, DERWriter.namedBits(1) + [5, 0])
    },
    X509Defect("CA written out as false") {
      $0.extensions[0] = ext(.basicConstraints, critical: true, DERWriter.sequence(DERWriter.boolean(false)))
    },
    X509Defect("a path length without a CA") {
      $0.extensions[0] = ext(.basicConstraints, critical: true, DERWriter.sequence(DERWriter.integer([0])))
    },
    X509Defect("usage with trailing zeros", accepted: true) {
      $0.extensions[1] = ext(.keyUsage, critical: true, [3, 2, 0, 0x80])
    },
    X509Defect("usage with unused bits set") { $0.extensions[1] = ext(.keyUsage, critical: true, [3, 2, 7, 0xFF]) },
    X509Defect("usage of nothing") { $0.extensions[1] = ext(.keyUsage, critical: true, [3, 1, 0]) },
    X509Defect("usage that is not defined") {
      $0.extensions[1] = ext(.keyUsage, critical: true, DERWriter.namedBits(1 | 1 << 9))
    },
    X509Defect("usage for signing certificates only") {
      $0.extensions[1] = CertificateExtension.keyUsage(.keyCertSign).der
    },
    X509Defect("critical name constraints") {
      $0.extensions.append(ext(OID(2, 5, 29, 30), critical: true, [0x30, 0x00]))
    },
    X509Defect("an object identifier with padding") {
      $0.extensions.append(DERWriter.sequence([6, 3, 0x2A, 0x80, 0x01], DERWriter.octetString([5, 0])))
    },
    X509Defect("bytes in the validity") {
      $0.validity = DERWriter.sequence([UInt8]($0.validity.dropFirst(2)), DERWriter.null)
    },
    X509Defect("bytes behind the field of the extensions") {
      $0.extensionField = DERWriter.element(0xA3, DERWriter.sequence($0.extensions[0])) + DERWriter.null
    },
    X509Defect("bytes behind the list of the extensions") {
      $0.extensionField = DERWriter.element(0xA3, DERWriter.sequence($0.extensions[0]) + DERWriter.null)
    },
    X509Defect("bytes behind an extension's octets") {
      $0.extensions[1] = DERWriter.sequence(
        usageBytes, DERWriter.boolean(true), DERWriter.octetString(DERWriter.namedBits(1)), DERWriter.null)
    },
    X509Defect("bytes in the constraints") {
      $0.extensions[0] = ext(.basicConstraints, critical: true, DERWriter.sequence(DERWriter.null))
    },
    X509Defect("bytes in the issuer's key identifier") {
      $0.extensions.append(
        ext(.authorityKeyIdentifier, DERWriter.sequence(DERWriter.element(0x80, [1]), DERWriter.null)))
    },
    X509Defect("a path length of 256") {
      $0.extensions[0] = ext(
        .basicConstraints, critical: true, DERWriter.sequence(DERWriter.boolean(true), DERWriter.integer([1, 0])))
    },
    X509Defect("an empty set beside a name") {
      $0.subject = DERWriter.element(0x30, [UInt8]($0.subject.dropFirst(2)) + [0x31, 0x00])
    },
    X509Defect("a name of nobody, critical elsewhere", accepted: false) {
      $0.subject = [0x30, 0x00]
      $0.extensions.append(ext(.subjectAlternativeName, [0x30, 0x00]))
    },
    X509Defect("something after the signature") { $0.tail = DERWriter.null },
  ]
}
