/// An absolute `http` or `https` URL, taken apart strictly. What is checked is what is sent: libcurl is given the text
/// rebuilt from these parts, so no second parser can read the URL differently.
public struct HTTPURL: Sendable, Hashable, CustomStringConvertible {
  public enum Scheme: String, Sendable, Hashable {
    case http, https
    public var defaultPort: UInt16 { self == .http ? 80 : 443 }
  }

  /// Longest URL accepted, in bytes.
  public static let maxBytes = 8192

  public let scheme: Scheme
  /// Lower-case DNS name, dotted-decimal IPv4 or RFC 5952 IPv6 without brackets.
  public let host: String
  /// The address that `host` spells, if it is a literal.
  public let literal: IPAddress?
  public let port: UInt16
  /// Path and query as written, beginning with `/`.
  public let target: String

  /// Refuses user information, fragments' bytes and other characters outside RFC 3986, zones, percent-encoded or
  /// non-ASCII hosts (write those in their `xn--` form), empty ports and port 0. A fragment is dropped. The odd IPv4
  /// forms of the WHATWG URL standard (`127.1`, `0x7f000001`, `2130706433`, `0177.0.0.1`) become the address they are.
  public init(_ text: String) throws(URLFault) {
    let bytes = try Self.checkedBytes(text)
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { throw .noScheme }
    guard let scheme = Scheme(rawValue: Self.lowercased(bytes[..<colon])) else {
      throw .scheme(Self.lowercased(bytes[..<colon]))
    }
    let rest = bytes[(colon + 1)...]
    guard rest.starts(with: [UInt8(ascii: "/"), UInt8(ascii: "/")]) else { throw .noHost }
    try self.init(scheme: scheme, afterSlashes: rest.dropFirst(2))
  }

