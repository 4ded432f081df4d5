import CanonicalJSON
import Cryptography

extension CheckID {
  static let azureFormat = CheckID("azure.format", "The paravisor's report has its layout and nothing else")
  static let azureRuntimeData = CheckID("azure.runtime-data", "The hardware's report names the runtime data")
  static let azureParavisor = CheckID("azure.paravisor", "The paravisor itself asked for the hardware's report")
  static let azureTDReport = CheckID("azure.td-report", "The signed quote is of the report that the paravisor keeps")
  static let azureKey = CheckID("azure.ak", "The runtime data has one attestation key")
  static let azureKeyAttributes = CheckID("azure.ak-attributes", "The attestation key never leaves its TPM")
}

/// Whether evidence of two layers is genuine. The order is that of trust: the maker of the processor vouches for the report,
/// the report for the runtime data, the runtime data for the key, the key for the quote, the quote for the logs.
enum AzureVerifier {
  static func verify(
    _ evidence: AzureEvidence, in context: VerificationContext, into checks: inout CheckList
  ) -> AzureClaims? {
    let first = checks.checks.count
    checks.demand([.azureFormat, .azureRuntimeData, .azureKey] + TPMQuoteVerifier.checks)
    let hcl: HCLReport
    do throws(FieldError) { hcl = try HCLReport(evidence.hclReport) } catch {
      checks.fail(.azureFormat, error)
      return nil
    }
    checks.pass(.azureFormat, "\(hcl.hardware.rawValue), \(hcl.runtimeData.count) bytes of runtime data")
    let hardware = hardware(hcl, evidence, in: context, into: &checks)
    let runtimeData: AzureRuntimeData
    do throws(FieldError) { runtimeData = try AzureRuntimeData(hcl.runtimeData) } catch {
      checks.fail(.azureKey, error)
      return nil
    }
    let key = TPMPublicKey.rsa(runtimeData.attestationKey)
    checks.pass(.azureKey, SHA256.hash(key.spkiDER).hex)
    checks.notPerformed(
      .azureKeyAttributes, "the runtime data has the bare key: the paravisor, which made it, is trusted to keep it")
    let signature: TPMTSignature
    do throws(FieldError) { signature = try TPMTSignature(evidence.signature) } catch {
      checks.fail(.tpmSignature, error)
      return nil
    }
    let quote = TPMQuoteVerifier.verify(
      quote: evidence.quote, signature: signature, key: key, pcrs: evidence.pcrs, binding: context.binding,
      into: &checks)
    // Logs are held against registers that are signed, never against those that only came along.
    guard let quote, let bank = quote.measuredBank else { return nil }
    let measurements = evidence.logs.verify(against: bank.measured, into: &checks)
    guard let hardware, checks.holds(since: first) else { return nil }
    return AzureClaims(hardware: hardware, runtimeData: runtimeData, quote: quote, measurements: measurements)
  }

  /// What the processor says, bound to the runtime data.
  private static func hardware(
    _ hcl: HCLReport, _ evidence: AzureEvidence, in context: VerificationContext, into checks: inout CheckList
  ) -> AzureClaims.Hardware? {
    // The report was made when the machine started: freshness is the quote's to prove, not its.
    let binding = Binding.bytes(SHA256.hash(hcl.runtimeData).bytes)
    switch hcl.hardware {
    case .snp:
      checks.demand([.azureParavisor])
      let claims = SNPVerifier.verify(
        report: hcl.report, certificates: evidence.certificates, binding: binding, as: .azureRuntimeData, in: context,
        into: &checks)
      guard let claims else { return nil }
      // The guest runs at a lower level. A report that it asked for itself would vouch for runtime data, and so for a key, of
      // its own making.
      checks.require(
        .azureParavisor, claims.report.vmpl == 0, expected: "privilege level 0", actual: "\(claims.report.vmpl)")
      return .snp(claims)
    case .tdx:
      checks.demand([.azureTDReport])
      guard let quote = evidence.tdQuote else {
        checks.fail(.azureTDReport, expected: "a quote of the TDREPORT", actual: "absent")
        return nil
      }
      let verified = TDXQuoteVerifier.verify(
        quote: quote, collateral: evidence.collateral, in: context, into: &checks)
      guard let verified else { return nil }
      checks.require(
        .azureTDReport, AzureTDReport.isOf(verified.report, hcl.report),
        expected: "the TDREPORT beside the runtime data",
        actual: "report data \(Hex.encode(verified.report.reportData))")
      checks.bind(.azureRuntimeData, verified.report.reportData, to: binding, fixedWidth: true)
      return .tdx(verified)
    }
  }
}

/// A TDREPORT (Intel TDX module ABI specification, TDREPORT_STRUCT): what the machine itself can check by its MAC, and what
/// became of it in the quote.
enum AzureTDReport {
  /// Whether the quote says what the report says. Its MAC and CPUSVN are between the machine and its quoting enclave: nobody
  /// else can check them, and nothing rests on them.
  static func isOf(_ quoted: TDReport, _ report: [UInt8]) -> Bool {
    guard report.count == 1024 else { return false }
    let head = [0x81] + [UInt8](repeating: 0, count: 15)
    let tcbInfo = Array(report[256..<495])
    let domain = Array(report[512...])
    let fields =
      quoted.attributes.bytes + quoted.xfam + quoted.mrTD + quoted.mrConfigID + quoted.mrOwner + quoted.mrOwnerConfig
      + quoted.rtmrs.flatMap(\.self)
    return Array(report[..<16]) == head
      && Array(report[32..<80]) == SHA384.hash(tcbInfo) && Array(report[80..<128]) == SHA384.hash(domain)
      && Array(report[128..<192]) == quoted.reportData && report[192..<224].allSatisfy { $0 == 0 }
      && report[495..<512].allSatisfy { $0 == 0 }
      && Array(tcbInfo[8..<128]) == quoted.teeTCBSVN + quoted.mrSEAM + quoted.mrSignerSEAM + quoted.seamAttributes
      && domain.starts(with: fields)
  }
}
