import CanonicalJSON
import HTTPServer

/// The named events of a streamed response, each numbered.
struct ResponsesStream: AnswerStream {
  private enum Open {
    case nothing
    case message(id: String, text: String)
    case call(index: Int64, id: String, ChatDelta.WholeCall)
  }

  let shape: ResponsesAnswer
  let context: AnswerContext
  private var sequence: Int64 = 0
  private var output: [JSON] = []
  private var open = Open.nothing
  private var finish: String?

  init(shape: ResponsesAnswer, context: AnswerContext) {
    self.shape = shape
    self.context = context
  }

  mutating func begin() -> [UInt8] {
    let response = shape.response(context, status: .inProgress, output: [], usage: nil, fault: nil)
    return event("response.created", ["response": response])
      + event("response.in_progress", ["response": response])
  }

  mutating func take(_ chunk: JSON, usage: TokenCounts?) throws(InferenceFault) -> [UInt8] {
    guard let delta = try ChatDelta(chunk) else { return [] }
    var bytes: [UInt8] = []
    let added = delta.text + delta.refusal
    if !added.isEmpty { bytes += add(text: added) }
    for piece in delta.calls { bytes += try add(piece) }
    if let reason = delta.finish { finish = reason }
    return bytes
  }

  mutating func end(usage: TokenCounts?) throws(InferenceFault) -> [UInt8] {
    guard let finish else { throw .runnerFailed("its stream ended early") }
    let status = ResponsesAnswer.status(finish)
    var bytes = close(status)
    if output.isEmpty {
      bytes += openMessage()
      bytes += close(status)
    }
    let response = shape.response(
      context, status: status, output: output, usage: usage, fault: nil,
      reason: finish == "content_filter" ? finish : "max_output_tokens")
    return bytes + event(status == .incomplete ? "response.incomplete" : "response.completed", ["response": response])
  }

  func failure(_ fault: InferenceFault) -> [UInt8] {
    var copy = self
    let response = shape.response(context, status: .failed, output: output, usage: nil, fault: fault)
    return copy.event("response.failed", ["response": response])
  }

  private mutating func add(text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    if case .message = open {} else { bytes += close(.completed) + openMessage() }
    guard case .message(let id, let before) = open else { return bytes }
    open = .message(id: id, text: before + text)
    return bytes
      + event(
        "response.output_text.delta",
        [
          "item_id": .string(id), "output_index": place, "content_index": 0, "delta": .string(text), "logprobs": [],
        ])
  }

  private mutating func openMessage() -> [UInt8] {
    let id = "msg_\(context.request)_\(output.count)"
    open = .message(id: id, text: "")
    return event(
      "response.output_item.added",
      ["output_index": place, "item": ResponsesAnswer.message(id: id, text: nil, status: .inProgress)])
      + event(
        "response.content_part.added",
        ["item_id": .string(id), "output_index": place, "content_index": 0, "part": ResponsesAnswer.part("")])
  }

  private mutating func add(_ piece: ChatDelta.ToolCall) throws(InferenceFault) -> [UInt8] {
    var bytes: [UInt8] = []
    if case .call(piece.index, _, _) = open {
    } else {
      bytes += close(.completed)
      guard let name = piece.name else { throw .runnerFailed("a call of a tool has no name") }
      let id = "fc_\(context.request)_\(output.count)"
      let call = ChatDelta.WholeCall(id: piece.id ?? "call_\(id)", name: name, arguments: "")
      open = .call(index: piece.index, id: id, call)
      bytes += event(
        "response.output_item.added",
        ["output_index": place, "item": ResponsesAnswer.call(call, item: id, status: .inProgress)])
    }
    guard !piece.arguments.isEmpty, case .call(let index, let id, var call) = open else { return bytes }
    call.arguments += piece.arguments
    open = .call(index: index, id: id, call)
    return bytes
      + event(
        "response.function_call_arguments.delta",
        ["item_id": .string(id), "output_index": place, "delta": .string(piece.arguments)])
  }

  private mutating func close(_ status: ResponsesAnswer.Status) -> [UInt8] {
    defer { open = .nothing }
    switch open {
    case .nothing: return []
    case .message(let id, let text):
      let item = ResponsesAnswer.message(id: id, text: text, status: status)
      let bytes =
        event(
          "response.output_text.done",
          [
            "item_id": .string(id), "output_index": place, "content_index": 0, "text": .string(text), "logprobs": [],
          ])
        + event(
          "response.content_part.done",
          ["item_id": .string(id), "output_index": place, "content_index": 0, "part": ResponsesAnswer.part(text)])
        + event("response.output_item.done", ["output_index": place, "item": item])
      output.append(item)
      return bytes
    case .call(_, let id, let call):
      let item = ResponsesAnswer.call(call, item: id, status: .completed)
      let bytes =
        event(
          "response.function_call_arguments.done",
          [
            "item_id": .string(id), "output_index": place, "name": .string(call.name),
            "arguments": .string(call.arguments),
          ]) + event("response.output_item.done", ["output_index": place, "item": item])
      output.append(item)
      return bytes
    }
  }

  private var place: JSON { .integer(Int64(output.count)) }

  private mutating func event(_ type: String, _ members: JSONObject) -> [UInt8] {
    var object = members
    object["type"] = .string(type)
    object["sequence_number"] = .integer(sequence)
    sequence += 1
    return EventStream.encode(event: type, data: JSON.object(object).canonicalString())
  }
}
