/// One header field.
public struct HTTPClientHeader: Sendable, Hashable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  func isNamed(_ other: String) -> Bool { name.lowercased() == other.lowercased() }
}

/// Which header fields a request may carry.
enum RequestHeaderRules {
  /// All names and values together, in bytes.
  static let maxBytes = 65_536

  /// What the client itself decides: framing and routing. A caller who sets these could smuggle a second request into
  /// the connection or address another host than the one checked.
  private static let reserved: Set<String> = [
    "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive",
    "http2-settings",
  ]

  /// What goes along to another origin after a redirect. Everything else may be a credential, whatever its name.
  private static let harmless: Set<String> = [
    "accept", "accept-language", "cache-control", "content-language", "content-type", "if-match", "if-modified-since",
    "if-none-match", "if-range", "if-unmodified-since", "pragma", "range", "user-agent",
  ]

  static func check(_ headers: [HTTPClientHeader]) throws(RequestFault) {
    var bytes = 0
    for header in headers {
      guard HTTPToken.isToken(header.name) else { throw .headerName(header.name) }
      let name = header.name.lowercased()
      guard !reserved.contains(name), !name.hasPrefix("proxy-") else { throw .headerReserved(header.name) }
      // CR and LF would begin a header, or a request, of the attacker's choice (RFC 9112 section 11.1).
      guard header.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }),
        header.value.utf8.first.map({ $0 != 0x20 && $0 != 0x09 }) ?? true,
        header.value.utf8.last.map({ $0 != 0x20 && $0 != 0x09 }) ?? true
      else { throw .headerValue(name: header.name) }
      bytes += header.name.utf8.count + header.value.utf8.count + 4
    }
    guard bytes <= maxBytes else { throw .headersTooLarge(bytes: bytes, limit: maxBytes) }
  }

  static func keptAcrossOrigins(_ headers: [HTTPClientHeader]) -> [HTTPClientHeader] {
    headers.filter { harmless.contains($0.name.lowercased()) }
  }

  static func withoutContent(_ headers: [HTTPClientHeader]) -> [HTTPClientHeader] {
    headers.filter { !$0.name.lowercased().hasPrefix("content-") }
  }
}

/// RFC 9110 section 5.6.2.
enum HTTPToken {
  static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }
}
