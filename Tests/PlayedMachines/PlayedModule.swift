import Attestation
import AttestationMint
import TrustedPlatform

/// The security module of a Nitro enclave, played: it takes the request that a guest makes, and signs a document.
package struct PlayedModule: SecureModule {
  private let mint: NitroMint
  /// When documents are made, Unix milliseconds.
  private let clock: @Sendable () -> Int64

  package init(_ mint: NitroMint, clock: @escaping @Sendable () -> Int64) {
    self.mint = mint
    self.clock = clock
  }

  package func answer(to request: [UInt8]) throws(GuestFailure) -> [UInt8] {
    do {
      guard case .map(let pairs) = try CBORReader.read(request, path: "request"), let pair = pairs.first,
        pairs.count == 1,
        pair.key == .text("Attestation"), case .map(let members) = pair.value,
        case .bytes(let nonce)? = members.first(where: { $0.key == .text("nonce") })?.value
      else { return CBORItem.map([.init(.text("Error"), .text("InvalidOperation"))]).encoded }
      var document = mint.enclave(nonce: nonce)
      document["timestamp"] = .unsigned(UInt64(max(0, clock())))
      let signed = try mint.sign(document)
      return CBORItem.map([.init(.text("Attestation"), .map([.init(.text("document"), .bytes(signed))]))]).encoded
    } catch {
      return CBORItem.map([.init(.text("Error"), .text("InternalError"))]).encoded
    }
  }
}
