import CanonicalJSON
import Cryptography

extension CheckID {
  static let nvidiaReport = CheckID("nvidia.report", "The report is an SPDM request and its answer, to the last byte")
  static let nvidiaCertificate = CheckID("nvidia.certificate", "The device's certificate can be read, and is of P-384")
  static let nvidiaChain = CheckID("nvidia.chain", "The certificate hangs below a trusted root of NVIDIA")
  static let nvidiaSignature = CheckID("nvidia.signature", "The device's key signed the report")
  static let nvidiaFirmware = CheckID("nvidia.firmware", "The firmware that signed is the one that was certified")
  static let nvidiaNonce = CheckID("nvidia.nonce", "The report was made for this question")
  static let nvidiaReferences = CheckID("nvidia.reference-values", "The measurements are NVIDIA's reference values")
  static let nvidiaRevocation = CheckID("nvidia.revocation", "Nobody has revoked the certificates")
}

/// Whether a GPU's report is genuine: its layout, its signature, and the chain to the root of NVIDIA's devices.
enum NVIDIAVerifier {
  static let maxCertificates = 8
  static let checks: [CheckID] = [
    .nvidiaReport, .nvidiaCertificate, .nvidiaChain, .nvidiaSignature, .nvidiaFirmware, .nvidiaNonce,
  ]

  /// - Parameter certificates: DER, the signing key's first. Roots in it count for nothing.
  static func verify(
    report bytes: [UInt8], certificates: [[UInt8]], in context: VerificationContext, into checks: inout CheckList
  ) -> NVIDIAClaims? {
    checks.demand(Self.checks)
    let report: NVIDIAReport
    do throws(FieldError) { report = try NVIDIAReport(bytes) } catch {
      checks.fail(.nvidiaReport, error)
      return nil
    }
    checks.pass(.nvidiaReport, "\(bytes.count) bytes, \(report.measurements.count) measurements")
    let signer = signer(certificates, into: &checks)
    var anchor: TrustAnchor?
    if let signer {
      anchor = chain(from: signer, in: context, into: &checks)
      let isSigned = signer.key.isValid(report.signature, for: report.signedBytes)
      checks.require(
        .nvidiaSignature, isSigned, expected: "the signature of the key in the certificate",
        actual: isSigned ? "ECDSA P-384 with SHA-384" : "another one")
      firmware(report, signer.leaf, into: &checks)
    }
    checks.bind(.nvidiaNonce, report.nonce, to: context.binding, fixedWidth: true)
    checks.notPerformed(
      .nvidiaReferences, "NVIDIA's reference integrity manifests are not read: a release or the policy names the values"
    )
    checks.notPerformed(
      .nvidiaRevocation, "NVIDIA answers by OCSP, which asks its server: the verifier opens no socket")
    guard let signer, let anchor, checks.holds else { return nil }
    return NVIDIAClaims(
      assurance: anchor.assurance, report: report, model: signer.leaf.subject.commonName,
      serialNumber: signer.leaf.subject.values(.serialNumberAttribute).first)
  }

  private struct Signer {
    let leaf: Certificate
    let key: P384.PublicKey
    let authorities: [Certificate]
  }

  private static func signer(_ certificates: [[UInt8]], into checks: inout CheckList) -> Signer? {
    guard let first = certificates.first else {
      checks.fail(.nvidiaCertificate, expected: "the device's certificate", actual: "no certificate")
      return nil
    }
    do throws(CryptographyError) {
      let leaf = try Certificate(der: first)
      let authorities = try certificates.dropFirst().map { der throws(CryptographyError) in try Certificate(der: der) }
      guard case .p384(let key) = leaf.publicKey else {
        checks.fail(.nvidiaCertificate, expected: "a key on P-384", actual: leaf.publicKey.summary)
        return nil
      }
      checks.pass(.nvidiaCertificate, leaf.subject.description)
      return Signer(leaf: leaf, key: key, authorities: authorities)
    } catch {
      checks.fail(.nvidiaCertificate, expected: "certificates", actual: error.description)
      return nil
    }
  }

  private static func chain(
    from signer: Signer, in context: VerificationContext, into checks: inout CheckList
  ) -> TrustAnchor? {
    let trusted = context.anchors.anchors(for: .nvidiaDevice)
    do throws(PathFault) {
      let path = try CertificatePath.verify(
        leaf: signer.leaf, intermediates: signer.authorities, anchors: trusted.map(\.certificate), at: context.at)
      let strays = signer.authorities.filter { !path.chain.contains($0) }
      guard strays.isEmpty, let anchor = trusted.first(where: { $0.certificate == path.anchor }) else {
        checks.fail(
          .nvidiaChain, expected: "the certificates of the path and no others", actual: "\(strays.count) others")
        return nil
      }
      checks.limit(until: path.deadline)
      checks.pass(.nvidiaChain, path.chain.map { $0.subject.commonName ?? "?" }.joined(separator: " < "))
      return anchor
    } catch {
      checks.fail(.nvidiaChain, expected: error.expected, actual: error.actual)
      return nil
    }
  }

  /// The device's boot ROM certified the key for one firmware, and the report names the one that runs.
  private static func firmware(_ report: NVIDIAReport, _ leaf: Certificate, into checks: inout CheckList) {
    guard let certified = FirmwareIdentity(leaf) else {
      return checks.fail(.nvidiaFirmware, expected: "a certificate that names its firmware", actual: "none is named")
    }
    checks.require(
      .nvidiaFirmware, report.firmwareID == certified.digest, expected: Hex.encode(certified.digest),
      actual: report.firmwareID.map(Hex.encode) ?? "absent")
  }
}

/// The extension in which a boot ROM names the firmware whose key it certifies (TCG DICE Attestation Architecture 1.0,
/// section 5.2.1: CompositeDeviceID).
struct FirmwareIdentity {
  static let identifier = OID(2, 23, 133, 5, 4, 1)
  private static let sha384 = OID(2, 16, 840, 1, 101, 3, 4, 2, 2)

  /// SHA-384.
  let digest: [UInt8]

  /// nil where there is none, or one that cannot be read.
  init?(_ certificate: Certificate) {
    guard let value = certificate.extension(Self.identifier), let digest = try? Self.digest(value) else { return nil }
    self.digest = digest
  }

  private static func digest(_ value: [UInt8]) throws(CryptographyError) -> [UInt8] {
    var document = try DERReader(value, path: "fwid")
    var fields = try document.sequence("compositeDeviceID")
    _ = try fields.integer("version", in: 0...1)
    _ = try fields.element(.sequence, "deviceKey")
    var firmware = try fields.sequence("fwid")
    guard try firmware.objectIdentifier("hashAlg") == sha384 else {
      throw .malformed("fwid.hashAlg", reason: "is not SHA-384")
    }
    let digest = try firmware.octetString("digest")
    try firmware.finish()
    try fields.finish()
    try document.finish()
    return digest
  }
}
