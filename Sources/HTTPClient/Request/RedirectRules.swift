/// What a redirect turns a request into. libcurl follows none itself: each step comes back here and then passes the same
/// guard as a first request.
enum RedirectRules {
  static func isRedirect(_ status: Int) -> Bool { [301, 302, 303, 307, 308].contains(status) }

  /// RFC 9110 section 15.4; the method becomes GET as browsers do it (Fetch standard, HTTP-redirect fetch step 12).
  static func next(
    after response: HTTPClientResponse, from url: HTTPURL, _ request: HTTPClientRequest
  ) throws(HTTPClientErrorKind) -> (HTTPURL, HTTPClientRequest) {
    guard let location = response.header("Location") else { throw refused("", .noLocation) }
    let target: HTTPURL
    do {
      target = try url.resolving(location)
    } catch {
      throw refused(location, .url(error))
    }
    guard url.scheme == .http || target.scheme == .https else { throw refused(location, .downgrade) }
    let isSameOrigin = target.hasSameOrigin(as: url)
    guard request.unixSocketPath == nil || isSameOrigin else { throw refused(location, .offUnixSocket) }

    var next = request
    if [301, 302].contains(response.status), request.method == "POST" { toGet(&next) }
    if response.status == 303, request.method != "HEAD" { toGet(&next) }
    if !isSameOrigin {
      guard next.body.isEmpty else { throw refused(location, .bodyToAnotherOrigin) }
      next.headers = RequestHeaderRules.keptAcrossOrigins(next.headers)
    }
    return (target, next)
  }

  private static func toGet(_ request: inout HTTPClientRequest) {
    request.method = "GET"
    request.body = []
    request.headers = RequestHeaderRules.withoutContent(request.headers)
  }

  private static func refused(_ location: String, _ reason: HTTPClientError.RedirectRefusal) -> HTTPClientErrorKind {
    HTTPClientErrorKind(.redirectRefused(location: location, reason: reason))
  }
}
