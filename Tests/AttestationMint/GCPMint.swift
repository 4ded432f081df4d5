public import Attestation
public import Cryptography

/// A machine of Google Cloud of tests: a certificate that names the instance, and quotes of several banks.
public struct GCPMint: Sendable {
  /// Google's extension (1.3.6.1.4.1.11129.2.1.21).
  public static let extensionIdentifier = OID(1, 3, 6, 1, 4, 1, 11129, 2, 1, 21)

  public var zone = "europe-west4-a"
  public var projectNumber: [UInt8] = [0x12, 0x34]
  public var projectID = "a-project"
  public var instanceID: [UInt8] = [0xFF, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07]
  public var instanceName = "a-machine"
  /// nil leaves the flag out.
  public var isProduction: Bool? = true
  public let mint: TPMMint

  public init(_ mint: TPMMint = .p256()) { self.mint = mint }

  /// The value of the extension.
  public var extensionValue: [UInt8] {
    let version = DERWriter.element(0xA0, DERWriter.integer([3]))
    let production = isProduction.map { DERWriter.element(0xA1, DERWriter.boolean($0)) } ?? []
    return DERWriter.sequence(
      DERWriter.utf8String(zone), DERWriter.integer(projectNumber), DERWriter.utf8String(projectID),
      DERWriter.integer(instanceID), DERWriter.utf8String(instanceName),
      DERWriter.element(0xA0, DERWriter.sequence(version, production)))
  }

  /// The certificate of the machine's attestation key. `value` replaces the extension; an empty one leaves it out.
  public func certificate(by authority: CertificateMint, value: [UInt8]? = nil) throws -> Certificate {
    let value = value ?? extensionValue
    return try authority.leaf(
      "Attestation key", publicKey: mint.publicKey,
      extensions: value.isEmpty
        ? [] : [CertificateExtension(Self.extensionIdentifier, isCritical: false, value: value)])
  }

  /// One quote of each bank, made for a nonce.
  public func evidence(
    _ banks: [PCRBank], extraData: [UInt8], certificates: [Certificate], logs: MeasurementLogs = MeasurementLogs(),
    change: (Int, inout TPMMint.Quote) -> Void = { _, _ in }
  ) throws -> GCPEvidence {
    var quotes: [GCPEvidence.Quote] = []
    for (index, bank) in banks.enumerated() {
      var quote = TPMMint.Quote([bank], extraData: extraData)
      quote.qualifiedSigner = try mint.qualifiedName()
      change(index, &quote)
      let bytes = quote.bytes
      quotes.append(GCPEvidence.Quote(quote: bytes, signature: try mint.sign(bytes), pcrs: [bank]))
    }
    return GCPEvidence(key: try mint.area(), certificates: certificates.map(\.der), quotes: quotes, logs: logs)
  }
}
