import CanonicalJSON
import HTTPServer

/// The answer of `/v1/messages`.
struct MessagesAnswer: AnswerShape {
  var vendor: VendorShape { .anthropic }

  func whole(_ json: JSON, usage: TokenCounts, _ context: AnswerContext) throws(InferenceFault) -> JSON {
    guard let choice = json["choices"]?.array?.first, let message = choice["message"], message.object != nil else {
      throw .runnerFailed("its answer has no choices")
    }
    var content: [JSON] = []
    if let text = message["content"]?.string, !text.isEmpty {
      content.append(["type": "text", "text": .string(text)])
    }
    let calls = try ChatDelta.calls(of: message)
    for (index, call) in calls.enumerated() {
      guard let input = try? JSON(parsing: call.arguments, limits: .document(maxBytes: 16 << 20)), input.object != nil
      else { throw .runnerFailed("the arguments of a call are no object") }
      content.append([
        "type": "tool_use", "id": .string(Self.callID(call.id, context, index)), "name": .string(call.name),
        "input": input,
      ])
    }
    let stop = Self.stop(
      choice["finish_reason"]?.string, sequence: choice["stop_reason"]?.string, hasCalls: !calls.isEmpty)
    return [
      "id": .string("msg_\(context.request)"), "type": "message", "role": "assistant", "model": .string(context.model),
      "content": .array(content), "stop_reason": .string(stop.reason),
      "stop_sequence": stop.sequence.map(JSON.string) ?? .null, "usage": usage.anthropic,
    ]
  }

  func stream(_ context: AnswerContext) -> any AnswerStream { MessagesStream(shape: self, context: context) }

  /// Runners may leave the id of a call out; then the round trip needs one all the same.
  static func callID(_ id: String, _ context: AnswerContext, _ index: Int) -> String {
    id.isEmpty ? "toolu_\(context.request)_\(index)" : id
  }

  /// OpenAI's reasons in Anthropic's words. A stop sequence is told apart from the end only where the runner names it.
  static func stop(_ finish: String?, sequence: String?, hasCalls: Bool) -> (reason: String, sequence: String?) {
    switch finish {
    case "length": ("max_tokens", nil)
    case "tool_calls", "function_call": ("tool_use", nil)
    case "content_filter": ("refusal", nil)
    default:
      if hasCalls { ("tool_use", nil) } else if let sequence { ("stop_sequence", sequence) } else { ("end_turn", nil) }
    }
  }
}

/// The events of a streamed message: `message_start`, blocks with their deltas, `message_delta`, `message_stop`.
struct MessagesStream: AnswerStream {
  private enum Open: Equatable {
    case nothing
    case text
    case call(Int64)
  }

  let shape: MessagesAnswer
  let context: AnswerContext
  private var open = Open.nothing
  private var index: Int64 = 0
  private var hasCalls = false
  private var finish: (reason: String, sequence: String?)?

  init(shape: MessagesAnswer, context: AnswerContext) {
    self.shape = shape
    self.context = context
  }

  mutating func begin() -> [UInt8] {
    // The runner counts at the end, so the numbers here are zeros; `message_delta` has the totals.
    let message: JSON = [
      "id": .string("msg_\(context.request)"), "type": "message", "role": "assistant",
      "model": .string(context.model), "content": [], "stop_reason": .null, "stop_sequence": .null,
      "usage": TokenCounts(prompt: 0, cached: 0, completion: 0).anthropic,
    ]
    return event("message_start", ["message": message]) + event("ping", [:])
  }

  mutating func take(_ chunk: JSON, usage: TokenCounts?) throws(InferenceFault) -> [UInt8] {
    guard let delta = try ChatDelta(chunk) else { return [] }
    var bytes: [UInt8] = []
    let added = delta.text + delta.refusal
    if !added.isEmpty {
      if open != .text {
        bytes += close()
        open = .text
        bytes += event(
          "content_block_start",
          ["index": .integer(index), "content_block": ["type": "text", "text": ""]])
      }
      bytes += event(
        "content_block_delta",
        ["index": .integer(index), "delta": ["type": "text_delta", "text": .string(added)]])
    }
    for piece in delta.calls { bytes += try add(piece) }
    if let reason = delta.finish { finish = (reason, delta.stoppedBy) }
    return bytes
  }

  private mutating func add(_ piece: ChatDelta.ToolCall) throws(InferenceFault) -> [UInt8] {
    var bytes: [UInt8] = []
    if open != .call(piece.index) {
      bytes += close()
      guard let name = piece.name else { throw .runnerFailed("a call of a tool has no name") }
      open = .call(piece.index)
      hasCalls = true
      bytes += event(
        "content_block_start",
        [
          "index": .integer(index),
          "content_block": [
            "type": "tool_use", "id": .string(MessagesAnswer.callID(piece.id ?? "", context, Int(piece.index))),
            "name": .string(name), "input": [:],
          ],
        ])
    }
    guard !piece.arguments.isEmpty else { return bytes }
    return bytes
      + event(
        "content_block_delta",
        [
          "index": .integer(index),
          "delta": ["type": "input_json_delta", "partial_json": .string(piece.arguments)],
        ])
  }

  mutating func end(usage: TokenCounts?) throws(InferenceFault) -> [UInt8] {
    guard let finish else { throw .runnerFailed("its stream ended early") }
    let stop = MessagesAnswer.stop(finish.reason, sequence: finish.sequence, hasCalls: hasCalls)
    let counts = usage ?? TokenCounts(prompt: 0, cached: 0, completion: 0)
    return close()
      + event(
        "message_delta",
        [
          "delta": [
            "stop_reason": .string(stop.reason), "stop_sequence": stop.sequence.map(JSON.string) ?? .null,
          ],
          "usage": counts.anthropic,
        ]) + event("message_stop", [:])
  }

  func failure(_ fault: InferenceFault) -> [UInt8] { shape.vendor.event(fault, request: context.request) }

  private mutating func close() -> [UInt8] {
    guard open != .nothing else { return [] }
    open = .nothing
    defer { index += 1 }
    return event("content_block_stop", ["index": .integer(index)])
  }

  private func event(_ type: String, _ members: JSONObject) -> [UInt8] {
    var object = members
    object["type"] = .string(type)
    return EventStream.encode(event: type, data: JSON.object(object).canonicalString())
  }
}
