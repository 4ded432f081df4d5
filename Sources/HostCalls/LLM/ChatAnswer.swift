import CanonicalJSON

/// What a model said, the same for every shape.
struct ChatAnswer: Sendable {
  /// Why it stopped.
  enum StopReason: String, Sendable {
    case end
    /// `maxTokens`, or the model's own bound.
    case length
    /// One of the `stop` texts.
    case stop
    /// It calls a tool.
    case tool
    case refusal
    case other
  }

  var content = ""
  var toolCalls: [ChatRequest.ToolCall] = []
  var stopReason = StopReason.other
  var model: String
  /// Nil where the peer does not say.
  var usage: ModelUsage?

  func json(_ usage: Usage, isEstimated: Bool) -> JSON {
    var object: JSONObject = [
      "content": .string(content), "stopReason": .string(stopReason.rawValue), "model": .string(model),
      "usage": Self.json(usage, isEstimated: isEstimated),
    ]
    if !toolCalls.isEmpty {
      object["toolCalls"] = .array(
        toolCalls.map { ["id": .string($0.id), "name": .string($0.name), "arguments": $0.arguments] })
    }
    return .object(object)
  }

  /// All members, also those that are 0.
  static func json(_ usage: Usage, isEstimated: Bool) -> JSON {
    var object: JSONObject = [
      "input": .integer(usage.inputTokens), "cacheRead": .integer(usage.cacheReadTokens),
      "cacheWrite": .integer(usage.cacheWriteTokens), "output": .integer(usage.outputTokens),
      "microusd": .integer(usage.microUSD),
    ]
    if isEstimated { object["estimated"] = true }
    return .object(object)
  }

  /// A model writes the arguments of its calls as text; what is no JSON goes to the tool as the text that it is.
  static func arguments(_ text: String) -> JSON {
    if text.isEmpty { return [:] }
    return (try? JSON(parsing: text, limits: .document(maxBytes: HostValue.maxBytes))) ?? .string(text)
  }
}

/// How one shape of API is spoken.
protocol ChatShape: Sendable {
  /// Below the route's URL.
  var path: String { get }
  func body(_ request: ChatRequest, model: String) -> JSON
  func answer(_ json: JSON, model: String) throws(HostCallError) -> ChatAnswer
  func stream(model: String) -> any ChatStream
}

/// Puts an answer together from the events of a stream.
protocol ChatStream: Sendable {
  /// Takes an event and returns what it adds to the text.
  mutating func take(_ event: EventStreamReader.Event) throws(HostCallError) -> String
  /// The answer; an error where the stream ended before its own end.
  func finish() throws(HostCallError) -> ChatAnswer
}

extension ChatStream {
  static var cutShort: HostCallError {
    HostCallError("upstream", "the vendor's stream ended before the answer did")
  }
}
