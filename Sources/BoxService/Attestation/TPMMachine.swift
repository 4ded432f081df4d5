import Attestation
import CanonicalJSON
import Cryptography
import Storage
import TrustedPlatform

/// A TPM as the machine of a box: quotes over the registers of the boot and of measured code, and a counter in its memory.
struct TPMMachine: Machine {
  /// Of measured code (docs/attestation/runtime-measurement.md).
  static let codeRegister = 14

  private let collector: TPMCollector
  /// What the firmware left in the register of measured code.
  private let initial: [UInt8]

  init(_ configuration: BoxConfiguration.Attestation) throws {
    let certificates: [[UInt8]] =
      try configuration.certificates.map { path in
        guard let bytes = try WholeFile.read(path, limit: 1 << 20) else {
          throw DataDirectory.Failure.missing(file: path)
        }
        return try PEM.decodeAll(String(decoding: bytes, as: UTF8.self), label: "CERTIFICATE")
      } ?? []
    collector = TPMCollector(device: try TPMDevice(tcti: configuration.tcti), certificates: certificates)
    let log = try BootEventLog().bytes(of: collector.device.address)
    initial =
      try log.flatMap { try EventLog(parsing: $0, for: .pcrs).replay(.sha256)[Self.codeRegister] }
      ?? [UInt8](repeating: 0, count: BankAlgorithm.sha256.byteCount)
  }

  private var device: TPMDevice { collector.device }

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
    try await collector.evidence(binding: binding, runtime: try RuntimeLog(runtime))
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
