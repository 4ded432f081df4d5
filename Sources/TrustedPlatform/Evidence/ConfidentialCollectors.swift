public import Attestation
import CanonicalJSON

/// Evidence of AMD SEV-SNP: a report, with the certificates that the host keeps. Kind `sev-snp`.
public struct SNPCollector: EvidenceCollector {
  /// How the report is asked for.
  public enum Interface: String, Sendable, Hashable, CaseIterable {
    /// `/sys/kernel/config/tsm/report` (Linux 6.7 and later).
    case configuration = "configfs"
    /// `/dev/sev-guest`.
    case device
  }

  public let interface: Interface
  /// Certificates in DER, PEM or AMD's form for hosts whose table is empty: the processor's own comes from AMD's service.
  public let certificates: [[UInt8]]
  let files: any KernelFiles

  public init(interface: Interface, certificates: [[UInt8]] = []) {
    self.init(interface: interface, certificates: certificates, files: SystemFiles())
  }

  package init(interface: Interface, certificates: [[UInt8]], files: any KernelFiles) {
    self.interface = interface
    self.certificates = certificates
    self.files = files
  }

  public var kind: EvidenceKind { .snp }

  public func evidence(binding: [UInt8], runtime: RuntimeLog?) async throws(GuestFailure) -> Evidence {
    guard runtime == nil else {
      throw .field(
        FieldError(field: "runtime", expected: "none: SNP has no register for them", actual: "runtime events"))
    }
    let (interface, files) = (interface, files)
    let report = try await DeviceQueue.run { () throws(GuestFailure) in
      switch interface {
      case .configuration: try ConfidentialReports(files: files).report(over: binding, from: .snp)
      case .device: try SNPGuest().report(over: binding)
      }
    }
    return try Self.evidence(of: report, certificates: certificates)
  }

  /// Puts the report and the certificates together. Nothing is verified.
  static func evidence(
    of report: ConfidentialReports.Report, certificates: [[UInt8]]
  ) throws(GuestFailure) -> Evidence {
    let attachments = ([report.auxiliary].compactMap(\.self) + certificates).enumerated().map {
      (name: "certificates \($0)", bytes: $1)
    }
    do throws(FieldError) {
      guard let evidence = try SNPEvidence.recognise(RawEvidence(bytes: report.report, attachments: attachments)) else {
        throw FieldError(field: "report", expected: "an SEV-SNP report", actual: "\(report.report.count) other bytes")
      }
      return Evidence(evidence)
    } catch { throw .field(error) }
  }
}

/// Evidence of an Intel trust domain: a quote, with the log behind its registers. Kind `tdx`. Intel's collateral is not
/// fetched: whoever verifies gives it.
public struct TDXCollector: EvidenceCollector {
  let files: any KernelFiles

  public init() { self.init(files: SystemFiles()) }

  package init(files: any KernelFiles) { self.files = files }

  public var kind: EvidenceKind { .tdx }

  public func evidence(binding: [UInt8], runtime: RuntimeLog?) async throws(GuestFailure) -> Evidence {
    let files = files
    let report = try await DeviceQueue.run { () throws(GuestFailure) in
      try ConfidentialReports(files: files).report(over: binding, from: .tdx)
    }
    guard report.report.count > 8 else {
      throw .field(
        FieldError(field: "quote", expected: "a TDX quote", actual: "\(report.report.count) bytes"))
    }
    let eventLog = try BootEventLog(files: files).confidentialBytes()
    return Evidence(
      TDXEvidence(quote: report.report, logs: MeasurementLogs(eventLog: eventLog, runtime: runtime)))
  }
}
