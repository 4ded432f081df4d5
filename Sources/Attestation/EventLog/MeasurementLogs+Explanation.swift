import CanonicalJSON
import Cryptography

extension MeasurementLogs {
  /// What the logs say, event by event, with nothing held against a register. What is marked as hashed is what a digest of the
  /// log is of; the rest is whatever somebody wrote there.
  public func explanation(for family: MeasuredRegisters.Family) -> [EvidenceLine] {
    var lines = eventLog.map { Self.lines($0, family) } ?? [EvidenceLine("event log", "none")]
    guard let runtime else { return lines + [EvidenceLine("runtime events", "none")] }
    lines.append(
      EvidenceLine("runtime events", "\(runtime.events.count), \(runtime.isLocked ? "locked" : "not locked")"))
    for (index, event) in runtime.events.enumerated() {
      lines.append(
        EvidenceLine("runtime \(index)", "\(event.kind.name) \(LoggedText.shown(event.name)) \(event.digest)"))
    }
    return lines
  }

  private static func lines(_ bytes: [UInt8], _ family: MeasuredRegisters.Family) -> [EvidenceLine] {
    let log: EventLog
    do throws(FieldError) { log = try EventLog(parsing: bytes, for: family) } catch {
      return [EvidenceLine("event log", "\(bytes.count) bytes, unreadable: \(error)")]
    }
    guard let bank = log.banks.max(by: { $0.byteCount < $1.byteCount }) else {
      return [EvidenceLine("event log", "no bank that this program computes")]
    }
    var lines = [
      EvidenceLine(
        "event log",
        "\(log.form.rawValue), \(log.banks.map(\.rawValue).joined(separator: ", ")), \(log.events.count) events, "
          + "\(log.paddingCount) bytes of padding")
    ]
    let registerPrefix = family == .pcrs ? "pcr" : "rtmr"
    for (index, (event, measurement)) in zip(log.events, Measurement.all(in: log, bank)).enumerated() {
      let register = event.register.map { "\(registerPrefix)\($0) " } ?? ""
      lines.append(EvidenceLine("event \(index)", "\(register)\(event.type.name): \(text(event, measurement))"))
    }
    return lines
  }

  private static func text(_ event: LoggedEvent, _ measurement: Measurement) -> String {
    switch measurement {
    case .separator(let isError): isError ? "separator after an error (hashed)" : "separator (hashed)"
    case .action(let text): "\(LoggedText.shown(text)) (hashed)"
    case .variable(let name, let value): "variable \(LoggedText.shown(name)), \(value.count) bytes (hashed)"
    case .grubCommand(let text): "GRUB's command \(LoggedText.shown(text)) (hashed)"
    case .kernelCommandLine(let text): "GRUB's command line \(LoggedText.shown(text)) (hashed)"
    case .bootLoaderText(let text): "a boot loader's text \(LoggedText.shown(text)) (hashed)"
    case .sectionName(let name): "name of section \(LoggedText.shown(name)) (hashed)"
    case .section(let name): "contents of section \(LoggedText.shown(name)) (only the digest is known)"
    case .application(let name, let payload):
      "\(LoggedText.shown(name)) \(Hex.encode(payload.prefix(64))) (hashed)"
    case .opaque: hearsay(event)
    }
  }

  private static func hearsay(_ event: LoggedEvent) -> String {
    guard let data = event.data else { return "data left out" }
    guard event.isMeasured else { return "not extended, \(data.count) bytes" }
    let printable = LoggedText.utf8(data.drop { $0 == 0 }.reversed().drop { $0 == 0 }.reversed())
    return printable.map { "\(LoggedText.shown($0)) (not hashed)" } ?? "\(data.count) bytes (not known to be hashed)"
  }
}
