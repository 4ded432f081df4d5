/// The order of RFC 8785 section 3.2.3: names compared as arrays of UTF-16 code units.
///
/// UTF-8 bytes already sort by code point. The two orders differ only where a code point above U+FFFF (UTF-16 surrogates
/// D800...DFFF, UTF-8 lead byte F0...F4) meets one of U+E000...U+FFFF (UTF-8 lead byte EE or EF), so the comparison stays
/// on bytes and lifts those two lead bytes above the others.
enum UTF16Order {
  /// Rank of a byte at the first difference of two valid UTF-8 texts.
  @inline(__always)
  static func rank(_ byte: UInt8) -> UInt8 { byte & 0xFE == 0xEE ? byte | 0x10 : byte }

  /// True when `left` sorts strictly before `right`.
  static func precedes(_ left: String, _ right: String) -> Bool {
    var left = left
    var right = right
    return left.withUTF8 { a in right.withUTF8 { b in precedes(a.span, b.span) } }
  }

  /// True when the valid UTF-8 text `left` sorts strictly before `right`.
  static func precedes(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    let common = min(left.count, right.count)
    for index in 0..<common where left[index] != right[index] {
      return rank(left[index]) < rank(right[index])
    }
    return left.count < right.count
  }
}

extension String {
  /// Equality of the UTF-8 bytes. `==` alone also holds for canonically equivalent texts of different bytes.
  @inline(__always)
  func hasSameBytes(as other: String) -> Bool {
    guard self == other else { return false }
    return utf8.elementsEqual(other.utf8)
  }
}
