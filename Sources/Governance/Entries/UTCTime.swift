/// Times of the log as people read them.
public enum UTCTime {
  /// Date and time of day in the Gregorian calendar.
  struct Parts: Hashable {
    var year: Int64
    var month: Int64
    var day: Int64
    /// 0 for Sunday.
    var weekday: Int64
    var hour: Int64
    var minute: Int64
  }

  /// The parts of a time in Unix milliseconds, which must not lie before 1970.
  static func parts(_ milliseconds: Int64) -> Parts {
    let (days, rest) = milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
    // Days to a date of the Gregorian calendar: eras of 400 years, years that begin in March.
    let (era, dayOfEra) = (days + 719_468).quotientAndRemainder(dividingBy: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return Parts(
      year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month, day: dayOfYear - (153 * shifted + 2) / 5 + 1,
      // 1970 began on a Thursday.
      weekday: (days + 4) % 7, hour: rest / 3_600_000, minute: rest / 60_000 % 60)
  }

  /// A time in Unix milliseconds: `2026-11-18 11:06:40.000 UTC`; as a number where no calendar reaches.
  public static func text(_ milliseconds: Int64) -> String {
    guard (0...253_402_300_799_999).contains(milliseconds) else { return "\(milliseconds) ms" }
    let parts = parts(milliseconds)
    let seconds = milliseconds / 1000 % 60
    let clock = [parts.hour, parts.minute, seconds].map { padded($0, 2) }.joined(separator: ":")
    return "\(padded(parts.year, 4))-\(padded(parts.month, 2))-\(padded(parts.day, 2)) "
      + "\(clock).\(padded(milliseconds % 1000, 3)) UTC"
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
