/// `method SP request-target SP HTTP-version` (RFC 9112 section 3), with single spaces.
struct RequestLine {
  var method: String
  var target: String
  var path: String
  var query: String?
  /// The authority of an absolute-form target.
  var authority: String?
  var isCurrentVersion: Bool

  init(_ bytes: Span<UInt8>, end: Int) throws(RequestRefusal) {
    var index = 0
    while index < end, ASCII.isToken(bytes[index]) { index += 1 }
    guard index > 0, index < end, bytes[index] == ASCII.space else {
      throw .badRequest("The request line does not begin with a method and one space.")
    }
    method = Self.string(bytes, 0, index)
    let start = index + 1
    index = start
    var mark: Int?
    var isEncoded = false
    var hasBracket = false
    while index < end, ASCII.isTarget(bytes[index]) || Self.isHostBracket(bytes[index]) {
      switch bytes[index] {
      case ASCII.questionMark: mark = mark ?? index
      case ASCII.percent: isEncoded = true
      case 0x5B, 0x5D: hasBracket = true
      default: break
      }
      index += 1
    }
    guard index > start, index < end, bytes[index] == ASCII.space else {
      throw .badRequest("The request target is empty or holds a character that must be percent-encoded.")
    }
    target = Self.string(bytes, start, index)
    isCurrentVersion = try Self.isCurrentVersion(bytes, index + 1, end)
    if bytes[start] == ASCII.slash, !isEncoded, !hasBracket, method != "CONNECT" {
      // The common case, whose parts need no further look.
      path = mark.map { Self.string(bytes, start, $0) } ?? target
      query = mark.map { Self.string(bytes, $0 + 1, index) }
    } else {
      (authority, path, query) = try Self.split(target, method: method)
    }
  }

  /// `[` and `]` occur only around an IPv6 address in an absolute-form target; `split` refuses them elsewhere.
  private static func isHostBracket(_ byte: UInt8) -> Bool { byte == 0x5B || byte == 0x5D }

  private static func string(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> String {
    bytes.extracting(start..<end).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  private static func isCurrentVersion(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int
  ) throws(RequestRefusal) -> Bool {
    let name: StaticString = "HTTP/"
    guard end - start == 8, bytes[start + 6] == 0x2E, ASCII.isDigit(bytes[start + 5]), ASCII.isDigit(bytes[start + 7])
    else { throw .badRequest("The request line does not end in an HTTP version.") }
    for index in 0..<5 where bytes[start + index] != name.utf8Start[index] {
      throw .badRequest("The request line does not end in an HTTP version.")
    }
    switch (bytes[start + 5], bytes[start + 7]) {
    case (0x31, 0x31): return true
    case (0x31, 0x30): return false
    default: throw RequestRefusal(505, "version_not_supported", "This server speaks HTTP/1.1 and HTTP/1.0.")
    }
  }

  /// The four forms of section 3.2: origin, absolute, authority (CONNECT, not offered), asterisk (OPTIONS only).
  private static func split(
    _ target: String, method: String
  ) throws(RequestRefusal) -> (authority: String?, path: String, query: String?) {
    let bytes = target.utf8
    if method == "CONNECT" { throw RequestRefusal(501, "not_implemented", "This server is no proxy.") }
    if target == "*" {
      guard method == "OPTIONS" else { throw .badRequest("The target * is for OPTIONS only.") }
      return (nil, target, nil)
    }
    var authority: String?
    var rest = target[...]
    if bytes.first != ASCII.slash {
      let lowered = target.prefix(8).lowercased()
      let schemeLength = lowered.hasPrefix("http://") ? 7 : lowered.hasPrefix("https://") ? 8 : 0
      guard schemeLength > 0 else { throw .badRequest("The request target does not begin with a slash.") }
      rest = target.dropFirst(schemeLength)
      let end = rest.utf8.firstIndex { $0 == ASCII.slash || $0 == ASCII.questionMark } ?? rest.endIndex
      authority = String(rest[..<end])
      rest = rest[end...]
    }
    guard !rest.utf8.contains(where: isHostBracket) else {
      throw .badRequest("The request target holds a character that must be percent-encoded.")
    }
    let mark = rest.utf8.firstIndex(of: ASCII.questionMark)
    let path = rest[..<(mark ?? rest.endIndex)]
    let query = mark.map { rest[rest.utf8.index(after: $0)...] }
    guard isDecodable(path), query.map(isDecodable) ?? true else {
      throw .badRequest("The request target is wrongly percent-encoded.")
    }
    return (authority, path.isEmpty ? "/" : String(path), query.map { String($0) })
  }

  private static func isDecodable(_ text: Substring) -> Bool {
    !text.utf8.contains(ASCII.percent) || PercentEncoding.decode(text.utf8) != nil
  }
}
