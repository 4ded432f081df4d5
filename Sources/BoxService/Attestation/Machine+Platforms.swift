import Attestation
import Cryptography
import Storage
import TrustedPlatform

extension Machine {
  /// The longest quote over a TDX report that Azure's service signs.
  private static let maxQuoteBytes = 64 << 10

  /// What the configuration names. Files are read and devices are not asked.
  init(_ configuration: MachineConfiguration, files: any KernelFiles = SystemFiles()) throws {
    let machines = try configuration.platforms.map { try Machine($0, files) }
    self = machines.count == 1 ? machines[0] : Machine(combining: machines)
  }

  /// Several platforms of one machine: the first register takes the measured code, the first counter counts, and the evidence
  /// of all stands side by side.
  init(combining machines: [Machine]) {
    let measuring = machines.firstIndex { $0.register.component != nil }
    self.init(
      collector: CombinedCollector(machines.map(\.collector), measuring: measuring),
      register: measuring.map { machines[$0].register } ?? .absent(reason: Self.reasons(machines.map(\.register))),
      counter: machines.map(\.counter).first { $0.component != nil }
        ?? .absent(reason: Self.reasons(machines.map(\.counter))),
      software: {
        for machine in machines {
          if let name = try await machine.software() { return name }
        }
        return nil
      })
    measuringKind = measuring.flatMap { machines[$0].measuringKind }
  }

  private static func reasons<Component: Sendable>(_ parts: [Part<Component>]) -> String {
    parts.compactMap { part -> String? in
      if case .absent(let reason) = part { reason } else { nil }
    }.joined(separator: "; ")
  }

  private init(_ platform: MachineConfiguration.Platform, _ files: any KernelFiles) throws {
    switch platform {
    case .tpm(let tcti, let certificates):
      let device = try TPMDevice(tcti: tcti)
      try self.init(
        device, files,
        TPMCollector(device: device, certificates: try Self.certificates(certificates), files: files))
    case .azure(let tcti, let certificates, let quote):
      let device = try TPMDevice(tcti: tcti)
      try self.init(
        device, files,
        AzureCollector(
          device: device, certificates: try Self.certificates(certificates),
          trustDomainQuote: try quote.map { try Self.file($0, limit: Self.maxQuoteBytes) }, files: files))
    case .snp(let interface, let certificates):
      self.init(
        collector: SNPCollector(
          interface: interface, certificates: try Self.certificates(certificates), files: files),
        register: .absent(
          reason: "SEV-SNP measures a guest when it is launched and has no register that it extends later"),
        counter: .absent(reason: "SEV-SNP has none"))
    case .tdx:
      let registers = RuntimeRegisters(files: files)
      self.init(
        collector: TDXCollector(files: files),
        register: registers.isPresent
          ? .present(try TrustDomainCodeRegister(registers, files: files))
          : .absent(reason: "this kernel gives no access to RTMR 3, which Linux 6.16 and later do"),
        counter: .absent(reason: "TDX has none"))
    case .nitroEnclave:
      self.init(nitro: NitroCollector())
    }
  }

  /// A TPM under whichever evidence: its register of measured code, and a counter in its memory.
  private init(_ device: TPMDevice, _ files: any KernelFiles, _ collector: any EvidenceCollector) throws {
    self.init(
      collector: collector, register: .present(try TPMCodeRegister(device, files: files)),
      counter: .present(TPMMonotonicCounter(device: device)), software: { try await device.software() })
  }

  init(nitro collector: NitroCollector) {
    self.init(
      collector: collector,
      register: .absent(
        reason:
          "a Nitro enclave's documents show locked registers alone, and what is locked takes no further measurement"),
      counter: .absent(reason: "a Nitro enclave has none"))
  }

  private static func certificates(_ path: String?) throws -> [[UInt8]] {
    guard let path else { return [] }
    return try PEM.decodeAll(String(decoding: try file(path, limit: 1 << 20), as: UTF8.self), label: "CERTIFICATE")
  }

  private static func file(_ path: String, limit: Int) throws -> [UInt8] {
    guard let bytes = try WholeFile.read(path, limit: limit) else { throw DataDirectory.Failure.missing(file: path) }
    return bytes
  }
}
