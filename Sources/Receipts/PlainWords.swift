import CanonicalJSON
import Governance

/// Times, durations and rules as people read them.
enum PlainWords {
  /// A time of the log, in Unix milliseconds, as UTC: `2026-11-18 11:06:40.000 UTC`.
  static func time(_ milliseconds: Int64) -> String {
    // Beyond the range of a browser's dates; both must say the same.
    guard milliseconds.magnitude <= 8_640_000_000_000_000 else { return "\(milliseconds) ms" }
    let (days, rest) = floorDivision(milliseconds, 86_400_000)
    let (year, month, day) = civilDate(daysSince1970: days)
    let clock = [rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60].map { padded($0, 2) }.joined(separator: ":")
    let yearText = (0...9999).contains(year) ? padded(year, 4) : (year < 0 ? "-" : "+") + padded(abs(year), 6)
    return "\(yearText)-\(padded(month, 2))-\(padded(day, 2)) \(clock).\(padded(rest % 1000, 3)) UTC"
  }

  /// Days to a date of the proleptic Gregorian calendar: eras of 400 years, years that begin in March.
  private static func civilDate(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floorDivision(days + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  private static func floorDivision(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// `2 hours`, `90 seconds`.
  static func duration(_ seconds: Int64) -> String {
    for (unit, length) in [("day", 86_400 as Int64), ("hour", 3600), ("minute", 60)]
    where seconds >= length && seconds % length == 0 {
      return count(seconds / length, unit)
    }
    return count(seconds, "second")
  }

  /// `1 member`, `2 members`.
  static func count(_ number: Int64, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

  static func quorum(_ quorum: Quorum) -> String {
    "\(count(Int64(quorum.threshold), "member")) of \(quorum.committee)"
  }

  /// A rule, to be read after "decided by".
  static func rule(_ rule: Rule) -> String {
    switch rule {
    case .deny: "nobody"
    case .automatic(let checks): "automatically, if \(count(Int64(checks.count), "check")) of the parameters hold"
    case .single(let committee): quorum(Quorum(1, of: committee))
    case .quorum(let group): quorum(group)
    case .groups(let groups): "\(groups.map(quorum).joined(separator: " and ")), nobody counted twice"
    case .timelock(let lock):
      "\(Self.rule(lock.after)), then a wait of \(duration(lock.delay)) in which "
        + "\(count(Int64(lock.objectors.threshold), "objection")) from \(lock.objectors.committee) would stop it"
    case .all(let rules): "all of (\(rules.map(Self.rule).joined(separator: "; ")))"
    case .any(let rules): "any of (\(rules.map(Self.rule).joined(separator: "; ")))"
    case .code(let code):
      switch code.choice {
      case .branch(let name): "policy code, which named \(name): \(code.branches[name].map(Self.rule) ?? "nobody")"
      case .failed(let why): "nobody, because policy code named no rule: \(why)"
      case nil:
        "what policy code names of ("
          + code.branches.sorted { $0.key < $1.key }.map { "\($0.key): \(Self.rule($0.value))" }.joined(separator: "; ")
          + ")"
      }
    }
  }
}
