public import Attestation
public import CanonicalJSON
import Cryptography

/// A maker of TDX platforms with a root of its own: quotes of domains, certificates of platforms, and what Intel would publish
/// about them. All of it is good until the caller changes a field; everything is signed after that.
public struct TDXMint: Sendable {
  /// 2025-01-01 00:00:00 UTC: when everything holds.
  public static let time: Int64 = 1_735_689_600_000

  /// 4 or 5; the type of the body, which version 4 has only one of.
  public var version: UInt16 = 4
  public var bodyType: UInt16 = 2
  /// Fields of the TD report by name, as `TDXMint.layout` orders them; those left out are zero.
  public var report: [String: [UInt8]] = [
    "tee-tcb-svn": [5, 1, 4] + [UInt8](repeating: 0, count: 13),
    "attributes": [0, 0, 0, 0x10, 0, 0, 0, 0], "xfam": [0xE7, 2, 6, 0, 0, 0, 0, 0],
    "mrtd": [UInt8](repeating: 0x11, count: 48), "mrseam": [UInt8](repeating: 0x22, count: 48),
  ]
  public var enclaveAttributes: [UInt8] =
    [0x15] + [UInt8](repeating: 0, count: 7) + [0xE7] + [UInt8](repeating: 0, count: 7)
  public var enclaveSigner = TDXMint.intelSigner
  public var enclaveProduct: UInt8 = 2
  public var enclaveVersion: UInt8 = 6
  public var authenticationData: [UInt8] = [UInt8](0..<32)

  public var leafName = "Intel SGX PCK Certificate"
  public var authorityName = "Intel SGX PCK Platform CA"
  public var fmspc: [UInt8] = [0x50, 0x80, 0x6F, 0, 0, 0]
  public var pceID: [UInt8] = [0, 0]
  public var components: [UInt8] = [4, 4] + [UInt8](repeating: 2, count: 14)
  public var pceSVN: UInt8 = 11
  public var instanceID: [UInt8] = [UInt8](repeating: 0xAB, count: 16)
  /// Another value of the SGX extension, or none where empty.
  public var sgxExtension: [UInt8]?

  public var signerName = "Intel SGX TCB Signing"
  public var tcbInfo: JSONObject = TDXMint.tcbInfoOfThePlatform
  public var qeIdentity: JSONObject = TDXMint.identityOfTheEnclave
  public var revokedByRoot: [[UInt8]] = []
  public var revokedByAuthority: [[UInt8]] = []
  public var hasCollateral = true

  public static let leafSerial: [UInt8] = [0x31]
  public static let authoritySerial: [UInt8] = [0x32]
  public static let signerSerial: [UInt8] = [0x33]

  static let intelSigner: [UInt8] = [
    0xDC, 0x9E, 0x2A, 0x7C, 0x6F, 0x94, 0x8F, 0x17, 0x47, 0x4E, 0x34, 0xA7, 0xFC, 0x43, 0xED, 0x03,
    0x0F, 0x7C, 0x15, 0x63, 0xF1, 0xBA, 0xBD, 0xDF, 0x63, 0x40, 0xC8, 0x2E, 0x0E, 0x54, 0xA8, 0xC5,
  ]

  /// In the place of the certificates, the revocation lists and the signed documents that would be made.
  public var certificates: [[UInt8]]?
  public var rootCRL: [UInt8]?
  public var pckCRL: [UInt8]?
  public var signerCertificate: [UInt8]?
  public var tcbInfoText: [UInt8]?
  public var qeIdentityText: [UInt8]?

  public let root: CertificateMint
  private let authorityKey = P256.PrivateKey.generate()
  private let platformKey = P256.PrivateKey.generate()
  private let attestationKey = P256.PrivateKey.generate()
  private let signerKey = P256.PrivateKey.generate()

  public init() throws { root = try .root("SGX Root CA of tests", key: .p256(.generate())) }

  /// The root, for a policy or a verification that accepts it.
  public var anchor: TrustAnchor {
    TrustAnchor(
      name: "mint", purpose: .intelSGX, certificate: root.certificate, assurance: .software(name: "mint"))
  }

  public var anchorJSON: JSON {
    [
      "name": "mint", "purpose": "intel-sgx", "certificate": .string(Base64.encode(root.certificate.der)),
      "assurance": "software",
    ]
  }

  public func evidence() throws -> TDXEvidence {
    TDXEvidence(quote: try quote(), collateral: hasCollateral ? try collateral() : nil)
  }

  // MARK: The quote

