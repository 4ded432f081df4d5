import CanonicalJSON
import Glibc
import Synchronization

/// The runner contract for speech (docs/runners.md).
final class SpeechServer: Sendable {
  private let model: String
  private let voices: Voices
  private let slots: Int
  private let socket: String
  private let busy = Atomic<Int>(0)

  init(model: String, voices: Voices, slots: Int, socket: String) {
    self.model = model
    self.voices = voices
    self.slots = slots
    self.socket = socket
  }

  func run() throws(AdapterFault) -> Never {
    try SocketServer(path: socket) { [self] connection in serve(connection) }.run()
  }

  private func serve(_ connection: Int32) {
    var rest: [UInt8] = []
    while true {
      let reply: HTTPReply
      var isLast = false
      do throws(HTTPMessage.Fault) {
        let message = try HTTPMessage.read(from: connection, rest: &rest)
        isLast = message.headers["connection"]?.lowercased() == "close"
        reply = answer(message)
      } catch {
        // What follows a broken request cannot be told from it.
        isLast = true
        switch error {
        case .ended: return
        case .malformed(let what): reply = Self.error(400, "malformed request: \(what)")
        case .headTooLarge: reply = Self.error(431, "the headers are too long")
        case .bodyTooLarge: reply = Self.error(413, "a body has at most \(HTTPMessage.maxBodyBytes) bytes")
        case .lengthRequired: reply = Self.error(411, "a body needs a content-length")
        }
      }
      guard Descriptor.write(reply.bytes(closing: isLast), to: connection), !isLast else { return }
    }
  }

  private func answer(_ message: HTTPMessage) -> HTTPReply {
    var reply: HTTPReply
    switch (message.method, message.path) {
    case ("GET", "/health"): reply = Self.json(200, ["status": "ok"])
    case ("GET", "/v1/models"):
      reply = Self.json(
        200,
        ["object": "list", "data": [["id": .string(model), "object": "model", "created": 0, "owned_by": "safebox"]]])
    case ("GET", "/v1/capabilities"):
      reply = Self.json(
        200,
        [
          "protocols": ["speech"], "formats": ["wav", "pcm"], "sampleRate": .integer(Int64(Synthesizer.sampleRate)),
          "voices": .array(voices.names.keys.sorted().map(JSON.string)),
          "maxCharacters": .integer(Int64(SpeechRequest.maxCharacters)),
        ])
    case ("GET", "/v1/capacity"):
      let used = busy.load(ordering: .relaxed)
      reply = Self.json(
        200, ["slots": .integer(Int64(slots)), "busy": .integer(Int64(used)), "hint": .string(hint(used))])
    case ("POST", "/v1/audio/speech"): reply = speak(message)
    case (_, "/health"), (_, "/v1/models"), (_, "/v1/capabilities"), (_, "/v1/capacity"), (_, "/v1/audio/speech"):
      reply = Self.error(405, "\(message.method) is not for \(message.path)")
    default: reply = Self.error(404, "there is no \(message.path)")
    }
    if let identifier = message.headers["x-safebox-request-id"], (1...128).contains(identifier.utf8.count) {
      reply.headers.append(("X-Safebox-Request-Id", identifier))
    }
    reply.headers.append(("X-Safebox-Runner-Id", "espeak-ng"))
    reply.headers.append(("X-Safebox-Model-Id", model))
    reply.headers.append(("X-Safebox-Capacity-Hint", hint(busy.load(ordering: .relaxed))))
    return reply
  }

  private func hint(_ used: Int) -> String {
    used * 10 >= slots * 9 ? "saturated" : used * 10 >= slots * 7 ? "near-saturated" : "available"
  }

  private func speak(_ message: HTTPMessage) -> HTTPReply {
    let request: SpeechRequest
    do throws(FieldError) {
      request = try SpeechRequest(message.body, voices: voices)
      guard request.model == model else {
        throw FieldError(field: "model", expected: model, actual: JSON.string(request.model).summary)
      }
    } catch {
      return Self.error(400, error.description, parameter: error.field)
    }
    guard busy.wrappingAdd(1, ordering: .relaxed).newValue <= slots else {
      busy.wrappingSubtract(1, ordering: .relaxed)
      return Self.error(503, "all \(slots) slots are busy", type: "server_error")
    }
    defer { busy.wrappingSubtract(1, ordering: .relaxed) }
    let began = Self.now()
    do throws(Synthesizer.Failure) {
      let samples = try Synthesizer.speak(request)
      let times = [
        (name: "X-Safebox-Queue-Wait-Ms", value: "0"), (name: "X-Safebox-Compute-Ms", value: "\(Self.now() - began)"),
        (name: "X-Safebox-Cache-Hit", value: "false"),
      ]
      return request.format == .wav
        ? HTTPReply(status: 200, type: "audio/wav", headers: times, body: Synthesizer.wave(samples))
        : HTTPReply(status: 200, type: "audio/pcm;rate=\(Synthesizer.sampleRate)", headers: times, body: samples)
    } catch {
      Adapter.say("safebox: error: espeak-ng: \(error)\n")
      return Self.error(500, "the text could not be spoken", type: "server_error")
    }
  }

  private static func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }

  private static func json(_ status: Int, _ value: JSON) -> HTTPReply {
    HTTPReply(status: status, type: "application/json", body: value.canonicalBytes())
  }

  /// In OpenAI's shape.
  private static func error(
    _ status: Int, _ text: String, type: String = "invalid_request_error", parameter: String? = nil
  ) -> HTTPReply {
    json(
      status,
      [
        "error": [
          "message": .string(text), "type": .string(type), "param": parameter.map(JSON.string) ?? .null, "code": .null,
        ]
      ])
  }
}
