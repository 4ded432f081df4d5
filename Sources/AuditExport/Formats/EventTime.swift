import Governance

/// The time of an entry as RFC 3339 and RFC 5424 write it, with milliseconds.
enum EventTime {
  /// `2026-11-18T11:06:40.000Z`, or nil where no calendar reaches.
  static func text(_ milliseconds: Int64) -> String? {
    guard (0...253_402_300_799_999).contains(milliseconds) else { return nil }
    let words = UTCTime.text(milliseconds).split(separator: " ")
    guard words.count == 3 else { return nil }
    return "\(words[0])T\(words[1])Z"
  }
}
