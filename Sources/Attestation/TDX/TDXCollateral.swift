public import CanonicalJSON
import Cryptography

/// What Intel publishes about a platform beside its certificate: how its versions stand, which enclave may quote, and what is
/// revoked (Intel PCS API v4). All of it or none: a part that is left out is an error that names it.
public struct TDXCollateral: Sendable, Hashable {
  public enum Limits {
    /// The greatest size of a revocation list, in bytes.
    public static let revocations = 512 << 10
    /// The greatest number of certificates of a signer.
    public static let certificates = 3
  }

  public let tcbInfo: IntelDocument
  /// The certificate that signs TCB info, and perhaps the root; DER.
  public let tcbInfoChain: [[UInt8]]
  public let qeIdentity: IntelDocument
  public let qeIdentityChain: [[UInt8]]
  /// The revocation list of the CA that issued the PCK certificate; DER.
  public let pckCRL: [UInt8]
  /// The revocation list of the root; DER.
  public let rootCRL: [UInt8]

  public init(
    tcbInfo: IntelDocument, tcbInfoChain: [[UInt8]], qeIdentity: IntelDocument, qeIdentityChain: [[UInt8]],
    pckCRL: [UInt8], rootCRL: [UInt8]
  ) {
    self.tcbInfo = tcbInfo
    self.tcbInfoChain = tcbInfoChain
    self.qeIdentity = qeIdentity
    self.qeIdentityChain = qeIdentityChain
    self.pckCRL = pckCRL
    self.rootCRL = rootCRL
  }

  /// Reads the member `collateral` of evidence.
  public init(members given: ObjectReader) throws(FieldError) {
    var reader = given
    tcbInfo = try IntelDocument(members: try reader.object("tcbInfo"))
    tcbInfoChain = try reader.certificates("tcbInfoChain", maxCount: Limits.certificates)
    qeIdentity = try IntelDocument(members: try reader.object("qeIdentity"))
    qeIdentityChain = try reader.certificates("qeIdentityChain", maxCount: Limits.certificates)
    pckCRL = try reader.base64("pckCRL", maxBytes: Limits.revocations)
    rootCRL = try reader.base64("rootCRL", maxBytes: Limits.revocations)
    try reader.finish()
  }

  public var json: JSON {
    [
      "tcbInfo": tcbInfo.json, "tcbInfoChain": .array(tcbInfoChain.map { .string(Base64.encode($0)) }),
      "qeIdentity": qeIdentity.json, "qeIdentityChain": .array(qeIdentityChain.map { .string(Base64.encode($0)) }),
      "pckCRL": .string(Base64.encode(pckCRL)), "rootCRL": .string(Base64.encode(rootCRL)),
    ]
  }
}
