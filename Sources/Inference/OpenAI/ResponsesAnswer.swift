import CanonicalJSON

/// The answer of `/v1/responses`: one message, then the calls of tools.
struct ResponsesAnswer: AnswerShape {
  /// What the answer repeats of its request.
  struct Echo: Sendable {
    var instructions: String?
    var outputLimit: Int64?
    var temperature: JSON?
    var topP: JSON?
    var tools: [JSON]
    var toolChoice: JSON
    var parallel: Bool
  }

  /// How it ended.
  enum Status: String, Sendable {
    case inProgress = "in_progress"
    case completed, incomplete, failed
  }

  var echo: Echo
  var vendor: VendorShape { .responses }

  func whole(_ json: JSON, usage: TokenCounts, _ context: AnswerContext) throws(InferenceFault) -> JSON {
    guard let choice = json["choices"]?.array?.first, let message = choice["message"], message.object != nil else {
      throw .runnerFailed("its answer has no choices")
    }
    let status = Self.status(choice["finish_reason"]?.string)
    var output: [JSON] = []
    let text = message["content"]?.string ?? ""
    let calls = try ChatDelta.calls(of: message)
    if !text.isEmpty || calls.isEmpty {
      output.append(Self.message(id: "msg_\(context.request)_0", text: text, status: status))
    }
    for call in calls {
      output.append(Self.call(call, item: "fc_\(context.request)_\(output.count)", status: .completed))
    }
    return response(context, status: status, output: output, usage: usage, fault: nil)
  }

  func stream(_ context: AnswerContext) -> any AnswerStream { ResponsesStream(shape: self, context: context) }

  static func status(_ finish: String?) -> Status {
    finish == "length" || finish == "content_filter" ? .incomplete : .completed
  }

  /// The response itself.
  func response(
    _ context: AnswerContext, status: Status, output: [JSON], usage: TokenCounts?, fault: InferenceFault?,
    reason: String = "max_output_tokens"
  ) -> JSON {
    [
      "id": .string("resp_\(context.request)"), "object": "response", "created_at": .integer(context.created),
      "status": .string(status.rawValue), "model": .string(context.model), "output": .array(output),
      "error": fault.map { ["code": "server_error", "message": .string($0.message)] } ?? .null,
      "incomplete_details": status == .incomplete ? ["reason": .string(reason)] : .null,
      "instructions": echo.instructions.map(JSON.string) ?? .null,
      "max_output_tokens": echo.outputLimit.map(JSON.integer) ?? .null, "metadata": [:],
      "parallel_tool_calls": .bool(echo.parallel), "previous_response_id": .null, "store": false,
      "temperature": echo.temperature ?? .null, "top_p": echo.topP ?? .null, "tool_choice": echo.toolChoice,
      "tools": .array(echo.tools), "truncation": "disabled", "usage": usage?.responses ?? .null,
    ]
  }

  /// A message as an item.
  static func message(id: String, text: String?, status: Status) -> JSON {
    [
      "id": .string(id), "type": "message", "role": "assistant", "status": .string(status.rawValue),
      "content": text.map { [part($0)] } ?? [],
    ]
  }

  /// A part of a message.
  static func part(_ text: String) -> JSON {
    ["type": "output_text", "text": .string(text), "annotations": [], "logprobs": []]
  }

  /// A call of a tool as an item.
  static func call(_ call: ChatDelta.WholeCall, item: String, status: Status) -> JSON {
    [
      "id": .string(item), "type": "function_call", "call_id": .string(call.id), "name": .string(call.name),
      "arguments": .string(call.arguments), "status": .string(status.rawValue),
    ]
  }
}
