/// Answers requests. Called on the reactor that owns the connection, so it must not block: blocking work belongs on a
/// thread of its own. When the client goes away the task is cancelled.
public protocol HTTPHandler: Sendable {
  /// Answers one request. Requests of one connection are answered one after the other.
  func respond(to request: HTTPRequest) async -> HTTPResponse
}

/// A handler from a closure.
public struct HTTPHandlerClosure: HTTPHandler {
  private let closure: @Sendable (HTTPRequest) async -> HTTPResponse

  /// Wraps a closure.
  public init(_ closure: @escaping @Sendable (HTTPRequest) async -> HTTPResponse) { self.closure = closure }

  public func respond(to request: HTTPRequest) async -> HTTPResponse { await closure(request) }
}
