/// Strings: a word-at-a-time scan for the common case, and an exact decoder for escapes and non-ASCII text.
extension JSONParser {
  /// Reads a string whose opening quotation mark is at `offset`.
  mutating func string(_ text: Span<UInt8>) throws(Fault) -> String {
    let start = offset + 1
    var index = start
    lastStringHadEscape = false
    while true {
      index = Self.skipPlain(text, from: index)
      guard index < text.count else { throw Fault(.endOfInput, at: index) }
      let byte = text[index]
      switch byte {
      case UInt8(ascii: "\""):
        if index - start > limits.maxStringBytes {
          throw Fault(.stringTooLong(limit: limits.maxStringBytes), at: start - 1)
        }
        offset = index + 1
        return text.extracting(start..<index).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
      case UInt8(ascii: "\\"):
        lastStringHadEscape = true
        return try escapedString(text, start: start, escape: index)
      case 0..<0x20: throw Fault(.controlCharacter(byte), at: index)
      default: index += try sequenceLength(text, at: index)
      }
    }
  }

  /// The first position from `index` on that is a quotation mark, a backslash, a control character or not ASCII.
  @inline(__always)
  private static func skipPlain(_ text: Span<UInt8>, from start: Int) -> Int {
    var index = start
    let bytes = text.bytes
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    while index &+ 8 <= text.count {
      let word = UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
      let quote = word ^ (ones &* 0x22)
      let backslash = word ^ (ones &* 0x5C)
      // A byte's top bit is set where (byte - n) borrows. The lowest set bit is exact; only bits above it may be wrong.
      let zero = ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
      let control = (word &- (ones &* 0x20)) & ~word
      let special = (zero | control | word) & tops
      if special != 0 { return index &+ special.trailingZeroBitCount / 8 }
      index &+= 8
    }
    while index < text.count {
      let byte = text[index]
      if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
      index &+= 1
    }
    return index
  }

  /// Reads a string with at least one escape; everything from `start` to `escape` is already checked.
  private mutating func escapedString(_ text: Span<UInt8>, start: Int, escape: Int) throws(Fault) -> String {
    unescaped.removeAll(keepingCapacity: true)
    var copied = start
    var index = escape
    while true {
      guard index < text.count else { throw Fault(.endOfInput, at: index) }
      let byte = text[index]
      switch byte {
      case UInt8(ascii: "\""):
        append(text, copied..<index)
        if unescaped.count > limits.maxStringBytes {
          throw Fault(.stringTooLong(limit: limits.maxStringBytes), at: start - 1)
        }
        offset = index + 1
        return String(decoding: unescaped, as: UTF8.self)
      case UInt8(ascii: "\\"):
        append(text, copied..<index)
        index = try decodeEscape(text, at: index)
        copied = index
      case 0..<0x20: throw Fault(.controlCharacter(byte), at: index)
      case 0x80...: index += try sequenceLength(text, at: index)
      default: index = Self.skipPlain(text, from: index + 1)
      }
    }
  }

  private mutating func append(_ text: Span<UInt8>, _ range: Range<Int>) {
    text.extracting(range).withUnsafeBufferPointer { unescaped.append(contentsOf: $0) }
  }

  /// Decodes the escape at `index` and returns the position after it.
  private mutating func decodeEscape(_ text: Span<UInt8>, at index: Int) throws(Fault) -> Int {
    guard index + 1 < text.count else { throw Fault(.endOfInput, at: text.count) }
    switch text[index + 1] {
    case UInt8(ascii: "\""): unescaped.append(0x22)
    case UInt8(ascii: "\\"): unescaped.append(0x5C)
    case UInt8(ascii: "/"): unescaped.append(0x2F)
    case UInt8(ascii: "b"): unescaped.append(0x08)
    case UInt8(ascii: "f"): unescaped.append(0x0C)
    case UInt8(ascii: "n"): unescaped.append(0x0A)
    case UInt8(ascii: "r"): unescaped.append(0x0D)
    case UInt8(ascii: "t"): unescaped.append(0x09)
    case UInt8(ascii: "u"): return try decodeUnicodeEscape(text, at: index)
    default: throw Fault(.invalidEscape, at: index)
    }
    return index + 2
  }

  private mutating func decodeUnicodeEscape(_ text: Span<UInt8>, at index: Int) throws(Fault) -> Int {
    let first = try codeUnit(text, at: index)
    var value = UInt32(first)
    var end = index + 6
    switch first {
    case 0xD800...0xDBFF:
      guard end + 1 < text.count, text[end] == UInt8(ascii: "\\"), text[end + 1] == UInt8(ascii: "u") else {
        throw Fault(.loneSurrogate(first), at: index)
      }
      let second = try codeUnit(text, at: end)
      guard (0xDC00...0xDFFF).contains(second) else { throw Fault(.loneSurrogate(first), at: index) }
      value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
      end += 6
    case 0xDC00...0xDFFF: throw Fault(.loneSurrogate(first), at: index)
    default: break
    }
    guard let scalar = Unicode.Scalar(value) else { throw Fault(.loneSurrogate(first), at: index) }
    try refuseNoncharacter(value, at: index)
    unescaped.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    return end
  }

  /// The four hexadecimal digits of the `\uXXXX` at `index`.
  private func codeUnit(_ text: Span<UInt8>, at index: Int) throws(Fault) -> UInt16 {
    var value: UInt16 = 0
    for position in (index + 2)..<(index + 6) {
      guard position < text.count else { throw Fault(.endOfInput, at: text.count) }
      let byte = text[position]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw Fault(.invalidEscape, at: index)
      }
      value = value << 4 | UInt16(digit)
    }
    return value
  }

  /// Length of the non-ASCII UTF-8 sequence at `index` (RFC 3629 section 4: no overlong forms, no surrogates).
  private func sequenceLength(_ text: Span<UInt8>, at index: Int) throws(Fault) -> Int {
    let lead = text[index]
    let length: Int
    var value: UInt32
    var secondRange: ClosedRange<UInt8> = 0x80...0xBF
    switch lead {
    case 0xC2...0xDF: (length, value) = (2, UInt32(lead & 0x1F))
    case 0xE0...0xEF:
      (length, value) = (3, UInt32(lead & 0x0F))
      if lead == 0xE0 { secondRange = 0xA0...0xBF }
      if lead == 0xED { secondRange = 0x80...0x9F }
    case 0xF0...0xF4:
      (length, value) = (4, UInt32(lead & 0x07))
      if lead == 0xF0 { secondRange = 0x90...0xBF }
      if lead == 0xF4 { secondRange = 0x80...0x8F }
    default: throw Fault(.invalidUTF8, at: index)
    }
    for position in 1..<length {
      guard index + position < text.count else { throw Fault(.invalidUTF8, at: index) }
      let byte = text[index + position]
      guard position == 1 ? secondRange.contains(byte) : byte & 0xC0 == 0x80 else {
        throw Fault(.invalidUTF8, at: index)
      }
      value = value << 6 | UInt32(byte & 0x3F)
    }
    try refuseNoncharacter(value, at: index)
    return length
  }

  /// U+FDD0...U+FDEF and the last two code points of every plane.
  @inline(__always)
  private func refuseNoncharacter(_ value: UInt32, at index: Int) throws(Fault) {
    if limits.allowsNoncharacters { return }
    if value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(value) { throw Fault(.noncharacter(value), at: index) }
  }
}
