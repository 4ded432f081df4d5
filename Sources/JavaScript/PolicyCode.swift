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
    guard !hasBigInteger(source) else {
      return .failure(MachineFailure(.source, "the code of a policy has no BigInt, and no text that looks like one"))
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

  /// Whether something like `10n` stands anywhere, in a text too: one multiplication of such numbers can take longer than
  /// all that the fuel is for.
  private static func hasBigInteger(_ source: [UInt8]) -> Bool {
    func isWord(_ byte: UInt8) -> Bool {
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95 || byte == 36
    }
    return source.split(whereSeparator: { !isWord($0) }).contains { word in
      guard let first = word.first, (48...57).contains(first), word.last == UInt8(ascii: "n") else { return false }
      // Decimal digits, or the digits behind 0x, 0o and 0b.
      let digits = word.dropLast().dropFirst(word.count > 3 && word.dropFirst().first.map { $0 > 57 } ?? false ? 2 : 0)
      return digits.allSatisfy { (48...57).contains($0) || (65...70).contains($0 & 0xDF) || $0 == 95 }
    }
  }
}