  private init(scheme: Scheme, afterSlashes rest: ArraySlice<UInt8>) throws(URLFault) {
    let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
    let authority = rest[..<(end ?? rest.endIndex)]
    guard !authority.contains(UInt8(ascii: "@")) else { throw .userInformation }
    let (host, portText) = try Self.split(authority)
    self.scheme = scheme
    if let portText {
      guard let port = UInt16(portText), port > 0, portText.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }) else {
        throw .port(portText)
      }
      self.port = port
    } else {
      port = scheme.defaultPort
    }
    (self.host, literal) = try HostText.parse(host)
    target = Self.target(rest[(end ?? rest.endIndex)...])
  }

  private init(base: HTTPURL, target: String) {
    (scheme, host, literal, port) = (base.scheme, base.host, base.literal, base.port)
    self.target = target
  }

  /// `host:port`, the IPv6 host in brackets, the scheme's default port left out.
  public var authority: String {
    let name = bracketedHost
    return port == scheme.defaultPort ? name : "\(name):\(port)"
  }

  var bracketedHost: String {
    guard let literal, !literal.isIPv4 else { return host }
    return "[\(host)]"
  }

  public var description: String { "\(scheme.rawValue)://\(authority)\(target)" }

  /// RFC 6454: credentials for one origin are not for another.
  public func hasSameOrigin(as other: HTTPURL) -> Bool {
    scheme == other.scheme && host == other.host && port == other.port
  }

  /// Resolves a reference against this URL (RFC 3986 section 5.2), as for a `Location` header.
  public func resolving(_ reference: String) throws(URLFault) -> HTTPURL {
    let bytes = try Self.checkedBytes(reference)
    let slash = UInt8(ascii: "/")
    if let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0,
      bytes[..<colon].allSatisfy(Self.isSchemeByte)
    {
      return try HTTPURL(reference)
    }
    if bytes.starts(with: [slash, slash]) { return try HTTPURL(scheme: scheme, afterSlashes: bytes.dropFirst(2)) }
    let end = bytes.firstIndex(of: UInt8(ascii: "#")) ?? bytes.endIndex
    let text = String(decoding: bytes[..<end], as: UTF8.self)
    let path = String(target.prefix { $0 != "?" })
    if text.isEmpty { return HTTPURL(base: self, target: target) }
    if text.hasPrefix("?") { return HTTPURL(base: self, target: path + text) }
    let directory = text.hasPrefix("/") ? "" : String(path[...(path.lastIndex(of: "/") ?? path.startIndex)])
    return HTTPURL(base: self, target: Self.removingDotSegments(directory + text))
  }

  // RFC 3986 section 5.2.4, on the path only.
  private static func removingDotSegments(_ target: String) -> String {
    let path = target.prefix { $0 != "?" }
    var kept: [Substring] = []
    let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    for (index, segment) in segments.enumerated() {
      switch segment {
      case ".", "..":
        if segment == ".." { _ = kept.popLast() }
        if index == segments.count - 1 { kept.append("") }
      default: kept.append(segment)
      }
    }
    return "/" + kept.joined(separator: "/") + target[path.endIndex...]
  }

  private static func split(_ authority: ArraySlice<UInt8>) throws(URLFault) -> (String, String?) {
    var hostEnd = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
    if authority.first == UInt8(ascii: "[") {
      guard let close = authority.firstIndex(of: UInt8(ascii: "]")) else {
        throw .host(String(decoding: authority, as: UTF8.self))
      }
      hostEnd = close + 1
    }
    let host = String(decoding: authority[..<hostEnd], as: UTF8.self)
    guard hostEnd < authority.endIndex else { return (host, nil) }
    guard authority[hostEnd] == UInt8(ascii: ":") else {
      throw .host(String(decoding: authority, as: UTF8.self))
    }
    return (host, String(decoding: authority[(hostEnd + 1)...], as: UTF8.self))
  }

  private static func target(_ rest: ArraySlice<UInt8>) -> String {
    let end = rest.firstIndex(of: UInt8(ascii: "#")) ?? rest.endIndex
    let text = String(decoding: rest[..<end], as: UTF8.self)
    return text.hasPrefix("/") ? text : "/" + text
  }

  // RFC 3986 section 2: unreserved, reserved and complete percent-encodings. Backslashes, blanks, controls and raw
  // Unicode are where URL parsers disagree.
  private static func checkedBytes(_ text: String) throws(URLFault) -> ArraySlice<UInt8> {
    let bytes = Array(text.utf8)
    guard bytes.count <= maxBytes else { throw .tooLong(bytes: bytes.count, limit: maxBytes) }
    for (offset, byte) in bytes.enumerated() {
      if byte == UInt8(ascii: "%") {
        guard offset + 2 < bytes.count, isHexDigit(bytes[offset + 1]), isHexDigit(bytes[offset + 2]) else {
          throw .character(byte, offset: offset)
        }
      } else if !isURLByte(byte) {
        throw .character(byte, offset: offset)
      }
    }
    return bytes[...]
  }

  private static func isURLByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "-._~:/?#[]@!$&'()*+,;=".utf8.contains(byte)
    }
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
    case UInt8(ascii: "A")...UInt8(ascii: "F"): true
    default: false
    }
  }

  private static func isSchemeByte(_ byte: UInt8) -> Bool {
    isURLByte(byte) && !":/?#[]@!$&'()*,;=_~".utf8.contains(byte)
  }

  private static func lowercased(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self).lowercased()
  }
}

/// What is wrong with a URL.
public enum URLFault: Error, Sendable, Hashable, CustomStringConvertible {
  case tooLong(bytes: Int, limit: Int)
  case character(UInt8, offset: Int)
  case noScheme
  case scheme(String)
  case noHost
  case userInformation
  case host(String)
  case port(String)

  public var description: String {
    switch self {
    case .tooLong(let bytes, let limit): "the URL has \(bytes) bytes, at most \(limit) are accepted"
    case .character(let byte, let offset):
      "byte 0x\(String(byte, radix: 16)) at offset \(offset) may not stand in a URL"
    case .noScheme: "the URL has no scheme, http or https is expected"
    case .scheme(let scheme): "the scheme \"\(scheme)\" is neither http nor https"
    case .noHost: "the URL names no host"
    case .userInformation: "the URL carries user information, which is not accepted"
    case .host(let host): "\"\(host)\" is not a host name or address"
    case .port(let port): "\"\(port)\" is not a port between 1 and 65535"
    }
  }
}
