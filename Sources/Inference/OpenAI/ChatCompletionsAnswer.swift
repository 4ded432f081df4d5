import CanonicalJSON
import HTTPServer

/// The answers of `/v1/chat/completions` and `/v1/completions`: the runner's own, under the client's name of the model, and
/// without what concerns only the runner.
struct ChatCompletionsAnswer: AnswerShape {
  /// `chat` or `completion`.
  var kind: ModelProtocol
  /// Whether the client asked for the usage of a stream.
  var includesUsage: Bool

  var vendor: VendorShape { .openAI }

  func whole(_ json: JSON, usage: TokenCounts, _ context: AnswerContext) throws(InferenceFault) -> JSON {
    guard let choices = json["choices"], let list = choices.array, !list.isEmpty else {
      throw .runnerFailed("its answer has no choices")
    }
    for choice in list where kind == .chat ? choice["message"]?.object == nil : choice["text"]?.string == nil {
      throw .runnerFailed("a choice of its answer has no text")
    }
    return .object(head(context, isChunk: false, ["choices": choices, "usage": usage.openAI]))
  }

  func stream(_ context: AnswerContext) -> any AnswerStream { Stream(shape: self, context: context) }

  private func head(_ context: AnswerContext, isChunk: Bool, _ members: JSONObject) -> JSONObject {
    var object = members
    object["id"] = .string((kind == .chat ? "chatcmpl-" : "cmpl-") + context.request)
    object["object"] = kind == .chat ? (isChunk ? "chat.completion.chunk" : "chat.completion") : "text_completion"
    object["created"] = .integer(context.created)
    object["model"] = .string(context.model)
    return object
  }

  private struct Stream: AnswerStream {
    let shape: ChatCompletionsAnswer
    let context: AnswerContext
    private var isFinished = false

    init(shape: ChatCompletionsAnswer, context: AnswerContext) {
      self.shape = shape
      self.context = context
    }

    func begin() -> [UInt8] { [] }

    mutating func take(_ chunk: JSON, usage: TokenCounts?) throws(InferenceFault) -> [UInt8] {
      guard let choices = chunk["choices"]?.array else { throw .runnerFailed("a chunk of its stream has no choices") }
      // The usage has a chunk of its own at the end, if it was asked for.
      guard !choices.isEmpty else { return [] }
      if choices.contains(where: { $0["finish_reason"]?.string != nil }) { isFinished = true }
      var members: JSONObject = ["choices": .array(choices)]
      if shape.includesUsage { members["usage"] = .null }
      return event(members)
    }

    mutating func end(usage: TokenCounts?) throws(InferenceFault) -> [UInt8] {
      guard isFinished else { throw .runnerFailed("its stream ended early") }
      var bytes: [UInt8] = []
      if shape.includesUsage, let usage { bytes += event(["choices": [], "usage": usage.openAI]) }
      return bytes + EventStream.encode(data: "[DONE]")
    }

    func failure(_ fault: InferenceFault) -> [UInt8] { shape.vendor.event(fault, request: context.request) }

    private func event(_ members: JSONObject) -> [UInt8] {
      EventStream.encode(data: JSON.object(shape.head(context, isChunk: true, members)).canonicalString())
    }
  }
}
