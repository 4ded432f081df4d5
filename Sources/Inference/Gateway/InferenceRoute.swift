/// The routes, each with its method, path and the vendor whose shape it has.
enum InferenceRoute: String, CaseIterable, Sendable {
  case chatCompletions = "createChatCompletion"
  case responses = "createResponse"
  case completions = "createCompletion"
  case embeddings = "createEmbedding"
  case messages = "createMessage"
  case countTokens = "countMessageTokens"
  case speech = "createSpeech"
  case listModels
  case getModel

  private static let modelPrefix = "/v1/models/"

  var method: String {
    switch self {
    case .listModels, .getModel: "GET"
    default: "POST"
    }
  }

  var path: String {
    switch self {
    case .chatCompletions: "/v1/chat/completions"
    case .responses: "/v1/responses"
    case .completions: "/v1/completions"
    case .embeddings: "/v1/embeddings"
    case .messages: "/v1/messages"
    case .countTokens: "/v1/messages/count_tokens"
    case .speech: "/v1/audio/speech"
    case .listModels: "/v1/models"
    case .getModel: "/v1/models/{id}"
    }
  }

  var summary: String {
    switch self {
    case .chatCompletions: "Answers a chat, as OpenAI's Chat Completions do"
    case .responses: "Answers a chat, as OpenAI's Responses do, without keeping anything"
    case .completions: "Continues a text, as OpenAI's Completions do"
    case .embeddings: "Turns texts into vectors, as OpenAI's Embeddings do"
    case .messages: "Answers a chat, as Anthropic's Messages do"
    case .countTokens: "Counts the tokens of a prompt, as Anthropic's Messages do"
    case .speech: "Speaks a text, as OpenAI's Audio does"
    case .listModels: "Lists the approved models that the client may use"
    case .getModel: "Shows one approved model"
    }
  }

  /// Whose shape the answer has; lists of models have that of the client that asks.
  func vendor(isAnthropic: Bool) -> VendorShape {
    switch self {
    case .messages, .countTokens: .anthropic
    case .responses: .responses
    case .listModels, .getModel: isAnthropic ? .anthropic : .openAI
    case .chatCompletions, .completions, .embeddings, .speech: .openAI
    }
  }

  /// The routes at a path, exactly as it is spelled.
  static func at(_ path: String) -> [InferenceRoute] {
    if path.hasPrefix(modelPrefix) { return modelName(in: path).isEmpty ? [] : [.getModel] }
    return allCases.filter { $0.path == path }
  }

  /// The model's name in `/v1/models/{id}`: one segment without percent-encoding, because names need none.
  static func modelName(in path: String) -> String {
    let name = path.dropFirst(modelPrefix.count)
    guard name.utf8.count <= 128, !name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "%") })
    else { return "" }
    return String(name)
  }
}
