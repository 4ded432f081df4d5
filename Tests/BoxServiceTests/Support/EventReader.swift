import CanonicalJSON
import Foundation
import HTTPClient
import HTTPServer
import Synchronization
import Testing

/// Reads an event stream over a real connection.
final class EventReader: Sendable {
  struct Event: Sendable, Equatable {
    var id: String
    var event: String
    var data: String
    var json: JSON { (try? JSON(parsing: Array(data.utf8), limits: .document(maxBytes: 1 << 20))) ?? .null }
  }

  private let events: AsyncStream<Event>
  private let task: Task<Void, Never>
  private let client = HTTPClient()

  init(_ box: TestBox, _ path: String = "/v1/events", as name: String = "app", lastEventID: String? = nil) {
    let (events, continuation) = AsyncStream.makeStream(of: Event.self)
    self.events = events
    guard case .tcp(let host, let port) = box.api else {
      task = Task {}
      return
    }
    var headers = [HTTPClientHeader("Authorization", "Bearer \(TestBox.token(name))")]
    if let lastEventID { headers.append(HTTPClientHeader("Last-Event-ID", lastEventID)) }
    let request = HTTPClientRequest(
      url: "http://\(host):\(port)\(path)", headers: headers, deadline: .seconds(120), maxResponseBytes: 64 << 20)
    let holder = BufferHolder()
    let client = client
    task = Task {
      _ = try? await client.stream(
        request, policy: .only([(host: host, port: port)]),
        into: HTTPClientSink(bytes: { bytes in
          for event in holder.take(Array(bytes)) { continuation.yield(event) }
        }))
      continuation.finish()
    }
  }

  /// The next events; fewer when the stream ends before.
  func next(_ count: Int) async -> [Event] {
    var found: [Event] = []
    var iterator = events.makeAsyncIterator()
    while found.count < count, let event = await iterator.next() { found.append(event) }
    return found
  }

  /// Everything until the stream ends.
  func rest() async -> [Event] { await next(.max) }

  func cancel() async {
    task.cancel()
    await task.value
    client.shutDown()
  }

  private final class BufferHolder: Sendable {
    private let buffer = Mutex("")

    func take(_ bytes: [UInt8]) -> [Event] {
      buffer.withLock { text in
        text += String(decoding: bytes, as: UTF8.self)
        var events: [Event] = []
        while let end = text.range(of: "\n\n") {
          let block = text[..<end.lowerBound]
          text = String(text[end.upperBound...])
          var event = Event(id: "", event: "", data: "")
          for line in block.split(separator: "\n") {
            if line.hasPrefix("id: ") { event.id = String(line.dropFirst(4)) }
            if line.hasPrefix("event: ") { event.event = String(line.dropFirst(7)) }
            if line.hasPrefix("data: ") { event.data += String(line.dropFirst(6)) }
          }
          if !event.data.isEmpty { events.append(event) }
        }
        return events
      }
    }
  }
}