  public static let layout: [(name: String, count: Int)] = [
    ("tee-tcb-svn", 16), ("mrseam", 48), ("mrsignerseam", 48), ("seam-attributes", 8), ("attributes", 8), ("xfam", 8),
    ("mrtd", 48), ("mrconfigid", 48), ("mrowner", 48), ("mrownerconfig", 48), ("rtmr0", 48), ("rtmr1", 48),
    ("rtmr2", 48), ("rtmr3", 48), ("report-data", 64), ("tee-tcb-svn2", 16), ("mrservicetd", 48),
  ]

  /// The quote, exact.
  public func quote() throws -> [UInt8] {
    var signed = little(version, 2) + [2, 0, 0x81, 0, 0, 0, 0, 0, 0, 0]
    signed += [0x93, 0x9A, 0x72, 0x33, 0xF7, 0x9C, 0x4C, 0xA9, 0x94, 0x0A, 0x0D, 0xB3, 0x95, 0x7F, 0x06, 0x07]
    signed += [UInt8](repeating: 7, count: 20)
    if version == 5 { signed += little(bodyType, 2) + little(bodyType == 3 ? 648 : 584, 4) }
    for (name, count) in Self.layout.prefix(bodyType == 3 ? 17 : 15) {
      signed += report[name] ?? [UInt8](repeating: 0, count: count)
    }
    let point = [UInt8](attestationKey.publicKey.x963.dropFirst())
    let enclave = enclaveReport(SHA256.hash(point + authenticationData).bytes)
    let certificates = Array(try certificatesPEM().utf8)
    let outer =
      enclave + (try platformKey.sign(enclave).p1363) + little(UInt16(authenticationData.count), 2)
      + authenticationData + little(5, 2) + little(UInt32(certificates.count), 4) + certificates
    let data =
      try attestationKey.sign(signed).p1363 + point + little(6, 2) + little(UInt32(outer.count), 4) + outer
    return signed + little(UInt32(data.count), 4) + data
  }

  private func enclaveReport(_ digest: [UInt8]) -> [UInt8] {
    func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
    return zeros(16) + zeros(4) + zeros(28) + enclaveAttributes + zeros(32) + zeros(32) + enclaveSigner + zeros(96)
      + [enclaveProduct, 0, enclaveVersion, 0] + zeros(60) + digest + zeros(32)
  }

  private func little(_ value: some FixedWidthInteger, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  // MARK: Certificates

  public func authority() throws -> CertificateMint {
    try root.authority(authorityName, key: .p256(authorityKey), serialNumber: Self.authoritySerial, pathLength: 0)
  }

  private func certificatesPEM() throws -> String {
    try (certificates ?? chain()).map { PEM.encode($0, label: "CERTIFICATE") }.joined()
  }

  /// DER of the platform's certificate, of its authority's and of the root's.
  public func chain() throws -> [[UInt8]] {
    let authority = try authority()
    let value = sgxExtension ?? encodedPlatform()
    let leaf = try authority.leaf(
      leafName, publicKey: .p256(platformKey.publicKey), serialNumber: Self.leafSerial,
      usage: [.digitalSignature, .contentCommitment],
      extensions: value.isEmpty
        ? [] : [CertificateExtension(PCKPlatform.extensionOID, isCritical: false, value: value)])
    return [leaf.der, authority.certificate.der, root.certificate.der]
  }

  /// The SGX extension of the platform.
  public func encodedPlatform() -> [UInt8] {
    func named(_ numbers: [UInt64], _ value: [UInt8]) -> [UInt8] {
      // 1.2.840.113741.1.13.1 and further numbers, all below 128.
      let base: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01]
      return DERWriter.sequence(DERWriter.objectIdentifier(base + numbers.map { UInt8($0) }), value)
    }
    var versions: [UInt8] = []
    for (index, component) in components.enumerated() {
      versions += named([2, UInt64(index) + 1], DERWriter.integer([component]))
    }
    versions += named([2, 17], DERWriter.integer([pceSVN]))
    versions += named([2, 18], DERWriter.octetString(components))
    return DERWriter.sequence(
      named([1], DERWriter.octetString([UInt8](repeating: 1, count: 16))), named([2], DERWriter.sequence(versions)),
      named([3], DERWriter.octetString(pceID)), named([4], DERWriter.octetString(fmspc)),
      named([5], DERWriter.element(0x0A, [1])), named([6], DERWriter.octetString(instanceID)),
      named([7], DERWriter.sequence(named([7, 1], DERWriter.boolean(true)))))
  }

  // MARK: Collateral

