public import Attestation
import CanonicalJSON
import Cryptography

/// Evidence of an Azure confidential VM: the report that its paravisor stored when it booted, and a quote of the virtual TPM
/// by the key that the report names. Kind `azure-cvm`.
///
/// Nothing is fetched: the certificates of the processor's key (SNP) and the quote over the report (TDX) come from Azure's
/// metadata service, and who needs them in the evidence gives them here.
public struct AzureCollector: EvidenceCollector {
  /// Where the paravisor stores the report.
  public static let reportIndex: UInt32 = 0x0140_0001
  /// The attestation key that the report names.
  public static let keyHandle: UInt32 = 0x8100_0003
  private static let maxReportBytes = 8192

  public let device: TPMDevice
  /// Of the key that signed an SNP report, DER, that key's first.
  public let certificates: [[UInt8]]
  /// The quote over a TDX report, as Azure's service signed it.
  public let trustDomainQuote: [UInt8]?
  public let registers: Set<Int>
  let files: any KernelFiles

  public init(
    device: TPMDevice, certificates: [[UInt8]] = [], trustDomainQuote: [UInt8]? = nil,
    registers: Set<Int> = TPMCollector.defaultRegisters
  ) {
    self.init(
      device: device, certificates: certificates, trustDomainQuote: trustDomainQuote, registers: registers,
      files: SystemFiles())
  }

  package init(
    device: TPMDevice, certificates: [[UInt8]], trustDomainQuote: [UInt8]?,
    registers: Set<Int> = TPMCollector.defaultRegisters,
    files: any KernelFiles
  ) {
    self.device = device
    self.certificates = certificates
    self.trustDomainQuote = trustDomainQuote
    self.registers = registers
    self.files = files
  }

  public var kind: EvidenceKind { .azure }

  public func evidence(binding: [UInt8], runtime: RuntimeLog?) async throws(GuestFailure) -> Evidence {
    let eventLog = try BootEventLog(files: files).bytes(of: device.address)
    let json = try await members(binding: binding, logs: MeasurementLogs(eventLog: eventLog, runtime: runtime))
    do throws(FieldError) { return try Evidence(json: json) } catch { throw .field(error) }
  }

  /// `safebox-evidence/v1` of this kind.
  func members(binding: [UInt8], logs: MeasurementLogs) async throws(GuestFailure) -> JSON {
    let report: [UInt8]?
    let signed: SignedQuote
    do {
      report = try await device.storedBytes(at: Self.reportIndex, maxBytes: Self.maxReportBytes)
      signed = try await device.quote(byKeyAt: Self.keyHandle, extraData: binding, registers: registers)
    } catch { throw .tpm(error) }
    guard let report else { throw .absent("report at NV index 0x01400001: not a confidential VM of Azure") }
    var object = logs.members
    object["format"] = "safebox-evidence/v1"
    object["kind"] = .string(kind.rawValue)
    object["hclReport"] = .string(Base64.encode(report))
    object["certificates"] = .array(certificates.map { .string(Base64.encode($0)) })
    object["tdQuote"] = trustDomainQuote.map { .string(Base64.encode($0)) }
    object["quote"] = .string(Base64.encode(signed.quote.bytes))
    object["signature"] = .string(Base64.encode(signed.signature))
    object["pcrs"] = PCRBank.json([signed.registers])
    return .object(object)
  }
}
