public import Attestation
import Cryptography

/// A firmware of tests with a chain of its own: it signs any report, as chips of a product or with a provider's key.
public struct SNPMint: Sendable {
  public let product: SNPProduct
  public let signingKey: SNPReport.SigningKey
  /// DER: the signing key's certificate, then the intermediate.
  public let certificates: [[UInt8]]
  public let anchor: TrustAnchor
  let key: P384.PrivateKey

  /// How the chip's identity stands in its certificate.
  public enum HardwareIDEncoding: Sendable { case raw, octetString }

  /// - Parameters:
  ///   - tcb: what the key is derived from, in the order of the product's word, without reserved bytes.
  ///   - leafName, issuerName: other names than AMD's.
  ///   - altering: extensions by the last numbers of their identifiers, for example "3.8".
  public init(
    product: SNPProduct = .milan, signingKey: SNPReport.SigningKey = .vcek, tcb: Versions = Versions(),
    hardwareID: HardwareIDEncoding = .raw, productName: String? = nil, leafName: String? = nil,
    issuerName: String? = nil, isCritical: Bool = false, notAfter: Int64 = CertificateMint.notAfter,
    altering: (inout [Extension]) -> Void = { _ in }
  ) throws {
    self.product = product
    self.signingKey = signingKey
    key = MintKeys.machineP384
    let root = try CertificateMint.root("ARK-\(product.rawValue)", key: MintKeys.rsa4096PSS())
    let name = issuerName ?? "SEV-\(signingKey == .vlek ? "VLEK-" : "")\(product.rawValue)"
    let issuer = try root.authority(name, key: MintKeys.otherRSA4096PSS(), pathLength: 0)
    var extensions = Self.extensions(product, signingKey, tcb, hardwareID, productName ?? "\(product.rawValue)-B0")
    altering(&extensions)
    let leaf = try issuer.sign(
      CertificateDraft(
        serialNumber: [0],
        subject: DistinguishedName(commonName: leafName ?? "SEV-\(signingKey.rawValue.uppercased())"),
        publicKey: .p384(key.publicKey), notBefore: CertificateMint.notBefore, notAfter: notAfter,
        extensions: extensions.map {
          CertificateExtension($0.identifier, isCritical: isCritical, value: $0.value)
        }))
    certificates = [leaf.der, issuer.certificate.der]
    anchor = TrustAnchor(
      name: "Test", purpose: .amdSEV, certificate: root.certificate, assurance: .hardware(vendor: "Test"))
  }

  public struct Extension: Sendable {
    public let number: String
    public var value: [UInt8]

    var identifier: OID {
      switch number {
      case "1": OID(1, 3, 6, 1, 4, 1, 3704, 1, 1)
      case "2": OID(1, 3, 6, 1, 4, 1, 3704, 1, 2)
      case "4": OID(1, 3, 6, 1, 4, 1, 3704, 1, 4)
      case "5": OID(1, 3, 6, 1, 4, 1, 3704, 1, 5)
      default: OID(1, 3, 6, 1, 4, 1, 3704, 1, 3, number.utf8.last.map { UInt64($0 - 0x30) } ?? 0)
      }
    }
  }

  private static func extensions(
    _ product: SNPProduct, _ signingKey: SNPReport.SigningKey, _ tcb: Versions, _ encoding: HardwareIDEncoding,
    _ productName: String
  ) -> [Extension] {
    func integer(_ value: UInt8) -> [UInt8] { value < 0x80 ? [2, 1, value] : [2, 2, 0, value] }
    func text(_ text: String) -> [UInt8] { [0x16, UInt8(text.utf8.count)] + Array(text.utf8) }
    var extensions = [
      Extension(number: "1", value: integer(0)), Extension(number: "2", value: text(productName)),
      Extension(number: "3.1", value: integer(tcb.bootLoader)), Extension(number: "3.2", value: integer(tcb.tee)),
      Extension(number: "3.3", value: integer(tcb.snp)), Extension(number: "3.4", value: integer(0)),
      Extension(number: "3.8", value: integer(tcb.microcode)),
    ]
    if product == .turin { extensions.append(Extension(number: "3.9", value: integer(tcb.fmc))) }
    switch signingKey {
    case .vcek:
      let chip = chipID(product)
      extensions.append(
        Extension(number: "4", value: encoding == .raw ? chip : [4, UInt8(chip.count)] + chip))
    case .vlek: extensions.append(Extension(number: "5", value: text("CN=cloud.example")))
    }
    return extensions
  }

