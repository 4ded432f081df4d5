public import Attestation

/// Asks one platform for evidence.
public protocol EvidenceCollector: Sendable {
  var kind: EvidenceKind { get }

  /// Evidence that is bound to these bytes.
  ///
  /// - Parameters:
  ///   - binding: 1 to 50 bytes, which every platform takes: a nonce, or a digest over a nonce and keys.
  ///   - runtime: the events that were extended into the runtime register so far, where the platform has one. Whoever
  ///     extends it must not do so until this returns, or the log and the register disagree.
  func evidence(binding: [UInt8], runtime: RuntimeLog?) async throws(GuestFailure) -> Evidence
}

extension EvidenceCollector {
  /// Evidence without runtime events.
  public func evidence(binding: [UInt8]) async throws(GuestFailure) -> Evidence {
    try await evidence(binding: binding, runtime: nil)
  }
}
