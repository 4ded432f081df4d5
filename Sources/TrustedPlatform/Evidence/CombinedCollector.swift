public import Attestation
import CanonicalJSON

/// Evidence of several platforms of one machine, made for one binding. Kind `combined`.
public struct CombinedCollector: EvidenceCollector {
  /// 2 to 4, of different kinds.
  public let collectors: [any EvidenceCollector]
  /// The place of the one whose register holds the runtime events; nil where none does.
  public let measuring: Int?

  public init(_ collectors: [any EvidenceCollector], measuring: Int?) {
    self.collectors = collectors
    self.measuring = measuring
  }

  public var kind: EvidenceKind { .combined }

  /// One after another: what one platform refuses, the combination refuses.
  public func evidence(binding: [UInt8], runtime: RuntimeLog?) async throws(GuestFailure) -> Evidence {
    guard runtime == nil || measuring != nil else {
      throw .field(
        FieldError(field: "runtime", expected: "none: no member has a register for them", actual: "runtime events"))
    }
    var parts: [Evidence] = []
    for (index, collector) in collectors.enumerated() {
      parts.append(try await collector.evidence(binding: binding, runtime: index == measuring ? runtime : nil))
    }
    do throws(FieldError) { return Evidence(try CombinedEvidence(parts)) } catch { throw .field(error) }
  }
}
