import Cryptography

/// Encodings that DER does not have, and values at both sides of a limit.
extension X509Defect {
  private static func validity(_ begin: [UInt8], _ end: [UInt8]) -> [UInt8] { DERWriter.sequence(begin, end) }
  private static func utc(_ text: String) -> [UInt8] { DERWriter.element(0x17, Array(text.utf8)) }
  private static func generalized(_ text: String) -> [UInt8] { DERWriter.element(0x18, Array(text.utf8)) }
  private static let begin = utc("240101000000Z")
  private static let end = utc("340101000000Z")
  private static func attribute(_ value: [UInt8], type: [UInt8] = DERWriter.objectIdentifier(OID.commonName)) -> [UInt8]
  {
    DERWriter.sequence(DERWriter.set(DERWriter.sequence(type, value)))
  }
  private static func named(_ type: [UInt8]) -> [UInt8] {
    attribute(DERWriter.utf8String("Leaf"), type: DERWriter.element(0x06, type))
  }
  private static func usage(_ bits: [UInt8]) -> [UInt8] { value(.keyUsage, DERWriter.element(0x03, bits)) }
  private static func value(_ oid: OID, critical: Bool = true, _ value: [UInt8]) -> [UInt8] {
    CertificateExtension(oid, isCritical: critical, value: value).der
  }
  private static func authority(_ fields: [UInt8]...) -> [UInt8] {
    value(.authorityKeyIdentifier, critical: false, DERWriter.element(0x30, fields.flatMap { $0 }))
  }
  private static let identifier = DERWriter.element(0x80, [1, 2])
  private static let issuer = DERWriter.element(0xA1, [])
  private static let serialNumber = DERWriter.element(0x82, [7])

  private static func subject(_ name: String, accepted: Bool = false, _ subject: [UInt8]) -> X509Defect {
    X509Defect(name, accepted: accepted) { $0.subject = subject }
  }
  private static func time(_ name: String, accepted: Bool = false, _ begin: [UInt8], _ end: [UInt8]) -> X509Defect {
    X509Defect(name, accepted: accepted) { $0.validity = validity(begin, end) }
  }
  private static func further(_ name: String, accepted: Bool = false, _ item: [UInt8]) -> X509Defect {
    X509Defect(name, accepted: accepted) { $0.extensions.append(item) }
  }

