import AttestationMint

@testable import Attestation

/// What came of a log against registers.
struct EventLogOutcome {
  let boot: BootFacts?
  /// Checks that failed, by name.
  let failed: [String]
  let succeeds: Bool
  /// Expected and actual of those.
  let reason: String

  static func of(_ mint: EventLogMint, _ registers: MeasuredRegisters? = nil) -> EventLogOutcome {
    of(mint.bytes, registers ?? mint.signed)
  }

  static func of(_ bytes: [UInt8], _ registers: MeasuredRegisters) -> EventLogOutcome {
    var checks = CheckList()
    let claims = MeasurementLogs(eventLog: bytes).verify(against: registers, into: &checks)
    var failed: [String] = []
    var reason = ""
    for check in checks.checks {
      if case .failed(let expected, let actual) = check.outcome {
        failed.append(check.id.name)
        reason += "\(expected) | \(actual) "
      }
    }
    return EventLogOutcome(boot: claims.boot, failed: failed, succeeds: checks.succeeds, reason: reason)
  }
}
