/// One HTTP request.
public struct HTTPClientRequest: Sendable {
  /// Largest request body accepted, in bytes.
  public static let maxBodyBytes = 64 << 20

  /// A token; upper case by convention. `CONNECT` and `TRACE` are refused.
  public var method: String
  /// Absolute URL; see `HTTPURL` for what is accepted.
  public var url: String
  /// Sent as they are. Framing and routing fields (`Host`, `Content-Length`, `Connection`, ...) are refused.
  public var headers: [HTTPClientHeader]
  public var body: [UInt8]
  /// Total time from the call to the last byte of the response, name lookup and redirects included.
  public var deadline: Duration
  /// Largest response body accepted, in bytes; a longer one fails the request.
  public var maxResponseBytes: Int
  /// How many redirects are followed, each checked like a request of its own. At 0 a redirect is the response.
  public var followRedirects: Int
  /// Connect to this Unix socket instead of the URL's host; the policy must name it. The URL still gives `Host` and target.
  public var unixSocketPath: String?
  /// Whether the request may be sent twice without harm. Only then is an idle connection reused: when a server closes
  /// that at the wrong moment, libcurl sends the request again on a new one, and nobody can know whether the first copy
  /// took effect. True by default for GET, HEAD and OPTIONS only.
  public var mayRepeat: Bool

  public init(
    method: String = "GET", url: String, headers: [HTTPClientHeader] = [], body: [UInt8] = [],
    deadline: Duration = .seconds(30), maxResponseBytes: Int = 8 << 20, followRedirects: Int = 0,
    unixSocketPath: String? = nil, mayRepeat: Bool? = nil
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.deadline = deadline
    self.maxResponseBytes = maxResponseBytes
    self.followRedirects = followRedirects
    self.unixSocketPath = unixSocketPath
    self.mayRepeat = mayRepeat ?? ["GET", "HEAD", "OPTIONS"].contains(method)
  }

  func check() throws(RequestFault) {
    guard HTTPToken.isToken(method), method.utf8.count <= 32, method != "CONNECT", method != "TRACE" else {
      throw .method(method)
    }
    guard method != "HEAD" || body.isEmpty else { throw .bodyNotAllowed(method: method) }
    guard body.count <= Self.maxBodyBytes else { throw .bodyTooLarge(bytes: body.count, limit: Self.maxBodyBytes) }
    if let unixSocketPath {
      // `sun_path` has 108 bytes with the final NUL; an inner NUL would name another socket than the one checked.
      guard (1...107).contains(unixSocketPath.utf8.count), !unixSocketPath.utf8.contains(0) else {
        throw .unixSocketPath(unixSocketPath)
      }
    }
    try RequestHeaderRules.check(headers)
  }
}

/// What is wrong with a request before anything is sent.
public enum RequestFault: Error, Sendable, Hashable, CustomStringConvertible {
  case method(String)
  case headerName(String)
  case headerValue(name: String)
  case headerReserved(String)
  case headersTooLarge(bytes: Int, limit: Int)
  case bodyNotAllowed(method: String)
  case bodyTooLarge(bytes: Int, limit: Int)
  case unixSocketPath(String)

  public var description: String {
    switch self {
    case .method(let method): "the method \"\(method)\" is not accepted"
    case .headerName(let name): "\"\(name)\" is not a header name"
    case .headerValue(let name): "the value of header \(name) holds control characters or outer blanks"
    case .headerReserved(let name): "header \(name) is set by the client itself"
    case .headersTooLarge(let bytes, let limit): "the headers have \(bytes) bytes, at most \(limit) are accepted"
    case .bodyNotAllowed(let method): "a \(method) request has no body"
    case .bodyTooLarge(let bytes, let limit): "the body has \(bytes) bytes, at most \(limit) are accepted"
    case .unixSocketPath(let path): "\"\(path)\" is not the path of a Unix socket (1 to 107 bytes)"
    }
  }
}
