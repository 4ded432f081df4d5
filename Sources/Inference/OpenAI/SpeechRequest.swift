import CanonicalJSON

/// `POST /v1/audio/speech`: a text in, sound out.
struct SpeechRequest: Sendable {
  /// The formats that OpenAI names; which of them a runner has is the runner's to say.
  static let formats: Set<String> = ["aac", "flac", "mp3", "opus", "pcm", "wav"]

  var model: String
  /// What a runner is sent, without the model.
  var body: JSONObject

  init(_ json: JSON) throws {
    var fields = try RequestFields(json)
    model = try fields.model()
    // OpenAI's own bound, in characters; four bytes each at most.
    guard let input = try fields.text("input", maxBytes: 16_384), !input.isEmpty, input.unicodeScalars.count <= 4096
    else { throw FieldError(field: "input", expected: "1-4096 characters", actual: "fewer or more") }
    body = ["input": .string(input)]
    body["voice"] = try fields.text("voice", maxBytes: 64).map(JSON.string)
    body["speed"] = try fields.number("speed", in: 0.25...4)
    if let format = try fields.text("response_format", maxBytes: 8) {
      guard Self.formats.contains(format) else {
        throw fields.wrong(
          "response_format", "one of \(Self.formats.sorted().joined(separator: ", "))", .string(format))
      }
      body["response_format"] = .string(format)
    }
    try fields.refuse("stream_format", unless: ["audio"], "sound comes as it is")
    fields.ignore("instructions")
    try fields.finish()
  }
}
