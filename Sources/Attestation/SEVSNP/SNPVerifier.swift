import CanonicalJSON
import Cryptography

extension CheckID {
  static let snpFormat = CheckID("snp.format", "The report has the layout of its version and nothing else")
  static let snpCertificate = CheckID("snp.certificate", "The certificate is that of the kind of key that signed")
  static let snpChain = CheckID("snp.chain", "The certificate hangs below a trusted root of AMD")
  static let snpProduct = CheckID("snp.product", "Processor and certificate are of one line")
  static let snpSignature = CheckID("snp.signature", "The key signed the report")
  static let snpTCB = CheckID("snp.tcb", "The key was derived from the reported versions")
  static let snpChip = CheckID("snp.chip", "The certificate is that of the chip")
  static let snpBinding = CheckID("snp.binding", "The report was made for this question")
  static let snpRevocation = CheckID("snp.revocation", "Nobody has revoked the key")
}

/// Whether a report is genuine: its bytes, the chain of certificates, and what must agree between the two.
enum SNPVerifier {
  static let maxCertificates = 8

  /// - Parameters:
  ///   - certificates: DER, the signing key's first. Intermediates may be absent; roots in it count for nothing.
  ///   - binding: what REPORT_DATA must hold, and the check that says so.
  static func verify(
    report bytes: [UInt8], certificates: [[UInt8]], binding: Binding, as bindingCheck: CheckID = .snpBinding,
    in context: VerificationContext, into checks: inout CheckList
  ) -> SNPClaims? {
    let first = checks.checks.count
    checks.demand([
      .snpFormat, .snpCertificate, .snpChain, .snpProduct, .snpSignature, .snpTCB, bindingCheck,
    ])
    let report: SNPReport
    do throws(FieldError) { report = try SNPReport(bytes) } catch {
      checks.fail(.snpFormat, error)
      return nil
    }
    checks.pass(.snpFormat, "version \(report.version)")
    guard let signer = signer(certificates, of: report, into: &checks) else { return nil }
    // A failed check does not end the verification: all that is wrong is shown, and nothing is believed unless all hold.
    let anchor = chain(from: signer.leaf, over: certificates, in: context, into: &checks)
    product(report, signer.key, into: &checks)
    signature(report, signer.key, into: &checks)
    let tcbs = versions(report, signer.key, into: &checks)
    chip(report, signer.key, into: &checks)
    checks.bind(bindingCheck, report.reportData, to: binding, fixedWidth: true)
    checks.notPerformed(
      .snpRevocation, "AMD does not revoke the keys of chips and providers: minimum versions retire them")
    guard let anchor, let tcbs, checks.holds(since: first) else { return nil }
    return SNPClaims(
      assurance: anchor.assurance, report: report, product: signer.key.product, reportedTCB: tcbs.reported,
      committedTCB: tcbs.committed, currentTCB: tcbs.current, launchTCB: tcbs.launch,
      hardwareID: signer.key.hardwareID, provider: signer.key.provider)
  }

  /// The certificate of the key that the report says it is signed with.
  private static func signer(
    _ certificates: [[UInt8]], of report: SNPReport, into checks: inout CheckList
  ) -> (leaf: Certificate, key: SNPEndorsementKey)? {
    let expected = "the certificate of the \(report.signingKey.rawValue.uppercased())"
    guard let first = certificates.first else {
      checks.fail(.snpCertificate, expected: expected, actual: "no certificate")
      return nil
    }
    do {
      let leaf = try Certificate(der: first)
      let key = try SNPEndorsementKey(leaf)
      let holds = checks.require(
        .snpCertificate, key.kind == report.signingKey, expected: expected,
        actual: "\(key.kind.rawValue.uppercased()) of \(key.product.rawValue)")
      return holds ? (leaf, key) : nil
    } catch let error as FieldError {
      checks.fail(.snpCertificate, error)
    } catch {
      checks.fail(.snpCertificate, expected: expected, actual: "\(error)")
    }
    return nil
  }

