/// A time in the two spellings that S3 reads. Pure: no clock and no time zone database.
struct UTCTime {
  private let year: Int64
  private let month: Int64
  private let day: Int64
  private let secondOfDay: Int64

  /// Unix time in milliseconds; parts of a second are dropped.
  init(milliseconds: Int64) {
    let seconds = milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
    let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    secondOfDay = seconds - days * 86_400
    // Days since 0000-03-01, so that a leap day is the last of its year; 146,097 days make 400 years.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  /// `20130524T000000Z`.
  var basic: String { "\(pad(year, 4))\(pad(month))\(pad(day))T\(pad(hour))\(pad(minute))\(pad(second))Z" }
  /// `2013-05-24T00:00:00Z` (RFC 3339).
  var extended: String {
    "\(pad(year, 4))-\(pad(month))-\(pad(day))T\(pad(hour)):\(pad(minute)):\(pad(second))Z"
  }

  private var hour: Int64 { secondOfDay / 3600 }
  private var minute: Int64 { secondOfDay / 60 % 60 }
  private var second: Int64 { secondOfDay % 60 }

  private func pad(_ value: Int64, _ width: Int = 2) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
