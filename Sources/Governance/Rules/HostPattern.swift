import CanonicalJSON

/// One entry of a `host` check: `host:port`, `*.suffix:port`, or either without a port, which means the default port of
/// the URL's scheme.
public struct HostPattern: Sendable, Hashable {
  public let text: String
  private let isSuffix: Bool
  private let host: String
  private let port: Int?

  public init(parsing text: String, path: String = "host") throws(FieldError) {
    let isSuffix = text.hasPrefix("*.")
    guard let (host, port) = URLAuthority.split(isSuffix ? text.dropFirst(2) : text[...]),
      !(isSuffix && host.hasPrefix("["))
    else {
      throw FieldError(
        field: path, expected: "host:port, *.suffix:port, or either without a port", actual: JSON.string(text).summary)
    }
    self.text = text
    self.isSuffix = isSuffix
    self.host = host
    self.port = port
  }

  /// `*.` stands for one or more whole labels.
  public func matches(_ authority: URLAuthority) -> Bool {
    guard authority.port == port ?? authority.scheme.defaultPort else { return false }
    return isSuffix ? authority.host.hasSuffix("." + host) : authority.host == host
  }
}

/// Scheme, host and port of a URL, read strictly: whatever two parsers might read differently (user information, a
/// backslash, control characters, a percent sign or an upper-case letter in the host, an odd port) is not a URL here, so
/// that the client which later connects cannot be led to another host than the one that was checked.
public struct URLAuthority: Sendable, Hashable {
  public enum Scheme: String, Sendable {
    case http, https

    var defaultPort: Int { self == .http ? 80 : 443 }
  }

  public let scheme: Scheme
  /// A name of lower-case labels, an IPv4 address, or an IPv6 address in brackets.
  public let host: String
  public let port: Int

  /// `host:port`.
  public var text: String { "\(host):\(port)" }

  /// nil for everything that is not plainly an http or https URL. At most 2048 bytes.
  public init?(url: String) {
    guard url.utf8.count <= 2048, url.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") })
    else { return nil }
    let rest: Substring
    if url.hasPrefix("https://") {
      scheme = .https
      rest = url.dropFirst(8)
    } else if url.hasPrefix("http://") {
      scheme = .http
      rest = url.dropFirst(7)
    } else {
      return nil
    }
    guard let (host, port) = Self.split(rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }) else { return nil }
    self.host = host
    self.port = port ?? scheme.defaultPort
  }

  /// Splits `host[:port]`; nil when either is not in its one plain form.
  static func split(_ text: Substring) -> (host: String, port: Int?)? {
    let hostPart: Substring
    let portPart: Substring?
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      hostPart = text[...end]
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
      portPart = rest.isEmpty ? nil : rest.dropFirst()
      guard hostPart.utf8.count > 3, hostPart.dropFirst().dropLast().utf8.allSatisfy(isAddressDigit) else { return nil }
    } else {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      hostPart = parts[0]
      portPart = parts.count == 2 ? parts[1] : nil
      let labels = hostPart.split(separator: ".", omittingEmptySubsequences: false)
      guard hostPart.utf8.count <= 253, labels.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isLabelByte) })
      else { return nil }
    }
    guard let portPart else { return (String(hostPart), nil) }
    guard let port = Int(portPart), (1...65_535).contains(port), String(port) == portPart else { return nil }
    return (String(hostPart), port)
  }

  private static func isLabelByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func isAddressDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }
}
