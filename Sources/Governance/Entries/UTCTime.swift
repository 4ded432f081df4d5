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

extension UTCTime {
  /// Reads `2026-11-18T11:06:40Z` (RFC 3339, UTC, whole seconds) or Unix seconds, from 1970 to 9999. Returns Unix
  /// milliseconds, or nil.
  public static func milliseconds(parsing text: String) -> Int64? {
    if let seconds = Int64(text), String(seconds) == text, (0...253_402_300_799).contains(seconds) {
      return seconds * 1000
    }
    let bytes = Array(text.utf8)
    let shape = Array("0000-00-00T00:00:00Z".utf8)
    guard bytes.count == shape.count else { return nil }
    var numbers: [Int64] = [0]
    for (byte, expected) in zip(bytes, shape) {
      if expected == 0x30 {
        guard (0x30...0x39).contains(byte), let last = numbers.popLast() else { return nil }
        numbers.append(last * 10 + Int64(byte - 0x30))
      } else {
        guard byte == expected else { return nil }
        numbers.append(0)
      }
    }
    guard numbers.count == 7, numbers[0] >= 1970, (1...12).contains(numbers[1]), (1...31).contains(numbers[2]) else {
      return nil
    }
    let milliseconds =
      (days(numbers[0], numbers[1], numbers[2]) * 86_400 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5]) * 1000
    // A date that does not exist, such as 30 February or 24:00, is written back otherwise.
    let written = Self.text(milliseconds).utf8.prefix(19).map { $0 == 0x20 ? 0x54 : $0 }
    return Array(written) == Array(bytes.prefix(19)) ? milliseconds : nil
  }

  /// Days from 1970-01-01 to a date of the Gregorian calendar: the reverse of ``parts(_:)``.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shiftedYear = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = shiftedYear.quotientAndRemainder(dividingBy: 400)
    let shifted = month > 2 ? month - 3 : month + 9
    let dayOfYear = (153 * shifted + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
