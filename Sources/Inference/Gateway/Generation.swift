import CanonicalJSON

/// One request for generated text, translated: what a runner is to be sent, and how its answer is to be told.
struct Generation: Sendable {
  /// The model's name as the client wrote it.
  var model: String
  /// What the runner's model must serve.
  var kind: ModelProtocol
  /// The runner's route.
  var path: String
  /// The body for the runner, without model, stream and slot.
  var body: JSONObject
  /// Whether the client wants a stream.
  var isStreamed: Bool
  /// The most tokens of the answer that the client asked for.
  var outputLimit: Int64?
  /// How many answers (`n`).
  var choices: Int64 = 1
  /// The messages, to know the conversation by; empty for what is none.
  var messages: [JSON] = []
  /// What the client calls the conversation in the body (`prompt_cache_key`).
  var cacheTag: String?
  /// How the answer is told.
  var answer: any AnswerShape
}

/// What a request is answered under.
struct AnswerContext: Sendable {
  /// The request's id.
  var request: String
  /// The model's name as the client wrote it.
  var model: String
  /// When it was asked, in unix seconds.
  var created: Int64
}

/// Turns a runner's answer into a vendor's.
protocol AnswerShape: Sendable {
  /// Whose errors go with it.
  var vendor: VendorShape { get }
  /// The whole answer, from that of the runner.
  func whole(_ json: JSON, usage: TokenCounts, _ context: AnswerContext) throws(InferenceFault) -> JSON
  /// The answer as a stream.
  func stream(_ context: AnswerContext) -> any AnswerStream
}

/// Turns the chunks of a runner's stream into the events of a vendor's.
protocol AnswerStream: Sendable {
  /// The events before the first chunk.
  mutating func begin() -> [UInt8]
  /// The events of one chunk, possibly none.
  mutating func take(_ chunk: JSON, usage: TokenCounts?) throws(InferenceFault) -> [UInt8]
  /// The events after the last chunk. Throws when the runner's stream ended before its answer did.
  mutating func end(usage: TokenCounts?) throws(InferenceFault) -> [UInt8]
  /// The event that says what went wrong.
  func failure(_ fault: InferenceFault) -> [UInt8]
}
