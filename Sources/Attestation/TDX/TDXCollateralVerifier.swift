import CanonicalJSON
import Cryptography

/// Collateral as far as it held: documents whose signature did not are nil, and are used for nothing.
struct TDXCollateralVerifier {
  private(set) var tcbInfo: TCBInfo?
  private(set) var qeIdentity: QEIdentity?

  static let signerName = "Intel SGX TCB Signing"

  /// Makes the checks of collateral but the last, which needs the report.
  static func verify(
    _ collateral: TDXCollateral, pck: PCKCertificate, anchors: IntelAnchors, at: Int64, into checks: inout CheckList
  ) -> TDXCollateralVerifier {
    var result = TDXCollateralVerifier()
    // Another root, though accepted, has no say on this one's platforms.
    let anchors = anchors.only(pck.path?.anchor)
    let infoSigner = signer(collateral.tcbInfoChain, anchors, at: at, .tdxTCBSigner, into: &checks)
    if let infoSigner, isSigned(collateral.tcbInfo, by: infoSigner, .tdxTCBInfo, into: &checks) {
      result.tcbInfo = tcbInfo(collateral.tcbInfo, pck, at: at, into: &checks)
    }
    let identitySigner = signer(collateral.qeIdentityChain, anchors, at: at, .tdxQESigner, into: &checks)
    if let identitySigner, isSigned(collateral.qeIdentity, by: identitySigner, .tdxQEDocument, into: &checks) {
      result.qeIdentity = qeIdentity(collateral.qeIdentity, at: at, into: &checks)
    }
    revocation(collateral, pck, [infoSigner, identitySigner].compactMap(\.self), anchors, at: at, into: &checks)
    return result
  }

  /// The certificate that signs documents: it stands directly below the root. A document is held against the key even where
  /// the path fails, so that the report says which of the two it was.
  private static func signer(
    _ chain: [[UInt8]], _ anchors: IntelAnchors, at: Int64, _ id: CheckID, into checks: inout CheckList
  ) -> Certificate? {
    let leaf: Certificate
    do {
      var certificates: [Certificate] = []
      for der in chain { certificates.append(try Certificate(der: der)) }
      leaf = try anchors.withoutRoot(certificates, count: 1)[0]
    } catch {
      checks.fail(id, expected: "the certificate \(signerName)", actual: "\(error)")
      return nil
    }
    // The root issues CAs of platforms too, and those issue keys that platforms' owners use.
    guard leaf.subject.commonName == signerName else {
      checks.fail(id, expected: signerName, actual: leaf.subject.description)
      return nil
    }
    _ = PCKCertificate.path(leaf, [], anchors, at: at, id, into: &checks)
    return leaf
  }

  private static func isSigned(
    _ document: IntelDocument, by signer: Certificate, _ id: CheckID, into checks: inout CheckList
  ) -> Bool {
    if case .p256(let key) = signer.publicKey, document.isSigned(by: key) { return true }
    checks.fail(id, expected: "a signature of \(signerName) over the document's bytes", actual: "no valid signature")
    return false
  }

  private static func tcbInfo(
    _ document: IntelDocument, _ pck: PCKCertificate, at: Int64, into checks: inout CheckList
  ) -> TCBInfo? {
    let info: TCBInfo
    do { info = try TCBInfo(parsing: document.document) } catch {
      checks.fail(.tdxTCBInfo, error)
      return nil
    }
    checks.pass(.tdxTCBInfo, "\(info.levels.count) levels, evaluation number \(info.evaluationNumber)")
    current(.tdxTCBInfoCurrent, info.issueDate, info.nextUpdate, at: at, into: &checks)
    guard let platform = pck.platform else { return nil }
    checks.require(
      .tdxTCBInfoPlatform, info.fmspc == platform.fmspc && info.pceID == platform.pceID,
      expected: "FMSPC \(Hex.encode(platform.fmspc)), PCEID \(Hex.encode(platform.pceID))",
      actual: "FMSPC \(Hex.encode(info.fmspc)), PCEID \(Hex.encode(info.pceID))")
    return info
  }

  private static func qeIdentity(
    _ document: IntelDocument, at: Int64, into checks: inout CheckList
  ) -> QEIdentity? {
    let identity: QEIdentity
    do { identity = try QEIdentity(parsing: document.document) } catch {
      checks.fail(.tdxQEDocument, error)
      return nil
    }
    checks.pass(.tdxQEDocument, "\(identity.levels.count) levels, evaluation number \(identity.evaluationNumber)")
    current(.tdxQEDocumentCurrent, identity.issueDate, identity.nextUpdate, at: at, into: &checks)
    return identity
  }

  private static func current(
    _ id: CheckID, _ issued: Int64, _ next: Int64, at: Int64, into checks: inout CheckList
  ) {
    let holds = issued <= at && at <= next
    if holds { checks.limit(until: next) }
    checks.require(id, holds, expected: "issued at \(issued), next update at \(next)", actual: "judged at \(at)")
  }

  /// The root's list names CAs and signers, the CA's list names platforms. Each must be signed by whoever issued what it
  /// could revoke.
  private static func revocation(
    _ collateral: TDXCollateral, _ pck: PCKCertificate, _ signers: [Certificate], _ anchors: IntelAnchors, at: Int64,
    into checks: inout CheckList
  ) {
    guard let root = pck.path?.anchor else { return }
    let rootList = list(collateral.rootCRL, root, at: at, .tdxRootCRL, into: &checks)
    let pckList = list(collateral.pckCRL, pck.authority, at: at, .tdxPCKCRL, into: &checks)
    guard let rootList, let pckList else { return }
    var revoked = ([pck.authority] + signers).filter { rootList.contains($0.serialNumber) }
    if pckList.contains(pck.leaf.serialNumber) { revoked.append(pck.leaf) }
    checks.require(
      .tdxRevocation, revoked.isEmpty, expected: "no revoked certificate",
      actual: revoked.isEmpty
        ? "\(rootList.count) and \(pckList.count) others revoked"
        : revoked.map { "\($0.subject.description) \(Hex.encode($0.serialNumber))" }.joined(separator: "; "))
  }

  private static func list(
    _ der: [UInt8], _ issuer: Certificate, at: Int64, _ id: CheckID, into checks: inout CheckList
  ) -> CertificateRevocationList? {
    do {
      let list = try CertificateRevocationList(der: der)
      checks.limit(until: try list.verify(issuer: issuer, at: at))
      checks.pass(id, "\(list.count) revoked")
      return list
    } catch let fault as PathFault {
      checks.fail(id, expected: fault.expected, actual: fault.actual)
    } catch {
      checks.fail(id, expected: "a revocation list", actual: "\(error)")
    }
    return nil
  }
}
