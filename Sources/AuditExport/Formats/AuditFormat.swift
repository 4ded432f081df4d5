/// The formats of which each event is one line.
public enum AuditFormat: String, Sendable, Hashable, CaseIterable {
  /// The entries themselves: the truth, from which an auditor recomputes everything.
  case jsonLines = "jsonl"
  /// Open Cybersecurity Schema Framework 1.8.
  case ocsf

  /// The event as one line, line feed included. At most 64 KiB of entry and as much again.
  public func line(_ event: AuditEvent) -> [UInt8] {
    switch self {
    case .jsonLines: JSONLines.line(event)
    case .ocsf: OCSF.event(event).canonicalBytes() + [0x0A]
    }
  }
}
