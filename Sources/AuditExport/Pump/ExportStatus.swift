public import CanonicalJSON

/// How an export stands.
public struct ExportStatus: Sendable, Hashable {
  /// What it is doing.
  public enum Phase: String, Sendable, Hashable {
    case idle, delivering
    /// Waits after a fault.
    case waiting
    case stopped
  }

  public var name: String
  /// Where entries go, without credentials.
  public var destination: String
  public var phase: Phase
  /// Entries that the receiver has acknowledged: all below this index.
  public var acknowledged: UInt64
  /// Entries of the log that it has not.
  public var entriesBehind: UInt64
  /// Age of the oldest of them; 0 when there is none.
  public var millisecondsBehind: Int64
  /// Whether the lag is over the limits.
  public var isAlarmed: Bool
  /// Faults since the last acknowledgement.
  public var faults: Int
  /// The last of them, if any.
  public var fault: ExportFault?

  /// As the API shows it.
  public var json: JSON {
    var object: JSONObject = [
      "name": .string(name), "destination": .string(destination), "phase": .string(phase.rawValue),
      "acknowledged": .integer(Int64(clamping: acknowledged)),
      "entriesBehind": .integer(Int64(clamping: entriesBehind)),
      "millisecondsBehind": .integer(millisecondsBehind), "alarm": .bool(isAlarmed), "faults": .integer(Int64(faults)),
    ]
    object["fault"] = fault.map { .string($0.description) }
    return .object(object)
  }
}

/// An export fell behind its limits, or caught up again.
public struct ExportAlarm: Sendable, Hashable, CustomStringConvertible {
  /// True when it fell behind, false when it caught up.
  public var isRaised: Bool
  public var status: ExportStatus

  public var description: String {
    guard isRaised else { return "export \(status.name) has caught up at entry \(status.acknowledged)" }
    let lag = "\(status.entriesBehind) entries and \(status.millisecondsBehind) ms behind"
    return "export \(status.name) is \(lag)" + (status.fault.map { ": \($0)" } ?? "")
  }
}
