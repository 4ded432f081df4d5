import CanonicalJSON
import Cryptography

extension CheckID {
  static let eventLogFormat = CheckID("eventlog.format", "The event log is well formed")
  static let eventLogData = CheckID(
    "eventlog.data", "What firmware logs and hashes is what its digests are of, and separators are what they are called"
  )
  static let eventLogReplay = CheckID("eventlog.replay", "The event log yields the registers that were signed")
}

/// Holds a firmware log against registers that hardware has signed.
///
/// 1. `eventlog.format`: the layout, exactly (``EventLog/init(parsing:for:)``).
/// 2. `eventlog.data`: digests of types that hash their data are of that data; whoever has a separator's digest is called a
///    separator, and the other way round.
/// 3. `eventlog.replay`: each register that was signed, and that the log is about, is what the log yields. The firmware's
///    own registers are compared whether the log is about them or not, or else the events of one could be left out.
enum EventLogVerifier {
  struct Result {
    let facts: BootFacts
    /// What each register holds at the end of the log; registers without events are absent.
    let replayed: [Int: [UInt8]]
  }

  static let checks: [CheckID] = [.eventLogFormat, .eventLogData, .eventLogReplay]

  /// - Parameter continued: A register that another log continues, which therefore is not compared here.
  /// - Returns: nil where a check failed.
  static func verify(
    _ bytes: [UInt8], against registers: MeasuredRegisters, continued: Int?, into checks: inout CheckList
  ) -> Result? {
    checks.demand(Self.checks)
    let log: EventLog
    do throws(FieldError) { log = try EventLog(parsing: bytes, for: registers.family) } catch {
      checks.fail(.eventLogFormat, error)
      return nil
    }
    checks.pass(.eventLogFormat, "\(log.form.rawValue), \(log.events.count) events")
    let bank = registers.algorithm
    guard log.banks.contains(bank) else {
      checks.fail(
        .eventLogReplay, expected: "digests of \(bank.rawValue) in every event",
        actual: log.banks.map(\.rawValue).joined(separator: ", "))
      return nil
    }
    let hasSoundData = checkData(log, registers, into: &checks)
    let replayed = log.replay(bank)
    guard
      let (proved, phases) = checkReplay(log, replayed, registers, continued: continued, into: &checks), hasSoundData
    else { return nil }
    let measurements = Measurement.all(in: log, bank)
    var facts = BootFactsReader(log, measurements, registers: registers, proved: proved).facts()
    facts.phases = phases
    return Result(facts: facts, replayed: replayed)
  }

  private static func checkData(_ log: EventLog, _ registers: MeasuredRegisters, into checks: inout CheckList) -> Bool {
    let bank = registers.algorithm
    var hashed = 0
    for (index, event) in log.events.enumerated() where event.isMeasured {
      let name = "event \(index)"
      if let register = event.register, registers.family.separatorIndexes.contains(register) {
        let hasDigest = Measurement.separator(event, bank) != nil
        let holds = event.type == .separator ? hasDigest : !hasDigest || isCoincidence(event, registers)
        guard holds else {
          checks.fail(
            .eventLogData, expected: hasDigest ? "\(name): EV_SEPARATOR" : "\(name): the digest of a separator",
            actual: hasDigest ? event.type.name : Hex.encode(event.digests[bank] ?? []))
          return false
        }
      }
      guard event.type.hashesItsData, let data = event.data else { continue }
      guard event.isDigest(of: data, bank) else {
        checks.fail(
          .eventLogData, expected: "\(name) (\(event.type.name)): \(Hex.encode(bank.hash(data)))",
          actual: Hex.encode(event.digests[bank] ?? []))
        return false
      }
      hashed += 1
    }
    checks.pass(.eventLogData, "\(hashed) events are what their digests say")
    return true
  }

