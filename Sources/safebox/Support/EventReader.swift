import CanonicalJSON
import Synchronization

/// Reads server-sent events from the pieces in which they arrive. What is no event (the body of an error) is kept for the
/// caller.
final class EventReader: Sendable {
  private struct State {
    var isError = false
    var buffer: [UInt8] = []
    var kind = "message"
    var data: [String] = []
  }
  private let state = Mutex(State())
  private let event: @Sendable (String, JSON) -> Void

  init(_ event: @escaping @Sendable (String, JSON) -> Void) { self.event = event }

  var rest: [UInt8] { state.withLock { $0.buffer } }

  func begin(_ status: Int) { state.withLock { $0.isError = status >= 400 } }

  func take(_ bytes: UnsafeRawBufferPointer) {
    let found = state.withLock { state -> [(String, JSON)] in
      state.buffer += bytes
      guard !state.isError else { return [] }
      var found: [(String, JSON)] = []
      while let end = state.buffer.firstIndex(of: 10) {
        let line = String(decoding: state.buffer[..<end], as: UTF8.self)
        state.buffer.removeSubrange(...end)
        if line.isEmpty {
          let text = state.data.joined(separator: "\n")
          if let json = try? JSON(parsing: Array(text.utf8), limits: .document(maxBytes: 8 << 20)) {
            found.append((state.kind, json))
          }
          (state.kind, state.data) = ("message", [])
        } else if line.hasPrefix("event: ") {
          state.kind = String(line.dropFirst(7))
        } else if line.hasPrefix("data: ") {
          state.data.append(String(line.dropFirst(6)))
        }
      }
      return found
    }
    for (kind, data) in found { event(kind, data) }
  }
}
