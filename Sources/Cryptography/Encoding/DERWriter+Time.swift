extension DERWriter {
  /// UTCTime to 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5), of seconds since 1970 in the years 1950 to
  /// 9999.
  public static func time(_ seconds: Int64) throws(CryptographyError) -> [UInt8] {
    guard (-631_152_000...253_402_300_799).contains(seconds) else {
      throw .malformed("validity", reason: "\(seconds) is not between the years 1950 and 9999")
    }
    let days = (seconds - ((seconds % 86400) + 86400) % 86400) / 86400
    let second = seconds - days * 86400
    // Days to a date of the Gregorian calendar, in years that start in March so that the leap day comes last.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func digits(_ value: Int64, _ count: Int) -> [UInt8] {
      let text = Array(String(value).utf8)
      return [UInt8](repeating: 0x30, count: max(0, count - text.count)) + text
    }
    let rest =
      digits(month, 2) + digits(day, 2) + digits(second / 3600, 2) + digits(second / 60 % 60, 2)
      + digits(second % 60, 2) + [0x5A]
    return year < 2050
      ? element(0x17, digits(year % 100, 2) + rest) : element(0x18, digits(year, 4) + rest)
  }
}
