/// What a handler answers.
///
/// The server adds `Date`, `Content-Length` or `Transfer-Encoding`, and `Connection`; a handler's own value of the latter
/// two is dropped. To HEAD, and with status 204 and 304, no body is sent.
public struct HTTPResponse: Sendable {
  /// The three ways to have a body.
  public enum Body: Sendable {
    /// No body.
    case none
    /// A body of known length.
    case bytes([UInt8])
    /// A body written piece by piece. It is sent in chunks, or with the `Content-Length` that the handler set, to which
    /// it is then held. An error thrown cuts the connection, so that the client sees a broken transfer, not a short one.
    case stream(@Sendable (HTTPBodyWriter) async throws -> Void)
  }

  /// 200...599; anything else is answered with 500.
  public var status: Int
  /// The fields to send.
  public var headers: HTTPHeaders
  /// The body to send.
  public var body: Body
  /// Whether shutting the server down cancels the stream at once instead of waiting for its end: true for streams that
  /// have no end of their own, such as server-sent events.
  public var endsOnShutdown: Bool = false

  /// A response as given.
  public init(status: Int, headers: HTTPHeaders = [:], body: Body = .none) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// A text response in UTF-8.
  public static func text(_ text: String, status: Int = 200) -> HTTPResponse {
    HTTPResponse(
      status: status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: .bytes(Array(text.utf8)))
  }

  /// A JSON response from bytes already encoded.
  public static func json(_ bytes: [UInt8], status: Int = 200) -> HTTPResponse {
    HTTPResponse(status: status, headers: ["Content-Type": "application/json"], body: .bytes(bytes))
  }

  /// A response of bytes under a media type.
  public static func bytes(_ bytes: [UInt8], contentType: String, status: Int = 200) -> HTTPResponse {
    HTTPResponse(status: status, headers: ["Content-Type": contentType], body: .bytes(bytes))
  }
}
