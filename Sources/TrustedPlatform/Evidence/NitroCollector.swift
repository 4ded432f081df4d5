public import Attestation
import CanonicalJSON

/// Evidence of an AWS Nitro enclave: an attestation document with the binding as its nonce. Kind `nitro-enclave`.
public struct NitroCollector: EvidenceCollector {
  private let guest: NitroGuest

  public init() { self.init(module: SecureModuleDevice()) }

  package init(module: any SecureModule) { guest = NitroGuest(module: module) }

  public var kind: EvidenceKind { .nitroEnclave }

  public func evidence(binding: [UInt8], runtime: RuntimeLog?) async throws(GuestFailure) -> Evidence {
    guard runtime == nil else {
      throw .field(
        FieldError(
          field: "runtime", expected: "none: the enclave's registers are not extended by this program",
          actual: "runtime events"))
    }
    let guest = guest
    return try Self.evidence(
      of: try await DeviceQueue.run { () throws(GuestFailure) in try guest.document(nonce: binding) })
  }

  static func evidence(of document: [UInt8]) throws(GuestFailure) -> Evidence {
    do throws(FieldError) { return try Evidence(reading: RawEvidence(bytes: document)) } catch { throw .field(error) }
  }
}