  static let forms: [X509Defect] = [
    X509Defect("a short length with a zero before it") {
      $0.subject = [0x30, 0x82, 0, UInt8($0.subject.count - 2)] + $0.subject.dropFirst(2)
    },
    X509Defect("a length that a byte holds, in two") {
      $0.subject = [0x30, 0x81, UInt8($0.subject.count - 2)] + $0.subject.dropFirst(2)
    },
    subject("a long length with a zero before it", [0x30, 0x83, 0] + name(32).dropFirst(2)),
    X509Defect("an indefinite length") { $0.subject = [0x30, 0x80] + $0.subject.dropFirst(2) + [0, 0] },
    X509Defect("more bytes than there are") { $0.extensionField = [0xA3, 0x7F, 0x30, 0x00] },
    subject("a tag number of 31", attribute([0x1F, 1, 0x41])),
    subject("another kind of value", accepted: true, attribute([0x1E, 2, 0, 0x41])),
    subject(
      "an attribute of two names",
      DERWriter.sequence(
        DERWriter.set(
          DERWriter.sequence(DERWriter.objectIdentifier(OID.commonName), DERWriter.utf8String("Leaf"))
            + DERWriter.null))),
    subject("an identifier of nothing", named([])),
    subject("an identifier of 64 bytes", accepted: true, named([UInt8](repeating: 0x2A, count: 64))),
    subject("an identifier of 65 bytes", named([UInt8](repeating: 0x2A, count: 65))),
    subject("a number of 63 bits", accepted: true, named([0x2A] + [UInt8](repeating: 0xFF, count: 8) + [0x7F])),
    subject("a number of 70 bits", named([0x2A] + [UInt8](repeating: 0xFF, count: 9) + [0x7F])),
    subject("an identifier that ends within a number", named([0x2A, 0x81])),
    subject("the first number with padding", named([0x80, 0x2A])),
    further(
      "a boolean of nothing",
      DERWriter.sequence(
        DERWriter.objectIdentifier(OID(1, 2, 3)), [1, 0], DERWriter.octetString([5, 0]))),
    further(
      "a boolean of two bytes",
      DERWriter.sequence(
        DERWriter.objectIdentifier(OID(1, 2, 3)), [1, 2, 0xFF, 0xFF], DERWriter.octetString([5, 0]))),
    X509Defect("a signature with unused bits") { $0.unusedBits = 1 },
    X509Defect("a point with unused bits") { $0.publicKey[25] = 1 },
    X509Defect("another curve") {
      $0.publicKey = DERWriter.sequence(
        DERWriter.sequence(
          DERWriter.objectIdentifier(OID(1, 2, 840, 10045, 2, 1)), DERWriter.objectIdentifier(OID(1, 3, 132, 0, 10))),
        [UInt8]($0.publicKey.dropFirst(23)))
    },
    X509Defect("something after the curve") {
      $0.publicKey = DERWriter.sequence(
        DERWriter.element(0x30, [UInt8]($0.publicKey[4..<23]) + DERWriter.null), [UInt8]($0.publicKey.dropFirst(23)))
    },
    X509Defect("a point in hybrid form") { $0.publicKey[26] = 6 | $0.publicKey[90] & 1 },
    X509Defect("usage of no string") { $0.extensions[1] = usage([]) },
    X509Defect("usage of nothing with unused bits") { $0.extensions[1] = usage([1]) },
    X509Defect("usage of six bytes") { $0.extensions[1] = usage([0, 0x80, 0, 0, 0, 0]) },
    X509Defect("usage with eight unused bits") { $0.extensions[1] = usage([8, 0x80, 0]) },
    X509Defect("usage of an empty string") { $0.extensions[1] = usage([0]) },
    X509Defect("constraints behind constraints") {
      $0.extensions[0] = value(.basicConstraints, DERWriter.sequence() + DERWriter.null)
    },
    further("no purpose", value(.extendedKeyUsage, critical: false, [0x30, 0])),
    further(
      "something after the purposes",
      value(
        .extendedKeyUsage, critical: false,
        DERWriter.sequence(DERWriter.objectIdentifier(OID(1, 2, 3))) + DERWriter.null)),
    further("a key identifier that is none", value(.subjectKeyIdentifier, critical: false, DERWriter.null)),
    further(
      "something after the key identifier",
      value(
        .subjectKeyIdentifier, critical: false, DERWriter.octetString([1]) + DERWriter.null)),
    further("an issuer's name without its number", authority(identifier, issuer)),
    further("an issuer's number without its name", authority(identifier, serialNumber)),
    further(
      "something after the issuer's key identifier",
      value(
        .authorityKeyIdentifier, critical: false, DERWriter.sequence(identifier) + DERWriter.null)),
    X509Defect("a name of nobody, named critically elsewhere") {
      $0.subject = [0x30, 0x00]
      $0.extensions.append(value(.subjectAlternativeName, [0x30, 0x00]))
    },
    time("UTCTime of 1950", accepted: true, utc("500101000000Z"), end),
    time("UTCTime of 2049", accepted: true, begin, utc("491231235959Z")),
    time("GeneralizedTime of 1949", accepted: true, generalized("19491231235959Z"), end),
    time("GeneralizedTime of 1950", generalized("19500101000000Z"), end),
    time("GeneralizedTime of 2049", begin, generalized("20491231235959Z")),
    time("the year 9999", accepted: true, begin, generalized("99991231235959Z")),
    time("a leap day", accepted: true, utc("240229000000Z"), end),
    time("no leap day", utc("230229000000Z"), end),
    time("no leap day of a century", begin, generalized("21000229000000Z")),
    time("month 13", utc("231301000000Z"), end), time("month 0", utc("240001000000Z"), end),
    time("day 0", utc("231200000000Z"), end), time("hour 24", utc("231231240000Z"), end),
    time("minute 60", utc("231231236000Z"), end), time("second 60", utc("231231235960Z"), end),
    time("a time of another kind", DERWriter.utf8String("240101000000Z"), end),
    time("digits that are none", utc("24010100000AZ"), end), time("no zone", utc("240101000000"), end),
    time("GeneralizedTime without seconds", begin, generalized("205001010000Z")),
  ]
}
