/// A request head that passed every check.
struct RequestHead {
  var method: String
  var target: String
  var path: String
  var query: String?
  /// HTTP/1.1 rather than HTTP/1.0.
  var isCurrentVersion: Bool
  var headers: HTTPHeaders
  /// The `Host` (or the authority of the target) in lower case without port; empty in an HTTP/1.0 request without one.
  var host: String
  var framing: BodyFraming
  /// Whether the client allows another request on the connection.
  var keepsAlive: Bool
  /// Whether the client waits for `100 Continue` before it sends the body.
  var expectsContinue: Bool
}

/// How the end of a body is found (RFC 9112 section 6.3).
enum BodyFraming: Hashable {
  case none
  case length(Int)
  case chunked
}
