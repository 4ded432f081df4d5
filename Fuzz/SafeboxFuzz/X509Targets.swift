import Attestation
import Cryptography

/// Certificates, revocation lists and DER come with evidence, from whoever wants to be trusted.
enum X509Targets {
  private static let anchors = TrustAnchors.compiledIn.anchors.map(\.certificate.der)

  /// What is read as DER has no second encoding.
  static let der = FuzzTarget(
    name: "x509.der", shape: .binary,
    seeds: anchors + [[0x30, 0x03, 0x02, 0x01, 0x05], [0x30, 0x00]],
    tokens: ["\u{30}\u{03}", "\u{02}\u{01}", "\u{06}\u{03}\u{55}\u{1D}", "\u{17}\u{0D}500101000000Z"]
  ) { input throws(FuzzTarget.Violation) in
    guard var reader = try? DERReader(input) else { return "too long" }
    var count = 0
    guard let written = rewritten(&reader, depth: 0, &count) else { return "refused" }
    try FuzzTarget.require(written == input, "a second encoding")
    return "accepted \(count.leadingZeroBitCount)"
  }

  /// Every element read and written again; nil where one is refused.
  private static func rewritten(_ reader: inout DERReader, depth: Int, _ count: inout Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    while !reader.isAtEnd {
      guard let element = try? reader.anyElement("element") else { return nil }
      count += 1
      var content = [UInt8](element.content)
      if element.tag.isConstructed {
        guard var inner = try? reader.inner(element.content, "inner"),
          let again = rewritten(&inner, depth: depth + 1, &count)
        else { return nil }
        content = again
      }
      bytes += DERWriter.element(element.tag.byte, content)
    }
    return bytes
  }

  /// A certificate that is read says of itself what its bytes say, and verifies under no key but that of its issuer.
  static let certificate = FuzzTarget(name: "x509.certificate", shape: .binary, seeds: anchors) {
    input throws(FuzzTarget.Violation) in
    let certificate: Certificate
    do throws(CryptographyError) {
      certificate = try Certificate(der: input)
    } catch {
      return String(error.description.filter { !$0.isNumber }.prefix(60))
    }
    try FuzzTarget.require(certificate.der == input, "another encoding")
    try FuzzTarget.require(certificate.isSigned(by: certificate) == anchors.contains(input), "another valid signature")
    return "accepted \(certificate.publicKey.summary)"
  }

  /// A revocation list without a valid signature, which reading does not ask for.
  static let list = FuzzTarget(name: "x509.list", shape: .binary, seeds: [revocationList]) {
    input throws(FuzzTarget.Violation) in
    let list: CertificateRevocationList
    do throws(CryptographyError) {
      list = try CertificateRevocationList(der: input)
    } catch {
      return String(error.description.filter { !$0.isNumber }.prefix(60))
    }
    try FuzzTarget.require(list.count <= CertificateRevocationList.maxEntries, "more entries than there may be")
    return "accepted \(list.count.leadingZeroBitCount)"
  }

  private static let revocationList: [UInt8] = {
    let date = DERWriter.element(0x17, Array("260101000000Z".utf8))
    let algorithm = CertificateSignatureAlgorithm.ecdsa(.sha256).der
    let entry = DERWriter.sequence(DERWriter.integer([5]), date)
    let number = CertificateExtension(.crlNumber, isCritical: false, value: DERWriter.integer([1])).der
    let tbs = DERWriter.sequence(
      DERWriter.integer([1]), algorithm, DistinguishedName(commonName: "Authority").der, date, date,
      DERWriter.sequence(entry), DERWriter.element(0xA0, DERWriter.sequence(number)))
    return DERWriter.sequence(tbs, algorithm, DERWriter.bitString([0x30, 6, 2, 1, 1, 2, 1, 1]))
  }()
}
