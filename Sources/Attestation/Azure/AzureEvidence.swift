public import CanonicalJSON
import Cryptography

/// Evidence of an Azure confidential VM in two layers, kind `azure-cvm`: the hardware vouches for the TPM's key, and the TPM's
/// quote answers the question.
///
///     {"format", "kind": "azure-cvm", "hclReport": BASE64, "certificates": [BASE64, ...],
///      "tdQuote": BASE64, "collateral": {...}, "quote": BASE64, "signature": BASE64, "pcrs": {...}, "eventLog", "runtime"}
///
/// `tdQuote` and `collateral` are there where TDX lies below, `certificates` are those of an SNP report.
public struct AzureEvidence: EvidenceFormat {
  public typealias Claims = AzureClaims
  public typealias Policy = AzurePolicy

  public static let kind = EvidenceKind.azure

  /// The contents of NV index 0x01400001.
  public var hclReport: [UInt8]
  /// Of the key that signed an SNP report, DER, that key's first.
  public var certificates: [[UInt8]]
  /// The TDREPORT as Azure's quoting service signed it.
  public var tdQuote: [UInt8]?
  public var collateral: TDXCollateral?
  /// TPMS_ATTEST.
  public var quote: [UInt8]
  /// TPMT_SIGNATURE.
  public var signature: [UInt8]
  public var pcrs: [PCRBank]
  public var logs: MeasurementLogs

  public init(
    hclReport: [UInt8], certificates: [[UInt8]] = [], tdQuote: [UInt8]? = nil, collateral: TDXCollateral? = nil,
    quote: [UInt8], signature: [UInt8], pcrs: [PCRBank], logs: MeasurementLogs = MeasurementLogs()
  ) {
    self.hclReport = hclReport
    self.certificates = certificates
    self.tdQuote = tdQuote
    self.collateral = collateral
    self.quote = quote
    self.signature = signature
    self.pcrs = pcrs
    self.logs = logs
  }

  public init(members reader: inout ObjectReader) throws(FieldError) {
    hclReport = try reader.base64("hclReport", maxBytes: HCLReport.maxBytes)
    certificates = try reader.certificates("certificates")
    tdQuote = try reader.optionalBase64("tdQuote", maxBytes: TDXQuote.Limits.bytes)
    collateral = try reader.optionalObject("collateral").map { object throws(FieldError) in
      try TDXCollateral(members: object)
    }
    quote = try reader.base64("quote", maxBytes: TPMQuote.maxBytes)
    signature = try reader.base64("signature", maxBytes: TPMTSignature.maxBytes + 16)
    pcrs = try PCRBank.banks(try reader.json("pcrs"), path: reader.pathOf("pcrs"))
    logs = try MeasurementLogs(members: &reader)
  }

  public var members: JSONObject {
    var object = logs.members
    object["hclReport"] = .string(Base64.encode(hclReport))
    object["certificates"] = .array(certificates.map { .string(Base64.encode($0)) })
    object["tdQuote"] = tdQuote.map { .string(Base64.encode($0)) }
    object["collateral"] = collateral?.json
    object["quote"] = .string(Base64.encode(quote))
    object["signature"] = .string(Base64.encode(signature))
    object["pcrs"] = PCRBank.json(pcrs)
    return object
  }

  public func verify(in context: VerificationContext, into checks: inout CheckList) -> AzureClaims? {
    AzureVerifier.verify(self, in: context, into: &checks)
  }

  public var explanation: [EvidenceLine] {
    let hcl: HCLReport
    do throws(FieldError) { hcl = try HCLReport(hclReport) } catch {
      return [
        EvidenceLine("hcl report", "unreadable: \(error.field): expected \(error.expected), found \(error.actual)")
      ]
    }
    var lines = [
      EvidenceLine("hardware", hcl.hardware.rawValue),
      EvidenceLine("runtime data", String(decoding: hcl.runtimeData, as: UTF8.self)),
    ]
    switch hcl.hardware {
    case .snp: lines += SNPEvidence.explanation(report: hcl.report) + SNPEvidence.explanation(certificates)
    case .tdx:
      guard let tdQuote else { return lines + [EvidenceLine("td quote", "absent")] }
      lines += TDXEvidence(quote: tdQuote, collateral: collateral).explanation
    }
    return lines
      + TPMEvidence(key: nil, quote: quote, signature: signature, pcrs: pcrs, logs: logs).explanation
  }
}
