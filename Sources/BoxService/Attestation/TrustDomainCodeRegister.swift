import Attestation
import TrustedPlatform

/// RTMR 3 of an Intel trust domain: the guest's own register, SHA-384.
struct TrustDomainCodeRegister: CodeRegister {
  static let index = 3

  private let registers: RuntimeRegisters
  /// What the register held when the system started, by the firmware's log.
  private let initial: [UInt8]

  init(_ registers: RuntimeRegisters, files: any KernelFiles) throws {
    self.registers = registers
    let log = try BootEventLog(files: files).confidentialBytes()
    initial =
      try log.flatMap { try EventLog(parsing: $0, for: .rtmrs).replay(.sha384)[Self.index] }
      ?? BankAlgorithm.sha384.zeros
  }

  func value() async throws -> RegisterValue { RegisterValue(banks: [.sha384: try registers.value(Self.index)]) }

  func extend(_ event: RuntimeEvent) async throws {
    try registers.extend(Self.index, with: event.registerDigest(.sha384))
  }

  func replay(_ events: [RuntimeEvent]) async throws -> RegisterValue {
    RegisterValue(banks: [.sha384: try RuntimeLog(events).replay(from: initial, algorithm: .sha384)])
  }
}
