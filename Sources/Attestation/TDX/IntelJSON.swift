import CanonicalJSON
import Cryptography

/// Values as Intel writes them in its JSON: hexadecimal of either case, and times in ISO 8601 to the second.
extension ObjectReader {
  mutating func intelHex(_ name: String, count: Int) throws(FieldError) -> [UInt8] {
    let text = try string(name, maxBytes: count * 2)
    guard let bytes = Hex.decode(text.lowercased()), bytes.count == count else {
      throw FieldError(
        field: pathOf(name), expected: "\(count) bytes in hexadecimal", actual: JSON.string(text).summary)
    }
    return bytes
  }

  /// `2026-02-01T14:49:26Z` as Unix milliseconds.
  mutating func intelTime(_ name: String) throws(FieldError) -> Int64 {
    let text = try string(name, maxBytes: 32)
    guard let time = IntelTime.parse(text) else {
      throw FieldError(field: pathOf(name), expected: "a time in UTC to the second", actual: JSON.string(text).summary)
    }
    return time
  }

  /// One of the names that ``TCBStanding`` knows.
  mutating func standing(_ name: String) throws(FieldError) -> TCBStanding {
    let text = try string(name, maxBytes: 64)
    guard let standing = TCBStanding(name: text) else {
      throw FieldError(field: pathOf(name), expected: "a TCB status", actual: JSON.string(text).summary)
    }
    return standing
  }

  /// `advisoryIDs`, which Intel leaves out where there are none.
  mutating func advisories() throws(FieldError) -> Set<String> {
    var advisories: Set<String> = []
    for json in try optionalArray("advisoryIDs", maxCount: 256) ?? [] {
      guard let text = json.string, text.utf8.count <= 64 else {
        throw FieldError(field: pathOf("advisoryIDs"), expected: "names of advisories", actual: json.summary)
      }
      advisories.insert(text)
    }
    return advisories
  }
}

enum IntelTime {
  /// Unix milliseconds of exactly `YYYY-MM-DDTHH:MM:SSZ`, or nil.
  static func parse(_ text: String) -> Int64? {
    let pattern = Array("dddd-dd-ddTdd:dd:ddZ".utf8)
    let bytes = Array(text.utf8)
    guard bytes.count == pattern.count else { return nil }
    var numbers: [Int64] = [0]
    for (byte, place) in zip(bytes, pattern) {
      if place == 0x64 {
        guard (0x30...0x39).contains(byte) else { return nil }
        numbers[numbers.count - 1] = numbers[numbers.count - 1] * 10 + Int64(byte - 0x30)
      } else {
        guard byte == place else { return nil }
        numbers.append(0)
      }
    }
    let (year, month, day) = (numbers[0], numbers[1], numbers[2])
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let days: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard (1970...9999).contains(year), (1...12).contains(month), (1...days[Int(month) - 1]).contains(day),
      numbers[3] < 24, numbers[4] < 60, numbers[5] < 60
    else { return nil }
    let past = year - 1
    let leapDays = past / 4 - past / 100 + past / 400 - 477
    let dayOfYear = days.prefix(Int(month) - 1).reduce(0, +) + day - 1
    let count = (year - 1970) * 365 + leapDays + dayOfYear
    return (count * 86400 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5]) * 1000
  }
}