  /// The chip: 64 bytes, or Turin's 8.
  public static func chipID(_ product: SNPProduct) -> [UInt8] {
    (0..<(product == .turin ? 8 : 64)).map { UInt8($0) &* 3 &+ 1 }
  }

  /// Versions of firmware.
  public struct Versions: Sendable {
    public var fmc: UInt8, bootLoader: UInt8, tee: UInt8, snp: UInt8, microcode: UInt8

    public init(fmc: UInt8 = 1, bootLoader: UInt8 = 4, tee: UInt8 = 0, snp: UInt8 = 24, microcode: UInt8 = 219) {
      (self.fmc, self.bootLoader, self.tee, self.snp, self.microcode) = (fmc, bootLoader, tee, snp, microcode)
    }

    func word(_ product: SNPProduct) -> [UInt8] {
      product == .turin
        ? [fmc, bootLoader, tee, snp, 0, 0, 0, microcode] : [bootLoader, tee, 0, 0, 0, 0, snp, microcode]
    }
  }

  /// What a report says.
  public struct Fields: Sendable {
    public var version: UInt32 = 3
    public var guestSVN: UInt32 = 2
    public var policy: UInt64 = 0x30000
    public var familyID = [UInt8](repeating: 1, count: 16)
    public var imageID = [UInt8](repeating: 2, count: 16)
    public var vmpl: UInt32 = 0
    public var platform: UInt64 = 0x25
    public var keyInformation: UInt32?
    public var reportData = [UInt8](repeating: 0, count: 64)
    public var measurement = [UInt8](repeating: 3, count: 48)
    public var hostData = [UInt8](repeating: 4, count: 32)
    public var idKeyDigest = [UInt8](repeating: 5, count: 48)
    public var authorKeyDigest = [UInt8](repeating: 6, count: 48)
    public var reported = Versions()
    public var committed = Versions()
    public var current = Versions()
    public var launch = Versions()
    public var cpuid: [UInt8]?
    public var chipID: [UInt8]?
    /// Major, minor, build.
    public var committedFirmware: [UInt8] = [1, 55, 29]
    public var launchMitigations: UInt64 = 0b1011
    public var currentMitigations: UInt64 = 0b0111

    public init(binding: [UInt8] = [], _ change: (inout Fields) -> Void = { _ in }) {
      reportData.replaceSubrange(0..<binding.count, with: binding)
      change(&self)
    }
  }

  /// A signed report. `altering` changes bytes before they are signed.
  public func report(_ fields: Fields, altering: (inout [UInt8]) -> Void = { _ in }) throws -> [UInt8] {
    func little(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }
    let processor: [UInt8] =
      switch product {
      case .milan: [0x19, 0x01, 0x01]
      case .genoa: [0x19, 0x11, 0x01]
      case .turin: [0x1A, 0x02, 0x01]
      }
    let chip = fields.chipID ?? (signingKey == .vcek ? Self.chipID(product) : [])
    let key = fields.keyInformation ?? (signingKey == .vlek ? 4 : 0)
    var bytes = little(fields.version) + little(fields.guestSVN) + little(fields.policy)
    bytes += fields.familyID + fields.imageID + little(fields.vmpl) + little(UInt32(1))
    bytes += fields.current.word(product) + little(fields.platform) + little(key) + little(UInt32(0))
    bytes += fields.reportData + fields.measurement + fields.hostData + fields.idKeyDigest + fields.authorKeyDigest
    bytes += [UInt8](repeating: 7, count: 32) + [UInt8](repeating: 0xFF, count: 32) + fields.reported.word(product)
    bytes += (fields.version >= 3 ? fields.cpuid ?? processor : [0, 0, 0]) + [UInt8](repeating: 0, count: 21)
    bytes += chip + [UInt8](repeating: 0, count: 64 - chip.count) + fields.committed.word(product)
    let firmware = fields.committedFirmware.reversed() + [0]
    bytes += firmware + firmware + fields.launch.word(product)
    bytes +=
      fields.version >= 5 ? little(fields.launchMitigations) + little(fields.currentMitigations) : little(UInt128(0))
    bytes += [UInt8](repeating: 0, count: 152)
    altering(&bytes)
    let signature = try self.key.sign(bytes).p1363
    bytes += signature[..<48].reversed() + [UInt8](repeating: 0, count: 24)
    bytes += signature[48...].reversed() + [UInt8](repeating: 0, count: 24)
    return bytes + [UInt8](repeating: 0, count: 368)
  }

  public func evidence(_ fields: Fields, altering: (inout [UInt8]) -> Void = { _ in }) throws -> SNPEvidence {
    SNPEvidence(report: try report(fields, altering: altering), certificates: certificates)
  }
}
