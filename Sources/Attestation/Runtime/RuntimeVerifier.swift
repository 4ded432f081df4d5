import Cryptography

extension CheckID {
  static let runtimeLock = CheckID("runtime.lock", "Nothing was measured after the set of code was locked")
  static let runtimeReplay = CheckID("runtime.replay", "The runtime events yield the register that was signed")
}

/// Holds runtime events against the register that they were extended into.
enum RuntimeVerifier {
  static let checks: [CheckID] = [.runtimeLock, .runtimeReplay]

  /// - Parameter initial: What the register held when the box started, by the firmware's log; nil where that log has no
  ///   events of it, or is not there.
  /// - Returns: Whether both checks held.
  static func verify(
    _ log: RuntimeLog, from initial: [UInt8]?, against registers: MeasuredRegisters, into checks: inout CheckList
  ) -> Bool {
    checks.demand(Self.checks)
    var holds = true
    if let lock = log.lockIndex {
      // Whoever extends after a lock has code running that nobody who trusted the lock has agreed to.
      holds = checks.require(
        .runtimeLock, lock == log.events.count - 1, expected: "no event after the lock",
        actual: "\(log.events.count - 1 - lock) after the lock")
    } else {
      checks.pass(.runtimeLock, "not locked")
    }
    let index = registers.runtimeIndex
    guard let signed = registers.values[index] else {
      checks.fail(.runtimeReplay, expected: registers.name(index), actual: "it was not signed")
      return false
    }
    let value = log.replay(from: initial ?? registers.algorithm.zeros, algorithm: registers.algorithm)
    return checks.require(
      .runtimeReplay, value == signed, expected: "\(registers.name(index)) \(Hex.encode(signed))",
      actual: "\(registers.name(index)) \(Hex.encode(value)), \(log.events.count) events") && holds
  }
}
