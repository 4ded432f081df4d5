extension DERReader {
  // MARK: Numbers

  /// The magnitude of a non-negative INTEGER of at most `maxBytes` bytes, big-endian, without leading zeros; zero is one
  /// zero byte.
  public mutating func integer(_ field: String, maxBytes: Int = 1024) throws(CryptographyError) -> [UInt8] {
    let content = try minimalInteger(.integer, field)
    guard let first = content.first, first & 0x80 == 0 else { throw malformed(field, "a negative integer") }
    let magnitude = first == 0 && content.count > 1 ? content.dropFirst() : content
    guard magnitude.count <= maxBytes else {
      throw malformed(field, "an integer of \(magnitude.count) bytes, more than \(maxBytes)")
    }
    return [UInt8](magnitude)
  }

  /// An INTEGER of the range.
  public mutating func integer(_ field: String, in range: ClosedRange<Int64>) throws(CryptographyError) -> Int64 {
    try ranged(.integer, field, range)
  }

  /// An ENUMERATED of the range.
  public mutating func enumerated(_ field: String, in range: ClosedRange<Int64>) throws(CryptographyError) -> Int64 {
    try ranged(.enumerated, field, range)
  }

  private mutating func ranged(
    _ tag: DERTag, _ field: String, _ range: ClosedRange<Int64>
  ) throws(CryptographyError) -> Int64 {
    let content = try minimalInteger(tag, field)
    guard content.count <= 8, let first = content.first else { throw malformed(field, "an integer beyond 64 bits") }
    var value: Int64 = first & 0x80 == 0 ? 0 : -1
    for byte in content { value = value << 8 | Int64(byte) }
    guard range.contains(value) else {
      throw malformed(field, "expected \(range.lowerBound) to \(range.upperBound), found \(value)")
    }
    return value
  }

  private mutating func minimalInteger(_ tag: DERTag, _ field: String) throws(CryptographyError) -> ArraySlice<UInt8> {
    let content = try element(tag, field)
    guard let first = content.first else { throw malformed(field, "an empty integer") }
    if let second = content.dropFirst().first {
      guard !(first == 0 && second & 0x80 == 0), !(first == 0xFF && second & 0x80 != 0) else {
        throw malformed(field, "an integer that is not in its shortest form")
      }
    }
    return content
  }

  /// A BOOLEAN: FF is true, 00 is false, and nothing else is (X.690 section 11.1).
  public mutating func boolean(_ field: String) throws(CryptographyError) -> Bool {
    let content = try element(.boolean, field)
    guard content.count == 1, let byte = content.first, byte == 0 || byte == 0xFF else {
      throw malformed(field, "a boolean that is neither 00 nor ff")
    }
    return byte == 0xFF
  }

  /// A BOOLEAN with `DEFAULT FALSE`, which DER leaves out where it is false (X.690 section 11.5).
  public mutating func optionalTrue(_ field: String) throws(CryptographyError) -> Bool {
    guard peekTag == .boolean else { return false }
    guard try boolean(field) else { throw malformed(field, "a default value that is written out") }
    return true
  }

  public mutating func null(_ field: String) throws(CryptographyError) {
    guard try element(.null, field).isEmpty else { throw malformed(field, "a NULL with content") }
  }

  public mutating func objectIdentifier(_ field: String) throws(CryptographyError) -> OID {
    let content = try element(.objectIdentifier, field)
    do { return try OID(content: content) } catch { throw malformed(field, error.description) }
  }

  // MARK: Strings

  public mutating func octetString(_ field: String) throws(CryptographyError) -> [UInt8] {
    [UInt8](try element(.octetString, field))
  }

  /// A BIT STRING of whole bytes.
  public mutating func bitString(_ field: String) throws(CryptographyError) -> [UInt8] {
    let content = try element(.bitString, field)
    guard content.first == 0 else { throw malformed(field, "a bit string that is not of whole bytes") }
    return [UInt8](content.dropFirst())
  }

  /// A BIT STRING of named bits, the first bit lowest; at most 32 bits, unused ones zero. Trailing zeros, which DER leaves
  /// out (X.690 section 11.2.2), are read: the certificates of AMD's authorities have them.
  public mutating func namedBits(_ field: String) throws(CryptographyError) -> UInt32 {
    let content = try element(.bitString, field)
    guard let unused = content.first, unused < 8, content.count <= 5 else {
      throw malformed(field, "no string of named bits")
    }
    guard let last = content.dropFirst().last else {
      guard unused == 0 else { throw malformed(field, "unused bits of nothing") }
      return 0
    }
    guard last.trailingZeroBitCount >= Int(unused) else { throw malformed(field, "unused bits that are not zero") }
    var bits: UInt32 = 0
    for (index, byte) in content.dropFirst().enumerated() {
      for bit in 0..<8 where byte & (0x80 >> bit) != 0 { bits |= 1 << UInt32(index * 8 + bit) }
    }
    return bits
  }

  // MARK: Time

  /// UTCTime for the years 1950 to 2049, GeneralizedTime for all others, to the second and in UTC (RFC 5280 section
  /// 4.1.2.5); as Unix milliseconds.
  public mutating func time(_ field: String) throws(CryptographyError) -> Int64 {
    let element = try anyElement(field)
    var digits = element.content
    guard digits.popLast() == 0x5A, digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw malformed(field, "a time that is not in UTC to the second")
    }
    func number(_ offset: Int, _ count: Int) -> Int64 {
      digits.dropFirst(offset).prefix(count).reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }
    let year: Int64
    let offset: Int
    switch (element.tag, digits.count) {
    case (.utcTime, 12):
      let short = number(0, 2)
      (year, offset) = (short + (short < 50 ? 2000 : 1900), 2)
    case (.generalizedTime, 14):
      (year, offset) = (number(0, 4), 4)
      guard !(1950...2049).contains(year) else { throw malformed(field, "a year that UTCTime has") }
    default: throw malformed(field, "is neither UTCTime nor GeneralizedTime to the second")
    }
    let date = CivilDate(
      year: year, month: number(offset, 2), day: number(offset + 2, 2), hour: number(offset + 4, 2),
      minute: number(offset + 6, 2), second: number(offset + 8, 2))
    guard let seconds = date.unixSeconds else { throw malformed(field, "a date that no calendar has") }
    return seconds * 1000
  }
}

/// A date and time of the proleptic Gregorian calendar, in UTC and without leap seconds.
struct CivilDate {
  var year, month, day, hour, minute, second: Int64

  /// Seconds since 1970, or nil where there is no such date.
  var unixSeconds: Int64? {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let days: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard (0...9999).contains(year), (1...12).contains(month), (1...days[Int(month) - 1]).contains(day), hour < 24,
      minute < 60, second < 60
    else { return nil }
    // In years that start in March the leap day comes last, and days before a month follow one rule.
    let shifted = month > 2 ? year : year - 1
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return (era * 146_097 + dayOfEra - 719_468) * 86400 + hour * 3600 + minute * 60 + second
  }
}
