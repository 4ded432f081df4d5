import CanonicalJSON

/// What one chunk of a chat's stream adds, for the shapes that are not OpenAI's own.
struct ChatDelta: Sendable {
  /// A piece of one call of a tool.
  struct ToolCall: Sendable {
    var index: Int64
    var id: String?
    var name: String?
    var arguments: String
  }

  /// A call of a tool, complete.
  struct WholeCall: Sendable {
    var id: String
    var name: String
    var arguments: String
  }

  /// Calls of one answer.
  static let maxCalls: Int64 = 256

  var text = ""
  var refusal = ""
  var calls: [ToolCall] = []
  /// `stop`, `length`, `tool_calls` or `content_filter`, once, at the end.
  var finish: String?
  /// llama.cpp's name of the stop sequence that was met.
  var stoppedBy: String?

  /// The first choice of a chunk; nil in a chunk without choices.
  init?(_ chunk: JSON) throws(InferenceFault) {
    guard let choices = chunk["choices"]?.array else { throw .runnerFailed("a chunk of its stream has no choices") }
    guard let choice = choices.first else { return nil }
    let delta = choice["delta"]
    text = delta?["content"]?.string ?? ""
    refusal = delta?["refusal"]?.string ?? ""
    for call in delta?["tool_calls"]?.array ?? [] {
      let index = call["index"]?.integer ?? 0
      guard (0..<Self.maxCalls).contains(index) else { throw .runnerFailed("a call of a tool is numbered wrongly") }
      calls.append(
        ToolCall(
          index: index, id: call["id"]?.string, name: call["function"]?["name"]?.string,
          arguments: call["function"]?["arguments"]?.string ?? ""))
    }
    finish = choice["finish_reason"]?.string
    stoppedBy = choice["stop_reason"]?.string
  }

  /// The calls of a whole message.
  static func calls(of message: JSON) throws(InferenceFault) -> [WholeCall] {
    var calls: [WholeCall] = []
    for call in message["tool_calls"]?.array ?? [] {
      guard let name = call["function"]?["name"]?.string else { throw .runnerFailed("a call of a tool has no name") }
      calls.append(
        WholeCall(
          id: call["id"]?.string ?? "", name: name, arguments: call["function"]?["arguments"]?.string ?? "{}"))
    }
    return calls
  }
}
