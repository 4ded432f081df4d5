public import CanonicalJSON
import Cryptography

/// An attestation report of AMD SEV-SNP with the certificates of the key that signed it: kind `sev-snp`.
///
///     {"format": "safebox-evidence/v1", "kind": "sev-snp", "report": BASE64, "certificates": [BASE64 of DER, ...]}
public struct SNPEvidence: EvidenceFormat {
  public static let kind = EvidenceKind.snp

  public enum Limits {
    public static let reportBytes = 4096
  }

  /// As it came: whether it is 1184 bytes is the verifier's first check.
  public let report: [UInt8]
  /// DER; the signing key's first.
  public let certificates: [[UInt8]]

  public init(report: [UInt8], certificates: [[UInt8]]) {
    self.report = report
    self.certificates = certificates
  }

  public init(members reader: inout ObjectReader) throws(FieldError) {
    report = try reader.base64("report", maxBytes: Limits.reportBytes)
    certificates = try reader.certificates("certificates")
  }

  public var members: JSONObject {
    [
      "report": .string(Base64.encode(report)),
      "certificates": .array(certificates.map { .string(Base64.encode($0)) }),
    ]
  }

  public func verify(in context: VerificationContext, into checks: inout CheckList) -> SNPClaims? {
    SNPVerifier.verify(
      report: report, certificates: certificates, binding: context.binding, in: context, into: &checks)
  }

  public typealias Policy = SNPPolicy
}

extension SNPEvidence {
  public var explanation: [EvidenceLine] { Self.explanation(report: report) + Self.explanation(certificates) }

  static func explanation(report bytes: [UInt8]) -> [EvidenceLine] {
    let report: SNPReport
    do throws(FieldError) { report = try SNPReport(bytes) } catch {
      return [EvidenceLine("report", "unreadable: \(error.field): expected \(error.expected), found \(error.actual)")]
    }
    let product = report.cpuid.flatMap { SNPProduct(family: $0.family, model: $0.model) }
    func versions(_ bytes: [UInt8]) -> String {
      product.flatMap { try? SNPTCB(bytes, of: $0, field: "tcb") }.map { "\($0)" } ?? Hex.encode(bytes)
    }
    var lines = [
      EvidenceLine("report version", String(report.version)),
      EvidenceLine("processor", report.cpuid.map { "\($0)" } ?? "not named before version 3"),
      EvidenceLine("signing key", report.masksChipKey ? "masked" : report.signingKey.rawValue.uppercased()),
      EvidenceLine("privilege level", String(report.vmpl)),
      EvidenceLine("measurement", Hex.encode(report.measurement)),
      EvidenceLine("report data", Hex.encode(report.reportData)),
      EvidenceLine("host data", Hex.encode(report.hostData)),
      EvidenceLine("guest svn", String(report.guestSVN)),
      EvidenceLine("guest policy", hexadecimal(report.policy.bits)),
      EvidenceLine("debugging", report.policy.allowsDebug ? "allowed" : "forbidden"),
      EvidenceLine("migration", report.policy.allowsMigration ? "allowed" : "forbidden"),
      EvidenceLine("family, image", "\(Hex.encode(report.familyID)), \(Hex.encode(report.imageID))"),
      EvidenceLine("id key digest", Hex.encode(report.idKeyDigest)),
      EvidenceLine("author key digest", Hex.encode(report.authorKeyDigest)),
      EvidenceLine(
        "platform", SNPPlatformInfo.Flag.allCases.filter(report.platform.has).map(\.rawValue).joined(separator: ", ")),
      EvidenceLine("reported tcb", versions(report.reportedTCB)),
      EvidenceLine("committed tcb", versions(report.committedTCB)),
      EvidenceLine("current tcb", versions(report.currentTCB)),
      EvidenceLine("launch tcb", versions(report.launchTCB)),
      EvidenceLine("firmware", "\(report.currentFirmware), committed \(report.committedFirmware)"),
      EvidenceLine("chip", Hex.encode(report.chipID)),
    ]
    if let launch = report.launchMitigations, let current = report.currentMitigations {
      lines.append(EvidenceLine("mitigations", "\(hexadecimal(current)), at launch \(hexadecimal(launch))"))
    }
    return lines
  }

  static func explanation(_ certificates: [[UInt8]]) -> [EvidenceLine] {
    certificates.map { der in
      guard let certificate = try? Certificate(der: der) else { return EvidenceLine("certificate", "unreadable") }
      return EvidenceLine("certificate", "\(certificate.subject), by \(certificate.issuer)")
    }
  }
}
