/// Numbers: RFC 8259 section 6, valued as IEEE 754 binary64 (RFC 7493 section 2.2).
extension JSONParser {
  /// Reads a number that starts at `offset` with a minus sign or a digit.
  mutating func number(_ text: Span<UInt8>) throws(Fault) -> JSON {
    let start = offset
    var index = start
    let negative = text[index] == UInt8(ascii: "-")
    if negative { index += 1 }
    let firstDigit = index
    var magnitude: UInt64 = 0
    while index < text.count, case let digit = text[index] &- UInt8(ascii: "0"), digit < 10 {
      // Wraps for long literals; those take the slow path below, which does not use it.
      magnitude = magnitude &* 10 &+ UInt64(digit)
      index += 1
    }
    let digits = index - firstDigit
    guard digits > 0 else { throw Fault(index < text.count ? .malformedNumber : .endOfInput, at: index) }
    if digits > 1, text[firstDigit] == UInt8(ascii: "0") { throw Fault(.leadingZero, at: firstDigit) }

    let integral = index >= text.count || !Self.continuesNumber(text[index])
    if integral, digits <= 16, magnitude <= UInt64(JSON.maxSafeInteger) {
      offset = index
      return .integer(negative ? -Int64(magnitude) : Int64(magnitude))
    }
    if limits.integersOnly { throw Fault(.numberNotSafeInteger, at: start) }
    return try float(text, start: start, afterInteger: index)
  }

  private static func continuesNumber(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
  }

  /// Finishes a number that is not an integer of the safe range by its form.
  private mutating func float(_ text: Span<UInt8>, start: Int, afterInteger: Int) throws(Fault) -> JSON {
    var index = afterInteger
    if index < text.count, text[index] == UInt8(ascii: ".") { index = try skipDigits(text, from: index + 1) }
    let significandEnd = index
    if index < text.count, text[index] == UInt8(ascii: "e") || text[index] == UInt8(ascii: "E") {
      index += 1
      if index < text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") { index += 1 }
      index = try skipDigits(text, from: index)
    }
    // The standard library rounds correctly for every length of literal, as `strtod` does.
    let literal = text.extracting(start..<index).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    guard let value = Double(literal), let result = JSON.number(value) else {
      throw Fault(.numberOutOfRange, at: start)
    }
    if value == 0 {
      for position in start..<significandEnd where (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(text[position]) {
        throw Fault(.numberOutOfRange, at: start)
      }
    }
    offset = index
    return result
  }

  private func skipDigits(_ text: Span<UInt8>, from start: Int) throws(Fault) -> Int {
    var index = start
    while index < text.count, text[index] &- UInt8(ascii: "0") < 10 { index += 1 }
    guard index > start else { throw Fault(index < text.count ? .malformedNumber : .endOfInput, at: index) }
    return index
  }
}
