import CanonicalJSON
import Cryptography

/// Whether a TDX quote is genuine: every signature from the report up to Intel's root, and Intel's word on the platform where
/// it was given.
public enum TDXQuoteVerifier {
  /// Makes every check of a quote but one: whether its report data is what it must be is the caller's to check, with the
  /// ``VerifiedTDXQuote/report`` that is returned.
  ///
  /// - Parameters:
  ///   - bytes: the quote, alone or at the start of a buffer of zeros.
  ///   - collateral: nil makes its checks `not-performed`: whoever accepts that must say so (``TDXQuotePolicy``).
  /// - Returns: What the quote says, only where every check that was made here held.
  public static func verify(
    quote bytes: [UInt8], collateral: TDXCollateral?, in context: VerificationContext, into checks: inout CheckList
  ) -> VerifiedTDXQuote? {
    let made = checks.checks.count
    checks.demand(CheckID.tdxQuoteChecks)
    if collateral != nil { checks.demand(CheckID.tdxCollateralChecks) }
    let quote: TDXQuote
    do { quote = try TDXQuote(parsing: bytes) } catch {
      checks.fail(.tdxFormat, error)
      return nil
    }
    checks.pass(.tdxFormat, "version \(quote.version), TD report \(quote.report.version.name)")
    length(quote, of: bytes.count, into: &checks)
    signature(quote, into: &checks)
    attestationKey(quote, into: &checks)
    let anchors = IntelAnchors(context)
    guard let pck = PCKCertificate.verify(quote, anchors: anchors, at: context.at, into: &checks) else { return nil }

    var verified: TDXCollateralVerifier?
    if let collateral {
      verified = TDXCollateralVerifier.verify(collateral, pck: pck, anchors: anchors, at: context.at, into: &checks)
    } else {
      for id in CheckID.tdxCollateralChecks { checks.notPerformed(id, "the evidence carries no collateral") }
    }
    identity(quote.quotingEnclave, verified?.qeIdentity, into: &checks)
    let standing = module(quote.report, verified, pck, quote.quotingEnclave, into: &checks)
    let fails = checks.checks[made...].contains { if case .failed = $0.outcome { true } else { false } }
    guard !fails, let assurance = pck.assurance, let platform = pck.platform, collateral == nil || standing != nil
    else {
      return nil
    }
    return VerifiedTDXQuote(assurance: assurance, quote: quote, platform: platform, tcb: standing)
  }

  /// Bytes after the quote are signed by nobody, so they may say nothing.
  private static func length(_ quote: TDXQuote, of count: Int, into checks: inout CheckList) {
    let trailing = quote.trailing
    if trailing.isEmpty { return checks.pass(.tdxLength, "\(count) bytes") }
    checks.require(
      .tdxLength, trailing.allSatisfy { $0 == 0 } && TDXQuote.isBuffer(of: count, trailing: trailing.count),
      expected: "nothing after the quote, or the zeros of a buffer of a known size",
      actual: "\(count - trailing.count) bytes, then \(trailing.count) "
        + "\(trailing.allSatisfy { $0 == 0 } ? "zeros" : "bytes that nobody signed") in \(count)")
  }

  private static func signature(_ quote: TDXQuote, into checks: inout CheckList) {
    let key = try? P256.PublicKey(x963: [4] + quote.attestationKey)
    let signature = try? ECDSASignature(p1363: quote.signature)
    var holds = false
    if let key, let signature { holds = key.isValid(signature, for: quote.signedBytes) }
    checks.require(
      .tdxQuoteSignature, holds, expected: "a signature of the attestation key over header and report",
      actual: holds ? "ECDSA P-256" : key == nil ? "a key that is no point of P-256" : "no valid signature")
  }

  /// The enclave hashes its key and its authentication data into its own report, and zeros fill the field (DCAP quoting
  /// library API, appendix A.4, QE report data).
  private static func attestationKey(_ quote: TDXQuote, into checks: inout CheckList) {
    let digest = SHA256.hash(quote.attestationKey + quote.authenticationData).bytes
    let expected = digest + [UInt8](repeating: 0, count: 32)
    checks.require(
      .tdxAttestationKey, quote.quotingEnclave.reportData == expected, expected: Hex.encode(expected),
      actual: Hex.encode(quote.quotingEnclave.reportData))
  }

