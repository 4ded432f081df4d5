import Attestation
import CanonicalJSON
import Cryptography
import Storage
import TrustedPlatform

/// A TPM as the machine of a box: quotes over the registers of the boot and of measured code, and a counter in its memory.
struct TPMMachine: Machine {
  /// The registers that the firmware, the boot loader, the kernel and the box extend; 16 to 23 can be reset by anybody.
  static let registers = Set(0...15)
  /// Of measured code (docs/attestation/runtime-measurement.md).
  static let codeRegister = 14
  /// Where Linux shows the firmware's event log of the first TPM.
  private static let eventLogPath = "/sys/kernel/security/tpm0/binary_bios_measurements"

  private let device: TPMDevice
  private let certificates: [[UInt8]]
  private let eventLog: [UInt8]?
  /// What the firmware left in the register of measured code.
  private let initial: [UInt8]

  init(_ configuration: BoxConfiguration.Attestation) throws {
    device = try TPMDevice(tcti: configuration.tcti)
    certificates =
      try configuration.certificates.map { path in
        guard let bytes = try WholeFile.read(path, limit: 1 << 20) else {
          throw DataDirectory.Failure.missing(file: path)
        }
        return try PEM.decodeAll(String(decoding: bytes, as: UTF8.self), label: "CERTIFICATE")
      } ?? []
    var initial = [UInt8](repeating: 0, count: BankAlgorithm.sha256.byteCount)
    if case .device = device.address,
      let log = try WholeFile.read(Self.eventLogPath, limit: MeasurementLogs.maxEventLogBytes)
    {
      eventLog = log
      initial =
        try EventLog(parsing: log, for: .pcrs).replay(.sha256)[Self.codeRegister] ?? initial
    } else {
      eventLog = nil
    }
    self.initial = initial
  }

  /// A software TPM says `SW` where a chip names its model; what it says is not signed and only ever takes claims away.
  func software() async throws -> String? {
    switch device.address {
    case .softwareSocket, .softwarePort: return "swtpm"
    case .device:
      let properties = try await device.properties()
      return properties.vendor.hasPrefix("SW") ? "\(properties.manufacturer) \(properties.vendor)" : nil
    }
  }

  func evidence(binding: [UInt8], runtime: [RuntimeEvent]) async throws -> Evidence {
    let quote = try await device.quote(extraData: binding, registers: Self.registers)
    return Evidence(
      TPMEvidence(
        key: quote.key.publicArea.bytes, certificates: certificates, quote: quote.quote.bytes,
        signature: quote.signature, pcrs: [quote.registers],
        logs: MeasurementLogs(eventLog: eventLog, runtime: try RuntimeLog(runtime))))
  }

  func register() async throws -> [UInt8] {
    try await device.readPCRs([Self.codeRegister])[Self.codeRegister] ?? []
  }

  func extend(_ event: RuntimeEvent) async throws {
    try await device.extend(Self.codeRegister, with: event.registerDigest(.sha256))
  }

  func replay(_ events: [RuntimeEvent]) throws -> [UInt8] {
    try RuntimeLog(events).replay(from: initial, algorithm: .sha256)
  }

  func counter() async throws -> Int64? { Int64(clamping: try await device.define()) }

  func incrementCounter() async throws -> Int64 { Int64(clamping: try await device.increment()) }
}
