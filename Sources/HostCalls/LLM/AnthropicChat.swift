import CanonicalJSON

/// Anthropic's messages, with prompt caching.
struct AnthropicChat: ChatShape {
  static let version = "2023-06-01"

  var path: String { "/v1/messages" }

  func body(_ request: ChatRequest, model: String) -> JSON {
    var body: JSONObject = ["model": .string(model), "max_tokens": .integer(request.maxTokens)]
    if !request.system.isEmpty {
      let blocks = request.system.map { ["type": "text", "text": .string($0)] as JSONObject }
      body["system"] = .array(Self.marked(blocks, request, .system))
    }
    body["messages"] = .array(Self.messages(request))
    body["temperature"] = request.temperature.flatMap(JSON.number)
    if !request.stop.isEmpty { body["stop_sequences"] = .array(request.stop.map(JSON.string)) }
    if let user = request.user { body["metadata"] = ["user_id": .string(user)] }
    if !request.tools.isEmpty {
      let tools = request.tools.map { tool in
        var object: JSONObject = ["name": .string(tool.name), "input_schema": tool.parameters]
        object["description"] = tool.description.map(JSON.string)
        return object
      }
      body["tools"] = .array(Self.marked(tools, request, .tools))
      body["tool_choice"] = request.toolChoice.map { choice in
        switch choice {
        case .auto: ["type": "auto"]
        case .none: ["type": "none"]
        case .required: ["type": "any"]
        case .tool(let name): ["type": "tool", "name": .string(name)]
        }
      }
    }
    if request.isStreamed { body["stream"] = true }
    return .object(body)
  }

  /// One message of the API for each run of messages of one side: results of tools come from the user's side, and those of
  /// parallel calls belong into one message.
  private static func messages(_ request: ChatRequest) -> [JSON] {
    var sides: [(role: String, blocks: [JSON])] = []
    for (index, message) in request.messages.enumerated() {
      let role = message.role == .assistant ? "assistant" : "user"
      let blocks = marked(self.blocks(message), request, .message(index))
      if sides.last?.role == role {
        sides[sides.count - 1].blocks += blocks
      } else {
        sides.append((role, blocks))
      }
    }
    return sides.map { ["role": .string($0.role), "content": .array($0.blocks)] }
  }

  private static func blocks(_ message: ChatRequest.Message) -> [JSONObject] {
    let parts = message.parts.map { part -> JSONObject in
      switch part {
      case .text(let text): ["type": "text", "text": .string(text)]
      case .image(let mimeType, let data):
        [
          "type": "image", "source": ["type": "base64", "media_type": .string(mimeType), "data": .string(data)],
        ]
      }
    }
    if let id = message.answers {
      var result: JSONObject = [
        "type": "tool_result", "tool_use_id": .string(id), "content": .array(parts.map(JSON.object)),
      ]
      if message.isError { result["is_error"] = true }
      return [result]
    }
    return parts
      + message.toolCalls.map { call in
        [
          "type": "tool_use", "id": .string(call.id), "name": .string(call.name),
          // The API takes objects only.
          "input": call.arguments.object.map(JSON.object) ?? ["value": call.arguments],
        ]
      }
  }

  /// The blocks with the breakpoint of this place on the last of them.
  private static func marked(
    _ blocks: [JSONObject], _ request: ChatRequest, _ place: CacheBreakpoint.Place
  ) -> [JSON] {
    var blocks = blocks
    if let breakpoint = request.breakpoints.first(where: { $0.place == place }), !blocks.isEmpty {
      blocks[blocks.count - 1]["cache_control"] =
        breakpoint.lifetime == .hour ? ["type": "ephemeral", "ttl": "1h"] : ["type": "ephemeral"]
    }
    return blocks.map(JSON.object)
  }