  /// Whoever owns a platform can have its key sign reports of enclaves of their own: only the enclave's identity tells.
  private static func identity(_ report: SGXReport, _ document: QEIdentity?, into checks: inout CheckList) {
    let enclave = document?.enclave ?? .published
    if let difference = enclave.difference(from: report) { return checks.fail(.tdxQEIdentity, difference) }
    checks.pass(
      .tdxQEIdentity,
      "TD_QE of \(Hex.encode(report.mrSigner.prefix(8)))..., version \(report.securityVersion)"
        + (document == nil ? ", held against what this program knows" : ""))
  }

  /// Who signed the TDX module, and how it stands together with platform and quoting enclave.
  private static func module(
    _ report: TDReport, _ collateral: TDXCollateralVerifier?, _ pck: PCKCertificate, _ enclave: SGXReport,
    into checks: inout CheckList
  ) -> TDXStanding? {
    guard let collateral, let info = collateral.tcbInfo else {
      // Every published identity so far has neither a signer nor attributes: Intel's own module.
      let isIntel = (report.mrSignerSEAM + report.seamAttributes).allSatisfy { $0 == 0 }
      checks.require(
        .tdxModule, isIntel, expected: "zero as signer and attributes",
        actual: isIntel
          ? "signed by Intel, held against what this program knows"
          : Hex.encode(report.mrSignerSEAM + report.seamAttributes))
      return nil
    }
    guard let (name, module) = info.module(of: report) else {
      checks.fail(
        .tdxModule, expected: "a module that TCB info names",
        actual: "major version \(report.teeTCBSVN[1]), not among \(info.modules.keys.sorted().joined(separator: ", "))")
      return nil
    }
    checks.require(
      .tdxModule, module.accepts(report),
      expected: "\(name) of signer \(Hex.encode(module.mrSigner)), attributes \(Hex.encode(module.attributes))",
      actual: "signer \(Hex.encode(report.mrSignerSEAM)), attributes \(Hex.encode(report.seamAttributes))")
    guard let platform = pck.platform, let identity = collateral.qeIdentity else { return nil }
    return level(name, module, of: report, platform, enclave, info, identity, into: &checks)
  }

  private static func level(
    _ name: String, _ module: TCBInfo.Module, of report: TDReport, _ platform: PCKPlatform, _ enclave: SGXReport,
    _ info: TCBInfo, _ identity: QEIdentity, into checks: inout CheckList
  ) -> TDXStanding? {
    guard let level = info.level(of: platform, report: report) else {
      checks.fail(
        .tdxTCBLevel, expected: "a level of TCB info that the platform reaches",
        actual: "components \(Hex.encode(platform.componentSVNs)), PCE \(platform.pceSVN), "
          + "TDX \(Hex.encode(report.teeTCBSVN))")
      return nil
    }
    var standing = level.standing
    var advisories = level.advisories
    var moduleStanding = level.standing
    // A module of major version 0 stands as the platform's level says.
    if report.teeTCBSVN[1] != 0 {
      guard let reached = EnclaveLevel.first(reachedBy: UInt16(report.teeTCBSVN[0]), in: module.levels) else {
        checks.fail(
          .tdxTCBLevel, expected: "a level of \(name) that the module reaches", actual: "version \(report.teeTCBSVN[0])"
        )
        return nil
      }
      moduleStanding = reached.standing
      standing = standing.joined(reached.standing)
      advisories.formUnion(reached.advisories)
    }
    guard let reached = EnclaveLevel.first(reachedBy: enclave.securityVersion, in: identity.levels) else {
      checks.fail(
        .tdxTCBLevel, expected: "a level of TD_QE that the quoting enclave reaches",
        actual: "version \(enclave.securityVersion)")
      return nil
    }
    let result = TDXStanding(
      standing: standing.joined(reached.standing), platform: level.standing, module: moduleStanding,
      quotingEnclave: reached.standing, advisories: advisories.union(reached.advisories),
      evaluationNumber: min(info.evaluationNumber, identity.evaluationNumber))
    checks.pass(
      .tdxTCBLevel,
      "\(result.standing.name): platform \(level.standing.name), module \(moduleStanding.name), "
        + "quoting enclave \(reached.standing.name)")
    return result
  }
}
