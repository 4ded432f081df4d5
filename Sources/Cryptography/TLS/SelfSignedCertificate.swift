internal import COpenSSL

/// A certificate that a P-256 key signs for itself (RFC 5280): loopback servers, tests, first contact by fingerprint.
///
/// Usable by servers and clients, not as an authority over other certificates.
public struct SelfSignedCertificate: Sendable, Hashable {
  /// The DER encoding; its SHA-256 is the fingerprint.
  public let der: [UInt8]

  /// One PEM block.
  public var pem: String { PEM.encode(der, label: "CERTIFICATE") }

  /// - Parameters:
  ///   - commonName: 1 to 64 bytes of text.
  ///   - dnsNames: host names, in ASCII; a leading `*.` is allowed.
  ///   - ipAddresses: IPv4 or IPv6 addresses in text.
  ///   - notBefore: seconds since 1970.
  ///   - notAfter: seconds since 1970, at most to the year 9999.
  /// - Throws: `malformed` for a name, address or period that cannot be certified.
  public static func make(
    commonName: String, dnsNames: [String] = [], ipAddresses: [String] = [], privateKey: P256.PrivateKey,
    notBefore: Int64, notAfter: Int64
  ) throws(CryptographyError) -> SelfSignedCertificate {
    guard (1...64).contains(commonName.utf8.count), commonName.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw .malformed("common name", reason: "expected 1 to 64 bytes of printable text")
    }
    guard notBefore < notAfter else { throw .malformed("validity", reason: "ends before it begins") }
    let spki = privateKey.publicKey.spkiDER
    let name = DERWriter.sequence(
      DERWriter.set(DERWriter.sequence(DERWriter.objectIdentifier(OID.commonName), DERWriter.utf8String(commonName))))
    let algorithm = DERWriter.sequence(DERWriter.objectIdentifier(OID.ecdsaWithSHA256))
    // Unpredictable and positive, at most 20 bytes (RFC 5280 section 4.1.2.2).
    let serial = [0x40 | SecureRandom.bytes(1)[0] & 0x3F] + SecureRandom.bytes(15)
    let body = DERWriter.sequence(
      DERWriter.element(0xA0, DERWriter.integer([2])),
      DERWriter.integer(serial),
      algorithm,
      name,
      DERWriter.sequence(try DERWriter.time(notBefore), try DERWriter.time(notAfter)),
      name,
      spki,
      DERWriter.element(0xA3, try extensions(spki: spki, dnsNames: dnsNames, ipAddresses: ipAddresses)))
    let signature = try privateKey.sign(body)
    return SelfSignedCertificate(der: DERWriter.sequence(body, algorithm, DERWriter.bitString(signature.der)))
  }

  private enum OID {
    static let commonName: [UInt8] = [0x55, 0x04, 0x03]
    static let ecdsaWithSHA256: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02]
    static let subjectKeyIdentifier: [UInt8] = [0x55, 0x1D, 0x0E]
    static let keyUsage: [UInt8] = [0x55, 0x1D, 0x0F]
    static let subjectAltName: [UInt8] = [0x55, 0x1D, 0x11]
    static let basicConstraints: [UInt8] = [0x55, 0x1D, 0x13]
    static let extendedKeyUsage: [UInt8] = [0x55, 0x1D, 0x25]
    static let serverAuth: [UInt8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]
    static let clientAuth: [UInt8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]
  }

  private static func extensions(
    spki: [UInt8], dnsNames: [String], ipAddresses: [String]
  ) throws(CryptographyError) -> [UInt8] {
    func entry(_ identifier: [UInt8], critical: Bool, _ value: [UInt8]) -> [UInt8] {
      DERWriter.sequence(
        DERWriter.objectIdentifier(identifier), critical ? DERWriter.boolean(true) : [], DERWriter.octetString(value))
    }
    var list: [UInt8] = []
    list += entry(OID.basicConstraints, critical: true, DERWriter.sequence())
    // digitalSignature: bit 0, seven unused bits.
    list += entry(OID.keyUsage, critical: true, DERWriter.element(0x03, [7, 0x80]))
    list += entry(
      OID.extendedKeyUsage, critical: false,
      DERWriter.sequence(DERWriter.objectIdentifier(OID.serverAuth), DERWriter.objectIdentifier(OID.clientAuth)))
    list += entry(
      OID.subjectKeyIdentifier, critical: false,
      DERWriter.octetString([UInt8](SHA256.hash(spki).bytes.prefix(20))))
    var names: [UInt8] = []
    for host in dnsNames {
      guard isHostName(host) else { throw .malformed("DNS name", reason: "\"\(host)\" is not a host name") }
      names += DERWriter.element(0x82, Array(host.utf8))
    }
    for address in ipAddresses { names += DERWriter.element(0x87, try bytes(ofAddress: address)) }
    if !names.isEmpty { list += entry(OID.subjectAltName, critical: false, DERWriter.element(0x30, names)) }
    return DERWriter.element(0x30, list)
  }

  private static func isHostName(_ text: String) -> Bool {
    var rest = Substring(text)
    if rest.hasPrefix("*.") { rest = rest.dropFirst(2) }
    guard text.utf8.count <= 253, !rest.isEmpty else { return false }
    return rest.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      (1...63).contains(label.utf8.count)
        && label.utf8.allSatisfy {
          (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
        }
    }
  }

  private static func bytes(ofAddress text: String) throws(CryptographyError) -> [UInt8] {
    guard !text.utf8.contains(0), let parsed = a2i_IPADDRESS(text) else {
      throw LibraryErrors.clear(.malformed("IP address", reason: "\"\(text)\" is not an address"))
    }
    defer { ASN1_OCTET_STRING_free(parsed) }
    return [UInt8](UnsafeBufferPointer(start: ASN1_STRING_get0_data(parsed), count: Int(ASN1_STRING_length(parsed))))
  }
}
