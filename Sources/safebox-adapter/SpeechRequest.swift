import CanonicalJSON

/// The body of `POST /v1/audio/speech`, in OpenAI's shape.
struct SpeechRequest {
  /// Greatest length of the text, in characters.
  static let maxCharacters = 4096
  /// Words a minute at speed 1; espeak-ng takes 80 to 450.
  static let wordsPerMinute = 175.0
  static let rates = 80.0...450.0

  enum Format: String, CaseIterable {
    case wav, pcm
  }

  let model: String
  let input: String
  /// As espeak-ng calls it.
  let voice: String
  let rate: Int
  let format: Format

  init(_ bytes: [UInt8], voices: Voices) throws(FieldError) {
    let json: JSON
    do throws(JSONError) {
      json = try JSON(parsing: bytes, limits: JSONLimits(maxBytes: HTTPMessage.maxBodyBytes, maxDepth: 8))
    } catch {
      throw FieldError(field: "", expected: "a JSON object", actual: error.description)
    }
    var reader = try ObjectReader(json)
    model = try reader.string("model", maxBytes: 256)
    input = try reader.string("input", maxBytes: 4 * Self.maxCharacters)
    guard (1...Self.maxCharacters).contains(input.unicodeScalars.count) else {
      throw FieldError(
        field: "input", expected: "1 to \(Self.maxCharacters) characters", actual: "\(input.unicodeScalars.count)")
    }
    let name = try reader.optionalString("voice", maxBytes: 64) ?? voices.standard
    guard let voice = voices.names[name] else {
      throw FieldError(
        field: "voice", expected: "one of \(voices.names.keys.sorted().joined(separator: ", "))",
        actual: JSON.string(name).summary)
    }
    self.voice = voice
    var speed = 1.0
    if let json = reader.optionalJSON("speed") {
      guard let value = json.number, (0.25...4.0).contains(value), Self.rates.contains(value * Self.wordsPerMinute)
      else {
        throw FieldError(field: "speed", expected: "a number from 0.46 to 2.57", actual: json.summary)
      }
      speed = value
    }
    rate = Int(speed * Self.wordsPerMinute)
    let text = try reader.optionalString("response_format", maxBytes: 16) ?? "wav"
    guard let format = Format(rawValue: text) else {
      throw FieldError(field: "response_format", expected: "wav or pcm", actual: JSON.string(text).summary)
    }
    self.format = format
    // The official clients may send it; there is one kind of stream here.
    let stream = try reader.optionalString("stream_format", maxBytes: 16) ?? "audio"
    guard stream == "audio" else {
      throw FieldError(field: "stream_format", expected: "audio", actual: JSON.string(stream).summary)
    }
    try reader.finish()
  }
}
