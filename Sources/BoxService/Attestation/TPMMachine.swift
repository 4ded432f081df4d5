import Attestation
import TrustedPlatform

/// A TPM as the machine of a box.
struct TPMMachine: Machine {
  var software: String? { nil }
  init(_ configuration: BoxConfiguration.Attestation) throws {}
  func evidence(binding: [UInt8], runtime: [RuntimeEvent]) async throws -> Evidence { throw MachineFault.absent }
  func register() async throws -> [UInt8] { [] }
  func extend(_ event: RuntimeEvent) async throws {}
  func replay(_ events: [RuntimeEvent]) throws -> [UInt8] { [] }
  func counter() async throws -> Int64? { nil }
  func incrementCounter() async throws -> Int64 { 0 }
}
