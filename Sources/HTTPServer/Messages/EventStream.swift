/// Server-sent events: the `text/event-stream` format of the HTML standard, section 9.2.
public enum EventStream {
  /// One event as bytes. `data` may hold several lines. Line ends and NUL are dropped from `id` and `event`, where they
  /// would start another field.
  public static func encode(id: String? = nil, event: String? = nil, data: String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(data.utf8.count + 32)
    if let event { appendField("event: ", event, to: &bytes) }
    if let id { appendField("id: ", id, to: &bytes) }
    appendLines("data: ", data, to: &bytes)
    bytes.append(ASCII.lineFeed)
    return bytes
  }

  /// A comment, which clients ignore: the heartbeat that keeps proxies from closing the stream, and that makes the server
  /// notice a client that is gone.
  public static func comment(_ text: String = "") -> [UInt8] {
    var bytes: [UInt8] = []
    appendLines(": ", text, to: &bytes)
    bytes.append(ASCII.lineFeed)
    return bytes
  }

  /// Tells the client how long to wait before it connects again.
  public static func retry(milliseconds: Int) -> [UInt8] {
    Array("retry: \(milliseconds)\n\n".utf8)
  }

  /// A response that streams events. A comment goes out after every `heartbeat`; nil sends none. The stream ends when the
  /// closure returns; when the client goes away or the server shuts down the closure's task is cancelled.
  public static func response(
    heartbeat: Duration? = .seconds(15), headers: HTTPHeaders = [:],
    _ events: @escaping @Sendable (EventWriter) async throws -> Void
  ) -> HTTPResponse {
    var fields = headers
    fields["Content-Type"] = "text/event-stream"
    fields["Cache-Control"] = "no-store"
    var response = HTTPResponse(
      status: 200, headers: fields,
      body: .stream { writer in
        guard let heartbeat else { return try await events(EventWriter(writer: writer)) }
        try await withThrowingTaskGroup(of: Bool.self) { group in
          group.addTask {
            try await events(EventWriter(writer: writer))
            return true
          }
          group.addTask {
            while true {
              try await Task.sleep(for: heartbeat)
              try await writer.write(EventStream.comment())
            }
          }
          defer { group.cancelAll() }
          // Whichever ends first ends the stream: the events, or a heartbeat that found nobody.
          _ = try await group.next()
        }
      })
    response.endsOnShutdown = true
    return response
  }

  private static func appendField(_ prefix: StaticString, _ value: String, to bytes: inout [UInt8]) {
    prefix.withUTF8Buffer { bytes.append(contentsOf: $0) }
    for byte in value.utf8 where byte != ASCII.lineFeed && byte != ASCII.carriageReturn && byte != 0 {
      bytes.append(byte)
    }
    bytes.append(ASCII.lineFeed)
  }

  /// One field line per line of text; CRLF, CR and LF all end a line for the reader, so all must here.
  private static func appendLines(_ prefix: StaticString, _ text: String, to bytes: inout [UInt8]) {
    prefix.withUTF8Buffer { bytes.append(contentsOf: $0) }
    var afterReturn = false
    for byte in text.utf8 {
      if byte == ASCII.lineFeed, afterReturn {
        afterReturn = false
        continue
      }
      afterReturn = byte == ASCII.carriageReturn
      if byte == ASCII.lineFeed || afterReturn {
        bytes.append(ASCII.lineFeed)
        prefix.withUTF8Buffer { bytes.append(contentsOf: $0) }
      } else {
        bytes.append(byte)
      }
    }
    bytes.append(ASCII.lineFeed)
  }
}

/// Sends events on a stream.
public struct EventWriter: Sendable {
  private let writer: HTTPBodyWriter

  /// Events into a body.
  public init(writer: HTTPBodyWriter) { self.writer = writer }

  /// Sends one event; see `EventStream.encode`.
  public func send(id: String? = nil, event: String? = nil, data: String) async throws(HTTPStreamError) {
    try await writer.write(EventStream.encode(id: id, event: event, data: data))
  }

  /// Sends a comment.
  public func comment(_ text: String = "") async throws(HTTPStreamError) {
    try await writer.write(EventStream.comment(text))
  }

  /// Sends the reconnection time.
  public func retry(milliseconds: Int) async throws(HTTPStreamError) {
    try await writer.write(EventStream.retry(milliseconds: milliseconds))
  }
}