  /// Four bytes of a separator may be the value of a boot variable (`BootOrder` of one entry), of which only the value is
  /// hashed, or stand for the trusted part of firmware that was not there. Neither is ever measured where facts are drawn from
  /// what stands before a separator and nothing else: such an event ends the firmware's word there all the same.
  private static func isCoincidence(_ event: LoggedEvent, _ registers: MeasuredRegisters) -> Bool {
    switch event.type {
    case .efiVariableBoot, .efiVariableBoot2:
      event.data.flatMap { EFIVariable($0) }.map { event.isDigest(of: $0.value, registers.algorithm) } ?? false
    case .crtmContents: registers.family == .pcrs && event.register == 0
    default: false
    }
  }

  // MARK: Replay

  private static func checkReplay(
    _ log: EventLog, _ replayed: [Int: [UInt8]], _ registers: MeasuredRegisters, continued: Int?,
    into checks: inout CheckList
  ) -> (proved: Set<Int>, phases: [String])? {
    var proved: Set<Int> = []
    var phases: [String] = []
    var expected: [String] = []
    var actual: [String] = []
    for (index, signed) in registers.values.sorted(by: { $0.key < $1.key }) where index != continued {
      // Registers of the operating system may hold what no firmware log tells of; those of the firmware may not.
      guard
        let value = replayed[index]
          ?? (registers.family.separatorIndexes.contains(index) ? log.initial(index, registers.algorithm) : nil)
      else { continue }
      if value == signed {
        proved.insert(index)
      } else if index == SystemdPhases.index, registers.family == .pcrs,
        let found = SystemdPhases.between(value, and: signed, registers.algorithm)
      {
        proved.insert(index)
        phases = found
      } else {
        let name = registers.name(index)
        expected.append("\(name) \(Hex.encode(signed))")
        actual.append("\(name) \(Hex.encode(value))\(remark(index, value, signed, registers))")
      }
    }
    guard expected.isEmpty else {
      checks.fail(
        .eventLogReplay, expected: expected.joined(separator: ", "), actual: actual.joined(separator: ", "))
      return nil
    }
    guard proved.contains(where: { replayed[$0] != nil }) else {
      checks.fail(
        .eventLogReplay, expected: "a signed register that the log is about",
        actual: registers.values.keys.sorted().map(registers.name).joined(separator: ", "))
      return nil
    }
    let unsigned = replayed.keys.filter { registers.values[$0] == nil }.sorted().map(registers.name)
    checks.pass(
      .eventLogReplay,
      proved.sorted().map(registers.name).joined(separator: ", ")
        + (unsigned.isEmpty ? "" : "; not signed, so hearsay: \(unsigned.joined(separator: ", "))"))
    return (proved, phases)
  }

  /// A known defect of logs, recognised for the reader's sake: it stays a mismatch.
  private static func remark(
    _ index: Int, _ value: [UInt8], _ signed: [UInt8], _ registers: MeasuredRegisters
  ) -> String {
    guard index == registers.family.exitIndex else { return "" }
    let bank = registers.algorithm
    let completed = [EFIAction.exitBootServices, EFIAction.exitBootServicesSucceeded].reduce(value) {
      bank.extend($0, with: bank.hash([UInt8]($1.utf8)))
    }
    return completed == signed ? " (the log lacks the two events of ExitBootServices)" : ""
  }
}

/// The words that systemd-pcrphase extends into PCR 11 while the system starts, which no firmware log tells of
/// (systemd-pcrphase.service(8)).
enum SystemdPhases {
  static let index = 11
  static let words = ["enter-initrd", "leave-initrd", "sysinit", "ready", "shutdown", "final"]
  /// Without an initrd it begins with `sysinit`.
  static let starts = [0, 2]

  /// The phases that lead from one value to the other; nil where none do.
  static func between(_ value: [UInt8], and signed: [UInt8], _ bank: BankAlgorithm) -> [String]? {
    for start in starts {
      var current = value
      for end in start..<words.count {
        current = bank.extend(current, with: bank.hash([UInt8](words[end].utf8)))
        if current == signed { return Array(words[start...end]) }
      }
    }
    return nil
  }
}