  public func collateral() throws -> TDXCollateral {
    let signer = try root.leaf(
      signerName, publicKey: .p256(signerKey.publicKey), serialNumber: Self.signerSerial,
      usage: [.digitalSignature, .contentCommitment])
    let chain = [signerCertificate ?? signer.der, root.certificate.der]
    return TDXCollateral(
      tcbInfo: try sign(tcbInfoText ?? JSON.object(tcbInfo).canonicalBytes()), tcbInfoChain: chain,
      qeIdentity: try sign(qeIdentityText ?? JSON.object(qeIdentity).canonicalBytes()), qeIdentityChain: chain,
      pckCRL: try pckCRL ?? authority().revocationList(revoking: revokedByAuthority).der,
      rootCRL: try rootCRL ?? root.revocationList(revoking: revokedByRoot).der)
  }

  private func sign(_ bytes: [UInt8]) throws -> IntelDocument {
    IntelDocument(document: bytes, signature: try signerKey.sign(bytes).p1363)
  }
}

extension TDXMint {
  public static let zeros48 = String(repeating: "0", count: 96)

  /// A level of TCB info: versions of all sixteen components of each kind.
  public static func level(
    sgx: Int64, tdx: [Int64], pce: Int64, _ status: String, _ advisories: [String] = []
  ) -> JSON {
    let sgxComponents = (0..<16).map { _ -> JSON in ["svn": .integer(sgx)] }
    let tdxComponents = (0..<16).map { index -> JSON in ["svn": .integer(index < tdx.count ? tdx[index] : 0)] }
    var level: JSONObject = [
      "tcb": [
        "sgxtcbcomponents": .array(sgxComponents), "pcesvn": .integer(pce), "tdxtcbcomponents": .array(tdxComponents),
      ],
      "tcbDate": "2024-11-13T00:00:00Z", "tcbStatus": .string(status),
    ]
    if !advisories.isEmpty { level["advisoryIDs"] = .array(advisories.map { .string($0) }) }
    return .object(level)
  }

  /// A level of an enclave or of a module.
  public static func level(_ version: Int64, _ status: String, _ advisories: [String] = []) -> JSON {
    var level: JSONObject = [
      "tcb": ["isvsvn": .integer(version)], "tcbDate": "2024-11-13T00:00:00Z", "tcbStatus": .string(status),
    ]
    if !advisories.isEmpty { level["advisoryIDs"] = .array(advisories.map { .string($0) }) }
    return .object(level)
  }

  public static func module(_ id: String, signer: String = zeros48, _ levels: [JSON]) -> JSON {
    [
      "id": .string(id), "mrsigner": .string(signer), "attributes": "0000000000000000",
      "attributesMask": "FFFFFFFFFFFFFFFF", "tcbLevels": .array(levels),
    ]
  }

  static let tcbInfoOfThePlatform: JSONObject = [
    "id": "TDX", "version": 3, "issueDate": "2024-12-15T00:00:00Z", "nextUpdate": "2025-01-14T00:00:00Z",
    "fmspc": "50806F000000", "pceId": "0000", "tcbType": 0, "tcbEvaluationDataNumber": 17,
    "tdxModule": [
      "mrsigner": .string(zeros48), "attributes": "0000000000000000", "attributesMask": "FFFFFFFFFFFFFFFF",
    ],
    "tdxModuleIdentities": [
      module("TDX_03", [level(3, "UpToDate")]),
      module("TDX_01", [level(5, "UpToDate"), level(2, "OutOfDate", ["INTEL-SA-00002"])]),
    ],
    "tcbLevels": [
      level(sgx: 2, tdx: [5, 0, 4], pce: 11, "UpToDate"),
      level(sgx: 1, tdx: [5, 0, 2], pce: 11, "SWHardeningNeeded", ["INTEL-SA-00001"]),
      level(sgx: 1, tdx: [3, 0, 1], pce: 5, "OutOfDate", ["INTEL-SA-00001", "INTEL-SA-00003"]),
    ],
  ]

  static let identityOfTheEnclave: JSONObject = [
    "id": "TD_QE", "version": 2, "issueDate": "2024-12-16T00:00:00Z", "nextUpdate": "2025-01-15T00:00:00Z",
    "tcbEvaluationDataNumber": 18, "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
    "attributes": "11000000000000000000000000000000", "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
    "mrsigner": "DC9E2A7C6F948F17474E34A7FC43ED030F7C1563F1BABDDF6340C82E0E54A8C5", "isvprodid": 2,
    "tcbLevels": [level(6, "UpToDate"), level(4, "OutOfDate", ["INTEL-SA-00004"])],
  ]
}
