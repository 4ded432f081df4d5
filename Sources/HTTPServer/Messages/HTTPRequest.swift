/// One request, its head complete and checked, its body perhaps still arriving.
public struct HTTPRequest: Sendable {
  /// The method as sent; methods are case-sensitive (RFC 9110 section 9.1).
  public var method: String
  /// The request target as sent, for example `/v1/entries?after=4`.
  public var target: String
  /// The path of the target, still percent-encoded; begins with `/` (or is `*` for `OPTIONS *`).
  public var path: String
  /// The query without its `?`, still percent-encoded; nil when there was no `?`.
  public var rawQuery: String?
  /// The fields, names in lower case.
  public var headers: HTTPHeaders
  /// The body; empty when there is none.
  public var body: HTTPBody
  /// Who sent it.
  public var peer: Peer
  /// What TLS proved, when the connection is one.
  public var channel: SecureChannel?
  /// What the router captured from the path.
  public var parameters: PathParameters

  /// A request made by hand, as tests of handlers do.
  public init(
    method: String, target: String, headers: HTTPHeaders = [:], body: HTTPBody = .empty,
    peer: Peer = .unix(uid: 0, gid: 0, pid: 0)
  ) {
    self.method = method
    self.target = target
    let bytes = target.utf8
    if let mark = bytes.firstIndex(of: ASCII.questionMark) {
      path = String(target[..<mark])
      rawQuery = String(target[bytes.index(after: mark)...])
    } else {
      path = target
      rawQuery = nil
    }
    self.headers = headers
    self.body = body
    self.peer = peer
    parameters = PathParameters()
  }

  /// The raw segments of the path: `/a/b%20c` gives `a` and `b%20c`, `/` gives none, `/a/` gives `a` and an empty one.
  public var pathSegments: [Substring] {
    guard path != "/" else { return [] }
    return path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
  }

  /// The query as name and value pairs, decoded as a form (`+` is a space), in order. A name without `=` has the value
  /// "". The server has refused targets that do not decode to UTF-8, so nothing is lost here.
  public var query: [(name: String, value: String)] {
    guard let rawQuery, !rawQuery.isEmpty else { return [] }
    return rawQuery.utf8.split(separator: UInt8(ascii: "&")).map { pair in
      let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let name = PercentEncoding.decode(parts[0], plusIsSpace: true) ?? ""
      let value = parts.count > 1 ? PercentEncoding.decode(parts[1], plusIsSpace: true) ?? "" : ""
      return (name: name, value: value)
    }
  }

  /// The first query value of that name, decoded.
  public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }
}

/// What the braces of a route pattern stood for, percent-decoded.
///
/// A captured segment is never empty, `.` or `..`, and never holds a slash, a backslash or a control character, whether
/// written plainly or percent-encoded; such a path matches no route.
public struct PathParameters: Sendable, Hashable {
  var values: [(name: String, value: String)] = []

  /// The value of `{name}`, or nil when the pattern has no such part.
  public subscript(name: String) -> String? {
    for pair in values where pair.name == name { return pair.value }
    return nil
  }

  public static func == (one: PathParameters, other: PathParameters) -> Bool {
    one.values.elementsEqual(other.values) { $0 == $1 }
  }

  public func hash(into hasher: inout Hasher) {
    for pair in values {
      hasher.combine(pair.name)
      hasher.combine(pair.value)
    }
  }
}
