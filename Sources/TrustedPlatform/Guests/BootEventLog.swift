import Attestation

/// The firmware's log of what it measured, as the kernel keeps it: what explains the registers' values.
public struct BootEventLog: Sendable {
  let files: any KernelFiles

  /// This machine's.
  public init() { self.init(files: SystemFiles()) }

  package init(files: any KernelFiles) { self.files = files }

  /// The log that belongs to a TPM.
  ///
  /// - Returns: nil where the kernel keeps none, as for a software TPM. That is not an empty log.
  public func bytes(of address: TPMAddress) throws(GuestFailure) -> [UInt8]? {
    guard let chip = address.chip else { return nil }
    return try read("/sys/kernel/security/\(chip)/binary_bios_measurements")
  }

  /// The log that belongs to a trust domain's registers (ACPI table CCEL).
  public func confidentialBytes() throws(GuestFailure) -> [UInt8]? { try read("/sys/firmware/acpi/tables/data/CCEL") }

  private func read(_ path: String) throws(GuestFailure) -> [UInt8]? {
    do { return try files.read(path, limit: MeasurementLogs.maxEventLogBytes) } catch {
      if case .absent = error { return nil }
      throw error
    }
  }
}
