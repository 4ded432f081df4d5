import CanonicalJSON
import Governance

/// A host that a secret is bound to: `api.example.com`, `api.example.com:8443` or `*.example.com`, over TLS; with `http://`
/// before it, in clear text.
///
/// No port is port 443, and 80 after `http://`. `*.` stands for one or more whole labels, never for none, and what follows
/// it has two labels at least.
public struct SecretHost: Sendable, Hashable {
  /// As it was given.
  public let text: String
  private let isClearText: Bool
  private let pattern: HostPattern

  static let clearText = "http://"

  public init(parsing text: String, path: String = "host") throws(FieldError) {
    isClearText = text.hasPrefix(Self.clearText)
    let rest = isClearText ? String(text.dropFirst(Self.clearText.count)) : text
    pattern = try HostPattern(parsing: rest, path: path)
    guard !rest.hasPrefix("*.") || rest.dropFirst(2).contains(".") else {
      throw FieldError(
        field: path, expected: "two labels at least after \"*.\"", actual: JSON.string(text).summary)
    }
    self.text = text
  }

  /// Whether a call to this destination may carry the value.
  ///
  /// - Parameter destination: `host[:port]` of a call over TLS, `http://host[:port]` of one in clear text; the host in
  ///   lower case, an IPv6 address in brackets.
  func covers(_ destination: String) -> Bool {
    let isClearText = destination.hasPrefix(Self.clearText)
    let rest = isClearText ? destination.dropFirst(Self.clearText.count) : destination[...]
    // `URLAuthority` stops at what ends an authority: here there is nothing after it.
    guard isClearText == self.isClearText, !rest.utf8.contains(where: { "/?#".utf8.contains($0) }),
      let authority = URLAuthority(url: (isClearText ? "http://" : "https://") + rest)
    else { return false }
    return pattern.matches(authority)
  }
}
