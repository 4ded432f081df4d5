import Attestation
import TrustedPlatform

/// PCR 14 of a TPM, in every bank that the TPM keeps: whichever bank a quote is of, it shows the measured code.
struct TPMCodeRegister: CodeRegister {
  /// Of measured code (docs/attestation/runtime-measurement.md).
  static let index = 14

  private let device: TPMDevice
  /// The firmware's log, which says what the register held when the system started; nil where the kernel keeps none.
  private let log: EventLog?

  init(_ device: TPMDevice, files: any KernelFiles) throws {
    let log = try BootEventLog(files: files).bytes(of: device.address)
    self.init(device, log: try log.map { try EventLog(parsing: $0, for: .pcrs) })
  }

  init(_ device: TPMDevice, log: EventLog?) {
    self.device = device
    self.log = log
  }

  /// The banks that are held against the log: the one that is quoted, and those of which the start is known too.
  private func explained() async throws -> [BankAlgorithm] {
    let active = try await device.activeBanks()
    // Without the bank that is quoted there might be none, and nothing would agree with everything.
    guard active.contains(.sha256) else { throw TPMFailure.noBank(.sha256) }
    return active.filter { $0 == .sha256 || log?.banks.contains($0) ?? true }
  }

  func value() async throws -> RegisterValue {
    var value = RegisterValue(banks: [:])
    for bank in try await explained() {
      value.banks[bank] = try await device.readPCRs([Self.index], bank: bank)[Self.index]
    }
    return value
  }

  /// All banks by one command: a power cut cannot leave them at different events.
  func extend(_ event: RuntimeEvent) async throws {
    let banks = try await device.activeBanks()
    try await device.extend(
      Self.index, with: Dictionary(uniqueKeysWithValues: banks.map { ($0, event.registerDigest($0)) }))
  }

  func replay(_ events: [RuntimeEvent]) async throws -> RegisterValue {
    let events = try RuntimeLog(events)
    var value = RegisterValue(banks: [:])
    for bank in try await explained() {
      value.banks[bank] = events.replay(from: log?.replay(bank)[Self.index] ?? bank.zeros, algorithm: bank)
    }
    return value
  }
}

/// The box's counter in the memory of a TPM.
struct TPMMonotonicCounter: MonotonicCounter {
  let device: TPMDevice

  func count() async throws -> Int64 { Int64(clamping: try await device.define()) }

  func increment() async throws -> Int64 { Int64(clamping: try await device.increment()) }
}

extension TPMDevice {
  /// A software TPM says `SW` where a chip names its model; what it says is not signed and only ever takes claims away.
  func software() async throws -> String? {
    switch address {
    case .softwareSocket, .softwarePort: return "swtpm"
    case .device:
      let properties = try await properties()
      return properties.vendor.hasPrefix("SW") ? "\(properties.manufacturer) \(properties.vendor)" : nil
    }
  }
}