  /// The root to which the signing key's certificate leads. What AMD publishes between the two may be left out of evidence;
  /// what is there must be part of the path, byte for byte, though no root is trusted for being there.
  private static func chain(
    from leaf: Certificate, over certificates: [[UInt8]], in context: VerificationContext, into checks: inout CheckList
  ) -> TrustAnchor? {
    let trusted = context.anchors.anchors(for: .amdSEV)
    let given = certificates.dropFirst().prefix(maxCertificates)
    do throws(PathFault) {
      let path = try CertificatePath.verify(
        leaf: leaf, intermediates: given.compactMap { try? Certificate(der: $0) } + AMDRoots.intermediates,
        anchors: trusted.map(\.certificate), at: context.at, maxDepth: 3)
      let strays = given.filter { der in !path.chain.contains { $0.der == der } }
      guard strays.isEmpty, let anchor = trusted.first(where: { $0.certificate == path.anchor }) else {
        checks.fail(
          .snpChain, expected: "the certificates of the path and no others", actual: "\(strays.count) others")
        return nil
      }
      checks.limit(until: path.deadline)
      checks.pass(.snpChain, path.chain.map { $0.subject.commonName ?? "?" }.joined(separator: " < "))
      return anchor
    } catch {
      checks.fail(.snpChain, expected: error.expected, actual: error.actual)
      return nil
    }
  }

  /// The report names its processor from version 3 on; the certificate's issuer names the line always.
  private static func product(
    _ report: SNPReport, _ key: SNPEndorsementKey, into checks: inout CheckList
  ) {
    guard let cpuid = report.cpuid else {
      return checks.pass(.snpProduct, "\(key.product.rawValue), by the certificate: version 2 names no processor")
    }
    let product = SNPProduct(family: cpuid.family, model: cpuid.model)
    checks.require(
      .snpProduct, product == key.product, expected: key.product.rawValue,
      actual: "\(product?.rawValue ?? "another line"): \(cpuid)")
  }

  private static func signature(_ report: SNPReport, _ key: SNPEndorsementKey, into checks: inout CheckList) {
    // A host may forbid the chip's key. The firmware then leaves the field empty, and the report is anybody's.
    guard !report.masksChipKey else {
      return checks.fail(.snpSignature, expected: "a signature", actual: "the host has masked the chip's key")
    }
    let isValid = (try? P384.Signature(p1363: report.signature)).map { key.key.isValid($0, for: report.signedBytes) }
    checks.require(
      .snpSignature, isValid ?? false, expected: "the signature of the key in the certificate",
      actual: isValid ?? false ? "ECDSA P-384 with SHA-384" : "another one")
  }

  private struct Versions {
    let reported, committed, current, launch: SNPTCB
  }

  /// The four versions, where all of them can be read and the reported one is that of the key.
  private static func versions(
    _ report: SNPReport, _ key: SNPEndorsementKey, into checks: inout CheckList
  ) -> Versions? {
    do throws(FieldError) {
      let product = key.product
      let versions = Versions(
        reported: try SNPTCB(report.reportedTCB, of: product, field: "report.reported tcb"),
        committed: try SNPTCB(report.committedTCB, of: product, field: "report.committed tcb"),
        current: try SNPTCB(report.currentTCB, of: product, field: "report.current tcb"),
        launch: try SNPTCB(report.launchTCB, of: product, field: "report.launch tcb"))
      checks.require(.snpTCB, versions.reported == key.tcb, expected: "\(key.tcb)", actual: "\(versions.reported)")
      return versions
    } catch {
      checks.fail(.snpTCB, error)
      return nil
    }
  }

  /// The chip in the certificate is the one in the report. Turin's identity is shorter than the field.
  private static func chip(_ report: SNPReport, _ key: SNPEndorsementKey, into checks: inout CheckList) {
    guard let hardwareID = key.hardwareID else {
      return checks.notApplicable(.snpChip, "the key is the provider's, on all its chips: \(key.provider ?? "unnamed")")
    }
    guard report.chipID.contains(where: { $0 != 0 }) else {
      return checks.notApplicable(.snpChip, "the host masks the chip's identity: the certificate alone names it")
    }
    checks.demand([.snpChip])
    let padded = hardwareID + [UInt8](repeating: 0, count: report.chipID.count - hardwareID.count)
    checks.require(
      .snpChip, report.chipID == padded, expected: Hex.encode(hardwareID), actual: Hex.encode(report.chipID))
  }
}

extension CheckList {
  /// Whether none of the checks failed that were made after the first `count`.
  func holds(since count: Int) -> Bool {
    !checks.dropFirst(count).contains { if case .failed = $0.outcome { true } else { false } }
  }
}
