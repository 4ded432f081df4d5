/// Percent-encoding of RFC 3986 section 2.1, decoded strictly.
enum PercentEncoding {
  /// The decoded text, or nil when a `%` is not followed by two hexadecimal digits, when the result is not UTF-8, or when
  /// it holds a control character (a NUL that ends a C string early, a line end that forges a log line).
  static func decode(_ text: some Collection<UInt8>, plusIsSpace: Bool = false) -> String? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var index = text.startIndex
    while index != text.endIndex {
      var byte = text[index]
      text.formIndex(after: &index)
      if byte == ASCII.percent {
        guard index != text.endIndex, let high = ASCII.hexValue(text[index]) else { return nil }
        text.formIndex(after: &index)
        guard index != text.endIndex, let low = ASCII.hexValue(text[index]) else { return nil }
        text.formIndex(after: &index)
        byte = high << 4 | low
      } else if plusIsSpace, byte == ASCII.plus {
        byte = ASCII.space
      }
      guard byte >= 0x20, byte != 0x7F else { return nil }
      bytes.append(byte)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
