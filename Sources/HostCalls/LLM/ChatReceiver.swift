import CanonicalJSON
import HTTPClient
import Keychain
import Synchronization

/// Takes a streamed answer while it arrives and passes its text on to those who watch, without secrets.
final class ChatReceiver: Sendable {
  /// Bytes of a refusal that are read.
  private static let maxErrorBytes = 64 << 10

  private struct State {
    var stream: any ChatStream
    var events = EventStreamReader()
    var status = 0
    var headers: [HTTPClientHeader] = []
    var errorBody: [UInt8] = []
    var text: RedactedText?
    var failure: HostCallError?
  }

  private struct Stop: Error {}

  private let state: Mutex<State>
  private let now: Int64
  private let progress: @Sendable (JSON) -> Void

  init(stream: any ChatStream, now: Int64, progress: @escaping @Sendable (JSON) -> Void) {
    state = Mutex(State(stream: stream))
    self.now = now
    self.progress = progress
  }

  func redact(with redactor: Redactor) { state.withLock { $0.text = RedactedText(redactor) } }

  var sink: HTTPClientSink {
    HTTPClientSink { status, headers in
      try self.state.withLock { state throws(Stop) in
        (state.status, state.headers) = (status, headers)
        guard (200...299).contains(status) else { return }
        try Self.noting(&state) { _ throws(HostCallError) in
          try VendorAnswer.check(type: headers, is: "text/event-stream", status: status)
        }
      }
    } bytes: { bytes in
      let text = try self.state.withLock { state throws(Stop) in try Self.take(bytes, &state) }
      // Outside the lock: who watches may do anything.
      if !text.isEmpty { self.progress(["text": .string(text)]) }
    }
  }

  private static func take(_ bytes: UnsafeRawBufferPointer, _ state: inout State) throws(Stop) -> String {
    guard (200...299).contains(state.status) else {
      state.errorBody.append(contentsOf: bytes.prefix(max(0, maxErrorBytes - state.errorBody.count)))
      return ""
    }
    return try noting(&state) { state throws(HostCallError) in
      let events: [EventStreamReader.Event]
      do {
        events = try state.events.feed(bytes)
      } catch {
        throw HostCallError("too_large", "an event of the vendor's stream is larger than any should be")
      }
      var added = ""
      for event in events { added += try state.stream.take(event) }
      return state.text?.feed(added) ?? ""
    }
  }

  private static func noting<Value>(
    _ state: inout State, _ body: (inout State) throws(HostCallError) -> Value
  ) throws(Stop) -> Value {
    do {
      return try body(&state)
    } catch {
      state.failure = error
      throw Stop()
    }
  }

  /// What was objected to while it arrived.
  var failure: VendorFailure? {
    state.withLock { state in state.failure.map { VendorFailure(error: $0, wasSent: true) } }
  }

  /// The answer, when nothing more comes.
  func finish() throws(VendorFailure) -> ChatAnswer {
    let (state, rest) = state.withLock { state in
      let rest = state.text?.finish() ?? ""
      return (state, rest)
    }
    guard (200...299).contains(state.status) else {
      throw VendorFailure(
        error: VendorAnswer.error(state.status, state.headers, state.errorBody, now: now), wasSent: false)
    }
    do {
      let answer = try state.stream.finish()
      if !rest.isEmpty { progress(["text": .string(rest)]) }
      return answer
    } catch {
      throw VendorFailure(error: error, wasSent: true)
    }
  }
}

/// Text in pieces, redacted across their borders and never cut within a character.
struct RedactedText: Sendable {
  private var stream: RedactionStream
  private var pending: [UInt8] = []

  init(_ redactor: Redactor) { stream = redactor.stream() }

  mutating func feed(_ text: String) -> String {
    pending += stream.feed(text.utf8)
    // The last bytes may be the beginning of a character whose rest is held back.
    var end = pending.count
    for length in 1...4 where pending.count >= length {
      let byte = pending[pending.count - length]
      if byte & 0xC0 == 0x80 { continue }
      let needed = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
      if needed > length { end = pending.count - length }
      break
    }
    defer { pending.removeFirst(end) }
    return String(decoding: pending[..<end], as: UTF8.self)
  }

  mutating func finish() -> String {
    pending += stream.finish()
    defer { pending = [] }
    return String(decoding: pending, as: UTF8.self)
  }
}
