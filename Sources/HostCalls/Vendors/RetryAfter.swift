/// `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
enum RetryAfter {
  /// A day: who asks for more gets the day.
  static let longest: Int64 = 86_400

  /// Whole seconds from `now` (Unix milliseconds) on; nil for what is neither.
  static func seconds(_ text: String, now: Int64) -> Int64? {
    let text = text.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    if text.utf8.first.map({ (48...57).contains($0) }) ?? false {
      // Some vendors give fractions.
      guard let seconds = Double(text), seconds.isFinite else { return nil }
      return Int64(min(seconds, Double(longest)).rounded(.up))
    }
    guard let date = date(text) else { return nil }
    return min(max(0, date - now / 1000), longest)
  }

  /// An IMF-fixdate, as in `Sun, 06 Nov 1994 08:49:37 GMT`, in Unix seconds.
  private static func date(_ text: String) -> Int64? {
    let parts = text.split(separator: " ").map(String.init)
    guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT", let day = number(parts[1], 1...31),
      let month = months.firstIndex(of: parts[2]), let year = number(parts[3], 1970...9999)
    else { return nil }
    let clock = parts[4].split(separator: ":").map(String.init)
    guard clock.count == 3, let hour = number(clock[0], 0...23), let minute = number(clock[1], 0...59),
      let second = number(clock[2], 0...60)
    else { return nil }
    return ((days(year, Int64(month) + 1, day) * 24 + hour) * 60 + minute) * 60 + second
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  private static func number(_ text: String, _ range: ClosedRange<Int64>) -> Int64? {
    guard let value = Int64(text), range.contains(value), text.utf8.allSatisfy({ (48...57).contains($0) }) else {
      return nil
    }
    return value
  }

  /// Days from 1970-01-01 in the Gregorian calendar, counted in eras of 400 years from March on.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = (shifted / 400, shifted % 400)
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
