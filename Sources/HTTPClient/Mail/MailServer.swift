/// A mail submission server.
public struct MailServer: Sendable, Hashable, CustomStringConvertible {
  public enum Security: String, Sendable, Hashable {
    /// TLS from the first byte (RFC 8314).
    case tls
    /// TLS by STARTTLS (RFC 3207), demanded: a server that does not offer it is refused.
    case startTLS
    case none
  }

  /// Lower-case name, or the normal form of an address.
  public let host: String
  let literal: IPAddress?
  public let port: UInt16
  public let security: Security

  /// Reads `smtps://HOST[:PORT]` (for `.tls`; port 465) or `smtp://HOST[:PORT]` (for the others; port 587) with the
  /// strictness of ``HTTPURL``, and nothing after it.
  public init(url: String, security: Security) throws(URLFault) {
    let scheme = security == .tls ? "smtps://" : "smtp://"
    guard url.hasPrefix(scheme) else {
      throw .scheme(String(url.prefix { $0 != ":" }.prefix(16)))
    }
    let place = String(url.dropFirst(scheme.utf8.count))
    let parsed = try HTTPURL("http://" + place)
    guard parsed.target == "/", !place.hasSuffix("?"), !place.contains("#") else { throw .host(place) }
    host = parsed.host
    literal = parsed.literal
    port = Self.namesPort(place) ? parsed.port : Self.defaultPort(security)
    self.security = security
  }

  /// `host:port`, the port left out where it is the default.
  public var authority: String {
    let name = bracketedHost
    return port == Self.defaultPort(security) ? name : "\(name):\(port)"
  }

  public var description: String { "\(scheme)://\(authority)" }

  /// The host as it stands before a port.
  public var bracketedHost: String { literal.map { !$0.isIPv4 } == true ? "[\(host)]" : host }

  var scheme: String { security == .tls ? "smtps" : "smtp" }

  static func defaultPort(_ security: Security) -> UInt16 { security == .tls ? 465 : 587 }

  private static func namesPort(_ place: String) -> Bool {
    guard let end = place.lastIndex(of: ":") else { return false }
    return !place[end...].contains("]")
  }
}
