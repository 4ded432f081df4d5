import CanonicalJSON

/// OpenAI's chat completions, and what speaks like them.
struct OpenAIChat: ChatShape {
  /// `max_completion_tokens` at OpenAI, `max_tokens` at runners, which know only that.
  var outputLimit: String

  var path: String { "/chat/completions" }

  func body(_ request: ChatRequest, model: String) -> JSON {
    var body: JSONObject = ["model": .string(model), outputLimit: .integer(request.maxTokens)]
    var messages: [JSON] = []
    if !request.system.isEmpty {
      messages.append(["role": "system", "content": .string(request.system.joined(separator: "\n\n"))])
    }
    messages += request.messages.map(Self.message)
    body["messages"] = .array(messages)
    body["temperature"] = request.temperature.flatMap(JSON.number)
    if !request.stop.isEmpty { body["stop"] = .array(request.stop.map(JSON.string)) }
    body["user"] = request.user.map(JSON.string)
    if !request.tools.isEmpty {
      body["tools"] = .array(
        request.tools.map { tool in
          var function: JSONObject = ["name": .string(tool.name), "parameters": tool.parameters]
          function["description"] = tool.description.map(JSON.string)
          return ["type": "function", "function": .object(function)]
        })
      body["tool_choice"] = request.toolChoice.map { choice in
        switch choice {
        case .auto: "auto"
        case .none: "none"
        case .required: "required"
        case .tool(let name): ["type": "function", "function": ["name": .string(name)]]
        }
      }
    }
    if request.isStreamed {
      body["stream"] = true
      body["stream_options"] = ["include_usage": true]
    }
    return .object(body)
  }

  private static func message(_ message: ChatRequest.Message) -> JSON {
    var object: JSONObject = ["role": .string(message.role.rawValue)]
    if message.parts.count == 1, case .text(let text) = message.parts[0] {
      object["content"] = .string(text)
    } else if message.parts.isEmpty {
      object["content"] = .null
    } else {
      object["content"] = .array(
        message.parts.map { part in
          switch part {
          case .text(let text): ["type": "text", "text": .string(text)]
          case .image(let mimeType, let data):
            ["type": "image_url", "image_url": ["url": .string("data:\(mimeType);base64,\(data)")]]
          }
        })
    }
    if !message.toolCalls.isEmpty {
      object["tool_calls"] = .array(
        message.toolCalls.map { call in
          [
            "id": .string(call.id), "type": "function",
            "function": ["name": .string(call.name), "arguments": .string(call.arguments.canonicalString())],
          ]
        })
    }
    object["tool_call_id"] = message.answers.map(JSON.string)
    return .object(object)
  }

  func answer(_ json: JSON, model: String) throws(HostCallError) -> ChatAnswer {
    guard let choice = json["choices"]?.array?.first, let message = choice["message"], message.object != nil else {
      throw VendorAnswer.malformed("no choices[0].message")
    }
    var answer = ChatAnswer(model: json["model"]?.string ?? model)
    answer.content = message["content"]?.string ?? message["refusal"]?.string ?? ""
    for call in message["tool_calls"]?.array ?? [] {
      guard let name = call["function"]?["name"]?.string else {
        throw VendorAnswer.malformed("a tool call without name")
      }
      answer.toolCalls.append(
        ChatRequest.ToolCall(
          id: call["id"]?.string ?? "", name: name,
          arguments: ChatAnswer.arguments(call["function"]?["arguments"]?.string ?? "")))
    }
    answer.stopReason = Self.reason(choice["finish_reason"]?.string, isRefused: message["refusal"]?.string != nil)
    answer.usage = ModelUsage(openAI: json["usage"], timings: json["timings"])
    return answer
  }

  static func reason(_ text: String?, isRefused: Bool) -> ChatAnswer.StopReason {
    if isRefused { return .refusal }
    return switch text {
    case "stop": .end
    case "length": .length
    case "tool_calls", "function_call": .tool
    case "content_filter": .refusal
    default: .other
    }
  }

  func stream(model: String) -> any ChatStream { Stream(model: model) }

  /// Chunks, then `[DONE]`; the usage comes in a chunk of its own, without choices.
  private struct Stream: ChatStream {
    var answer: ChatAnswer
    var calls: [Int64: (id: String, name: String, arguments: String)] = [:]
    var reason: String?
    var refusal: String?
    var isDone = false

    init(model: String) { answer = ChatAnswer(model: model) }

    mutating func take(_ event: EventStreamReader.Event) throws(HostCallError) -> String {
      guard event.data != Array("[DONE]".utf8) else {
        isDone = true
        return ""
      }
      let json = try VendorAnswer.parse(event.data)
      if let error = json["error"], !error.isNull { throw VendorAnswer.error(inStream: json) }
      if let model = json["model"]?.string, !model.isEmpty { answer.model = model }
      if let usage = ModelUsage(openAI: json["usage"], timings: json["timings"]) { answer.usage = usage }
      guard let choice = json["choices"]?.array?.first else { return "" }
      if let text = choice["finish_reason"]?.string { reason = text }
      let delta = choice["delta"]
      for call in delta?["tool_calls"]?.array ?? [] {
        let index = call["index"]?.integer ?? 0
        guard (0..<Int64(ChatRequest.maxTools)).contains(index) else {
          throw VendorAnswer.malformed("the index of a tool call")
        }
        var known = calls[index] ?? ("", "", "")
        if let id = call["id"]?.string, !id.isEmpty { known.id = id }
        if let name = call["function"]?["name"]?.string, !name.isEmpty { known.name = name }
        known.arguments += call["function"]?["arguments"]?.string ?? ""
        calls[index] = known
      }
      if let text = delta?["refusal"]?.string { refusal = (refusal ?? "") + text }
      let text = delta?["content"]?.string ?? ""
      answer.content += text
      return text
    }

    func finish() throws(HostCallError) -> ChatAnswer {
      guard isDone, reason != nil else { throw Self.cutShort }
      var answer = answer
      for (_, call) in calls.sorted(by: { $0.key < $1.key }) {
        answer.toolCalls.append(
          ChatRequest.ToolCall(id: call.id, name: call.name, arguments: ChatAnswer.arguments(call.arguments)))
      }
      if answer.content.isEmpty, let refusal { answer.content = refusal }
      answer.stopReason = OpenAIChat.reason(reason, isRefused: refusal != nil)
      return answer
    }
  }
}
