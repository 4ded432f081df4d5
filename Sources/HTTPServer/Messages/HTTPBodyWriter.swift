/// Sends a response body piece by piece. `write` returns when the piece is on its way or in a bounded buffer, and waits
/// while the client reads too slowly. Usable from several tasks: each piece stays whole.
public struct HTTPBodyWriter: Sendable {
  private let sink: any BodySink

  init(sink: any BodySink) { self.sink = sink }

  /// A writer into a closure, as tests of handlers want.
  public init(_ closure: @escaping @Sendable ([UInt8]) async throws(HTTPStreamError) -> Void) {
    sink = ClosureSink(closure: closure)
  }

  /// Sends a piece. An empty piece sends nothing (an empty chunk would end the body).
  public func write(_ bytes: [UInt8]) async throws(HTTPStreamError) {
    guard !bytes.isEmpty else { return }
    try await sink.write(bytes)
  }

  /// Sends a text in UTF-8.
  public func write(_ text: String) async throws(HTTPStreamError) { try await write(Array(text.utf8)) }
}

/// Why a stream cannot go on.
public enum HTTPStreamError: Error, Sendable, Hashable {
  /// The client closed the connection, or reads more slowly than the server's deadlines allow.
  case disconnected
  /// More bytes than the `Content-Length` that the handler set; the connection is cut.
  case overrun(declared: Int)
  /// The stream's closure has already returned, or the task is cancelled.
  case closed
}

/// Where written pieces go; the connection is one.
protocol BodySink: AnyObject, Sendable {
  func write(_ bytes: [UInt8]) async throws(HTTPStreamError)
}

private final class ClosureSink: BodySink {
  private let closure: @Sendable ([UInt8]) async throws(HTTPStreamError) -> Void

  init(closure: @escaping @Sendable ([UInt8]) async throws(HTTPStreamError) -> Void) { self.closure = closure }

  func write(_ bytes: [UInt8]) async throws(HTTPStreamError) { try await closure(bytes) }
}
