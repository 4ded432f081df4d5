import Synchronization

/// One server-sent event.
struct ServerSentEvent: Sendable, Hashable {
  /// Counts up within a stream; nil where the sender gives none.
  var id: UInt64?
  var kind: String
  var data: String
}

/// Cuts a `text/event-stream` into events (HTML standard, section 9.2), as far as the box writes it: LF ends a line, and
/// retry times are passed over.
final class EventLines: Sendable {
  /// Bytes of one event; a longer one ends the stream.
  static let maxBytes = 256 << 10

  struct TooLong: Error {}

  private struct State {
    var line: [UInt8] = []
    var id: UInt64?
    var kind = ""
    var data: [UInt8] = []
    var hasData = false
  }
  private let state = Mutex(State())

  /// The events that these bytes complete.
  func take(_ bytes: some Sequence<UInt8>) throws(TooLong) -> [ServerSentEvent] {
    let bytes = Array(bytes)
    let events: [ServerSentEvent]? = state.withLock { state in
      var events: [ServerSentEvent] = []
      for byte in bytes {
        guard byte == 10 else {
          state.line.append(byte)
          guard state.line.count + state.data.count <= Self.maxBytes else { return nil }
          continue
        }
        if let event = Self.end(&state) { events.append(event) }
      }
      return events
    }
    guard let events else { throw TooLong() }
    return events
  }

  private static func end(_ state: inout State) -> ServerSentEvent? {
    let line = state.line
    state.line.removeAll(keepingCapacity: true)
    guard !line.isEmpty else {
      defer {
        state.id = nil
        state.kind = ""
        state.data = []
        state.hasData = false
      }
      guard state.hasData else { return nil }
      return ServerSentEvent(
        id: state.id, kind: state.kind.isEmpty ? "message" : state.kind,
        data: String(decoding: state.data, as: UTF8.self))
    }
    let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
    var value = line[min(colon + 1, line.endIndex)...]
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    switch String(decoding: line[..<colon], as: UTF8.self) {
    case "id": state.id = UInt64(String(decoding: value, as: UTF8.self))
    case "event": state.kind = String(decoding: value, as: UTF8.self)
    case "data":
      if state.hasData { state.data.append(10) }
      state.data.append(contentsOf: value)
      state.hasData = true
    default: break
    }
    return nil
  }
}
