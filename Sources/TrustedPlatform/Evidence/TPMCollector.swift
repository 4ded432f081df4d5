public import Attestation
import CanonicalJSON

/// Evidence of a TPM: a quote over its registers by its attestation key, with the logs that explain them. Kind `tpm`.
public struct TPMCollector: EvidenceCollector {
  /// Boot (0 to 7), what boot loaders and systemd-stub measure (8 to 15; 14 takes the box's runtime events).
  public static let defaultRegisters = Set(0...15)

  public let device: TPMDevice
  public let key: AttestationKey.Kind
  /// The attestation key's certificate first, then intermediates, DER; may be empty, as the key may be enrolled instead.
  public let certificates: [[UInt8]]
  public let registers: Set<Int>
  let files: any KernelFiles

  public init(
    device: TPMDevice, key: AttestationKey.Kind = .p256, certificates: [[UInt8]] = [],
    registers: Set<Int> = Self.defaultRegisters
  ) {
    self.init(device: device, key: key, certificates: certificates, registers: registers, files: SystemFiles())
  }

  package init(
    device: TPMDevice, key: AttestationKey.Kind = .p256, certificates: [[UInt8]],
    registers: Set<Int> = Self.defaultRegisters, files: any KernelFiles
  ) {
    self.device = device
    self.key = key
    self.certificates = certificates
    self.registers = registers
    self.files = files
  }

  public var kind: EvidenceKind { .tpm }

  public func evidence(binding: [UInt8], runtime: RuntimeLog?) async throws(GuestFailure) -> Evidence {
    let signed: SignedQuote
    do {
      signed = try await device.quote(by: key, extraData: binding, registers: registers)
    } catch { throw .tpm(error) }
    let eventLog = try BootEventLog(files: files).bytes(of: device.address)
    return Evidence(
      TPMEvidence(
        key: signed.key.publicArea.bytes, certificates: certificates, quote: signed.quote.bytes,
        signature: signed.signature, pcrs: [signed.registers],
        logs: MeasurementLogs(eventLog: eventLog, runtime: runtime)))
  }
}
