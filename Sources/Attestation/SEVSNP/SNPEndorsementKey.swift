import CanonicalJSON
import Cryptography

/// The certificate of the key that signs reports: VCEK, of one chip, or VLEK, of a provider (AMD 57230 section 3.1).
struct SNPEndorsementKey {
  let kind: SNPReport.SigningKey
  let product: SNPProduct
  /// The versions that the key was derived from.
  let tcb: SNPTCB
  /// The chip; a VCEK has it, a VLEK does not.
  let hardwareID: [UInt8]?
  /// The provider; a VLEK has it.
  let provider: String?
  let key: P384.PublicKey

  /// Extensions of AMD, 1.3.6.1.4.1.3704.1.*.
  private enum Extension: String {
    case productName, bootLoader, tee, snp, reserved4, reserved5, reserved6, reserved7, microcode, fmc
    case hardwareID, provider

    var identifier: OID {
      switch self {
      case .productName: OID(1, 3, 6, 1, 4, 1, 3704, 1, 2)
      case .bootLoader: OID(1, 3, 6, 1, 4, 1, 3704, 1, 3, 1)
      case .tee: OID(1, 3, 6, 1, 4, 1, 3704, 1, 3, 2)
      case .snp: OID(1, 3, 6, 1, 4, 1, 3704, 1, 3, 3)
      case .reserved4: OID(1, 3, 6, 1, 4, 1, 3704, 1, 3, 4)
      case .reserved5: OID(1, 3, 6, 1, 4, 1, 3704, 1, 3, 5)
      case .reserved6: OID(1, 3, 6, 1, 4, 1, 3704, 1, 3, 6)
      case .reserved7: OID(1, 3, 6, 1, 4, 1, 3704, 1, 3, 7)
      case .microcode: OID(1, 3, 6, 1, 4, 1, 3704, 1, 3, 8)
      case .fmc: OID(1, 3, 6, 1, 4, 1, 3704, 1, 3, 9)
      case .hardwareID: OID(1, 3, 6, 1, 4, 1, 3704, 1, 4)
      case .provider: OID(1, 3, 6, 1, 4, 1, 3704, 1, 5)
      }
    }
  }

  /// Reads a certificate. It says what the certificate says; whether AMD says it too is for the chain.
  init(_ certificate: Certificate) throws(FieldError) {
    switch certificate.subject.commonName.map(ExactText.init) {
    case ExactText("SEV-VCEK"): kind = .vcek
    case ExactText("SEV-VLEK"): kind = .vlek
    case let other:
      throw FieldError(
        field: "certificate.subject", expected: "SEV-VCEK or SEV-VLEK",
        actual: other.map { "\"\($0.text)\"" } ?? "no name")
    }
    product = try Self.product(certificate, kind)
    guard case .p384(let key) = certificate.publicKey else {
      throw FieldError(field: "certificate.key", expected: "P-384", actual: "another kind of key")
    }
    self.key = key
    func version(_ name: Extension) throws(FieldError) -> UInt8 { try Self.version(certificate, name) }
    for name in [Extension.reserved4, .reserved5, .reserved6, .reserved7] where Self.value(certificate, name) != nil {
      let reserved = try version(name)
      guard reserved == 0 else {
        throw FieldError(field: "certificate.\(name.rawValue)", expected: "0", actual: String(reserved))
      }
    }
    tcb = SNPTCB(
      fmc: product == .turin ? try version(.fmc) : nil, bootLoader: try version(.bootLoader), tee: try version(.tee),
      snp: try version(.snp), microcode: try version(.microcode))
    switch kind {
    case .vcek:
      hardwareID = try Self.hardwareID(certificate, product)
      provider = nil
    case .vlek:
      hardwareID = nil
      provider = try Self.text(certificate, .provider)
    }
  }

  /// The line of processors by who issued the certificate, with which the product's name must agree.
  private static func product(
    _ certificate: Certificate, _ kind: SNPReport.SigningKey
  ) throws(FieldError) -> SNPProduct {
    let issuer = certificate.issuer.commonName ?? ""
    let prefix = kind == .vcek ? "SEV-" : "SEV-VLEK-"
    guard issuer.hasPrefix(prefix), let product = SNPProduct(rawValue: String(issuer.dropFirst(prefix.count))) else {
      throw FieldError(
        field: "certificate.issuer",
        expected: SNPProduct.allCases.map { prefix + $0.rawValue }.joined(separator: ", "), actual: "\"\(issuer)\"")
    }
    let name = try text(certificate, .productName)
    guard SNPProduct(productName: name) == product else {
      throw FieldError(field: "certificate.productName", expected: product.rawValue, actual: "\"\(name)\"")
    }
    return product
  }

  private static func value(_ certificate: Certificate, _ name: Extension) -> [UInt8]? {
    certificate.extension(name.identifier)
  }

  private static func required(_ certificate: Certificate, _ name: Extension) throws(FieldError) -> [UInt8] {
    guard let value = value(certificate, name) else {
      throw FieldError(field: "certificate.\(name.rawValue)", expected: "an extension", actual: "none")
    }
    return value
  }

  private static func version(_ certificate: Certificate, _ name: Extension) throws(FieldError) -> UInt8 {
    let value = try required(certificate, name)
    // INTEGER 0 to 255, in its shortest form.
    switch value {
    case _ where value.count == 3 && value.starts(with: [2, 1]) && value[2] < 0x80: return value[2]
    case _ where value.count == 4 && value.starts(with: [2, 2, 0]) && value[3] >= 0x80: return value[3]
    default:
      throw FieldError(
        field: "certificate.\(name.rawValue)", expected: "an INTEGER from 0 to 255",
        actual: Hex.encode(value.prefix(16)))
    }
  }

  /// IA5String of at most 127 characters.
  private static func text(_ certificate: Certificate, _ name: Extension) throws(FieldError) -> String {
    let value = try required(certificate, name)
    guard value.count >= 2, value[0] == 0x16, value[1] < 0x80, value.count == Int(value[1]) + 2,
      value[2...].allSatisfy({ (0x20..<0x7F).contains($0) })
    else {
      throw FieldError(
        field: "certificate.\(name.rawValue)", expected: "an IA5String", actual: Hex.encode(value.prefix(16)))
    }
    return String(decoding: value[2...], as: UTF8.self)
  }

  /// The chip's identity: the bytes themselves, or since 2024 in an OCTET STRING.
  private static func hardwareID(_ certificate: Certificate, _ product: SNPProduct) throws(FieldError) -> [UInt8] {
    let value = try required(certificate, .hardwareID)
    let count = product.hardwareIDCount
    if value.count == count { return value }
    if value.count == count + 2, value.starts(with: [4, UInt8(truncatingIfNeeded: count)]) {
      return Array(value[2...])
    }
    throw FieldError(
      field: "certificate.hardwareID", expected: "\(count) bytes", actual: "\(value.count) bytes")
  }
}