  func answer(_ json: JSON, model: String) throws(HostCallError) -> ChatAnswer {
    guard let blocks = json["content"]?.array else { throw VendorAnswer.malformed("no content") }
    var answer = ChatAnswer(model: json["model"]?.string ?? model)
    for block in blocks {
      switch block["type"]?.string {
      case "text": answer.content += block["text"]?.string ?? ""
      case "tool_use":
        guard let name = block["name"]?.string else { throw VendorAnswer.malformed("a tool_use without name") }
        answer.toolCalls.append(
          ChatRequest.ToolCall(id: block["id"]?.string ?? "", name: name, arguments: block["input"] ?? [:]))
      default: break
      }
    }
    answer.stopReason = Self.reason(json["stop_reason"]?.string)
    answer.usage = ModelUsage(anthropic: json["usage"])
    return answer
  }

  private static func reason(_ text: String?) -> ChatAnswer.StopReason {
    switch text {
    case "end_turn": .end
    case "max_tokens", "model_context_window_exceeded": .length
    case "stop_sequence": .stop
    case "tool_use": .tool
    case "refusal": .refusal
    default: .other
    }
  }

  func stream(model: String) -> any ChatStream { Stream(model: model) }

  /// `message_start`, blocks with their deltas, `message_delta`, `message_stop`.
  private struct Stream: ChatStream {
    private struct Block {
      var id = ""
      var name = ""
      var input = ""
    }

    private static let maxBlocks: Int64 = 4096

    var answer: ChatAnswer
    private var tools: [Int64: Block] = [:]
    /// What `message_start` says of usage, overlaid by what `message_delta` says: its numbers are totals, not additions.
    private var usage: JSONObject = [:]
    private var reason: String?
    private var isDone = false

    init(model: String) { answer = ChatAnswer(model: model) }

    mutating func take(_ event: EventStreamReader.Event) throws(HostCallError) -> String {
      let json = try VendorAnswer.parse(event.data)
      switch json["type"]?.string {
      case "message_start":
        if let model = json["message"]?["model"]?.string { answer.model = model }
        overlay(json["message"]?["usage"])
      case "content_block_start": try begin(json)
      case "content_block_delta": return try add(json)
      case "message_delta":
        if let text = json["delta"]?["stop_reason"]?.string { reason = text }
        overlay(json["usage"])
      case "message_stop": isDone = true
      case "error": throw VendorAnswer.error(inStream: json)
      default: break
      }
      return ""
    }

    private mutating func begin(_ json: JSON) throws(HostCallError) {
      guard let index = json["index"]?.integer, (0..<Self.maxBlocks).contains(index) else {
        throw VendorAnswer.malformed("a block without index")
      }
      let block = json["content_block"]
      switch block?["type"]?.string {
      case "tool_use":
        tools[index] = Block(id: block?["id"]?.string ?? "", name: block?["name"]?.string ?? "")
      case "text": answer.content += block?["text"]?.string ?? ""
      default: break
      }
    }

    private mutating func add(_ json: JSON) throws(HostCallError) -> String {
      let delta = json["delta"]
      switch delta?["type"]?.string {
      case "text_delta":
        let text = delta?["text"]?.string ?? ""
        answer.content += text
        return text
      case "input_json_delta":
        guard let index = json["index"]?.integer, tools[index] != nil else {
          throw VendorAnswer.malformed("input for a block that was not begun")
        }
        tools[index]?.input += delta?["partial_json"]?.string ?? ""
      default: break
      }
      return ""
    }

    private mutating func overlay(_ json: JSON?) {
      for (name, value) in json?.object ?? [:] where !value.isNull { usage[name] = value }
    }

    func finish() throws(HostCallError) -> ChatAnswer {
      guard isDone, let reason else { throw Self.cutShort }
      var answer = answer
      for (_, block) in tools.sorted(by: { $0.key < $1.key }) {
        answer.toolCalls.append(
          ChatRequest.ToolCall(id: block.id, name: block.name, arguments: ChatAnswer.arguments(block.input)))
      }
      answer.stopReason = AnthropicChat.reason(reason)
      answer.usage = ModelUsage(anthropic: .object(usage))
      return answer
    }
  }
}
