/// Evaluates the code of a policy: the same engine with nothing to call, for one string.
public enum PolicyCode {
  /// Calls the module's default export with the facts and returns the string that it returns at once.
  ///
  /// Pure: the same arguments give the same result for ever, as long as the engine is the same. A promise, a generator or
  /// anything else that is no string is a failure of the kind `value`.
  ///
  /// - Parameters:
  ///   - source: an ES module with `export default function (facts)`.
  ///   - facts: JSON text.
  ///   - now: Unix milliseconds, what `Date` shows.
  public static func evaluate(
    source: [UInt8], facts: [UInt8], at now: Int64 = 0, limits: MachineLimits = .policy
  ) -> Result<String, MachineFailure> {
    let seed = [UInt8](repeating: 0, count: 32)
    let program = MachineProgram(
      source: source, input: facts, context: [], seed: seed, startedAt: now, limits: limits)
    do {
      try program.check()
    } catch {
      return .failure(error)
    }
    let prepared = Prepared(methods: [])
    prepared.load(limits, seed: seed)
    prepared.start(source, arguments: [facts], synchronous: true, at: now)
    return (prepared.outcome() ?? .failure(MachineFailure(.deadlock, MachineFailure.Kind.deadlock.sentence)))
      .flatMap { bytes in
        String(validating: bytes, as: UTF8.self).map(Result.success)
          ?? .failure(MachineFailure(.value, "the result holds half a surrogate pair"))
      }
  }
}
