/// A strict HTTP/1.1 server (RFC 9110, RFC 9112) for TCP and unix sockets.
public final class HTTPServer: Sendable {
  private let configuration: HTTPServerConfiguration
  private let handler: any HTTPHandler

  /// A server that does nothing before `start`.
  public init(configuration: HTTPServerConfiguration, handler: some HTTPHandler) {
    self.configuration = configuration
    self.handler = handler
  }

  /// Binds every listener and begins to serve. The addresses are in the order of the listeners.
  public func start() throws(HTTPServerError) -> [BoundAddress] {
    throw .noListener
  }

  /// Stops accepting, closes idle connections, lets requests in flight finish until the deadline, then cuts the rest.
  /// Returns when no connection is left.
  public func shutdown(deadline: Duration = .seconds(10)) async {}
}
