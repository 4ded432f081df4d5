/// `Host = uri-host [ ":" port ]` (RFC 9110 section 7.2), narrower than RFC 3986: names of letters, digits, `-`, `_` and
/// `.`, addresses, and bracketed IPv6 addresses. An empty host is refused.
enum HostSyntax {
  /// The host in lower case without port (an IPv6 address without brackets), or nil when malformed.
  static func name(_ text: String) -> String? {
    let bytes = text.utf8
    let name: Substring
    let rest: Substring.UTF8View
    if bytes.first == 0x5B {
      guard let close = bytes.firstIndex(of: 0x5D) else { return nil }
      name = text[bytes.index(after: bytes.startIndex)..<close]
      rest = text[bytes.index(after: close)...].utf8
      guard name.utf8.contains(ASCII.colon),
        name.utf8.allSatisfy({ ASCII.hexValue($0) != nil || $0 == ASCII.colon || $0 == 0x2E })
      else { return nil }
    } else {
      let end = bytes.firstIndex(of: ASCII.colon) ?? bytes.endIndex
      name = text[..<end]
      rest = text[end...].utf8
      guard !name.isEmpty, name.utf8.allSatisfy(isNameByte) else { return nil }
    }
    if let colon = rest.first {
      let port = rest.dropFirst()
      guard colon == ASCII.colon, (1...5).contains(port.count), port.allSatisfy(ASCII.isDigit),
        port.reduce(0, { $0 * 10 + Int($1 - ASCII.zero) }) <= 65535
      else { return nil }
    }
    guard name.utf8.contains(where: { $0 != ASCII.lowercased($0) }) else { return String(name) }
    return String(decoding: name.utf8.map(ASCII.lowercased), as: UTF8.self)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    ASCII.isDigit(byte) || (0x61...0x7A).contains(ASCII.lowercased(byte)) || byte == 0x2D || byte == 0x2E
      || byte == 0x5F
  }
}
