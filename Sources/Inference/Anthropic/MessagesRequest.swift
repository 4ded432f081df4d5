import CanonicalJSON

/// `POST /v1/messages`, translated into OpenAI's chat, which every runner speaks.
enum MessagesRequest {
  /// Reads a request.
  static func generation(_ json: JSON, limits: InferenceLimits) throws -> Generation {
    var fields = try RequestFields(json)
    let (model, prompt) = try prompt(&fields, limits: limits)
    var body = prompt
    guard let limit = try fields.integer("max_tokens", in: 1...1_000_000) else {
      throw FieldError(field: "max_tokens", expected: "an integer from 1", actual: "nothing")
    }
    body["temperature"] = try fields.number("temperature", in: 0...1)
    body["top_p"] = try fields.number("top_p", in: 0...1)
    body["top_k"] = try fields.integer("top_k", in: 0...1_000_000).map(JSON.integer)
    let stops = try fields.texts("stop_sequences", maxCount: 16) ?? []
    if !stops.isEmpty { body["stop"] = .array(stops.map(JSON.string)) }
    let isStreamed = try fields.flag("stream")
    fields.ignore("metadata", "service_tier", "inference_geo", "diagnostics")
    try fields.refuse("container", "there are no containers for models")
    try fields.refuse("mcp_servers", "a model has no network")
    try fields.finish()
    return Generation(
      model: model, kind: .chat, path: "/v1/chat/completions", body: body, isStreamed: isStreamed, outputLimit: limit,
      messages: body["messages"]?.array ?? [], answer: MessagesAnswer())
  }

  /// What counting tokens and answering have in common: model, system, messages and tools.
  static func prompt(
    _ fields: inout RequestFields, limits: InferenceLimits
  ) throws -> (model: String, body: JSONObject) {
    let model = try fields.model()
    var messages: [JSON] = []
    if let system = fields.take("system") {
      messages.append(["role": "system", "content": .string(try text(system, path: "system"))])
    }
    guard let turns = try fields.array("messages", maxCount: limits.messages), !turns.isEmpty else {
      throw FieldError(field: "messages", expected: "at least one message", actual: "none")
    }
    for (index, turn) in turns.enumerated() {
      messages += try MessagesInput.messages(turn, path: "messages[\(index)]")
    }
    var body: JSONObject = ["messages": .array(messages)]
    try tools(&fields, into: &body, limits: limits)
    if let thinking = fields.take("thinking"), thinking["type"]?.string != "disabled" {
      throw InferenceFault.unsupported(
        member: "thinking", why: "thinking blocks carry a signature that no local model can make")
    }
    try output(&fields, into: &body)
    try fields.refuse("speed", unless: ["standard"], "a model has one speed")
    fields.ignore("cache_control", "context_management", "user_profile_id", "workspace_id")
    return (model, body)
  }

  /// How the answer is to look: a schema, and how much thought it is worth.
  private static func output(_ fields: inout RequestFields, into body: inout JSONObject) throws {
    var format = try fields.object("output_format")
    if let config = fields.take("output_config") {
      var reader = try RequestFields(config, path: "output_config")
      body["reasoning_effort"] = try reader.text("effort", maxBytes: 16).map(JSON.string)
      format = try reader.object("format") ?? format
      try reader.finish()
    }
    guard let format else { return }
    guard format["type"]?.string == "json_schema", let schema = format["schema"], schema.object != nil else {
      throw FieldError(field: "output_config.format", expected: "a json_schema", actual: format.summary)
    }
    body["response_format"] = ["type": "json_schema", "json_schema": ["name": "answer", "schema": schema]]
  }

  /// A text, or blocks of text joined.
  static func text(_ json: JSON, path: String) throws -> String {
    if let text = json.string { return text }
    guard let blocks = json.array, blocks.count <= 256 else {
      throw FieldError(field: path, expected: "a string or at most 256 blocks of text", actual: json.summary)
    }
    var texts: [String] = []
    for (index, block) in blocks.enumerated() {
      guard block["type"]?.string == "text", let text = block["text"]?.string else {
        throw FieldError(field: "\(path)[\(index)]", expected: "a block of text", actual: block.summary)
      }
      texts.append(text)
    }
    return texts.joined(separator: "\n")
  }

  private static func tools(_ fields: inout RequestFields, into body: inout JSONObject, limits: InferenceLimits) throws
  {
    let tools = try fields.array("tools", maxCount: limits.tools) ?? []
    let choice = fields.take("tool_choice")
    guard !tools.isEmpty else { return }
    var translated: [JSON] = []
    for (index, tool) in tools.enumerated() {
      guard tool["type"].map({ $0.string == "custom" || $0.isNull }) ?? true, let name = tool["name"]?.string,
        let schema = tool["input_schema"], schema.object != nil
      else {
        throw InferenceFault.unsupported(
          member: "tools[\(index)]", why: "only tools with a name and an input_schema can be called here")
      }
      var function: JSONObject = ["name": .string(name), "parameters": schema]
      if let description = tool["description"], description.string != nil { function["description"] = description }
      translated.append(["type": "function", "function": .object(function)])
    }
    body["tools"] = .array(translated)
    guard let choice else { return }
    switch choice["type"]?.string {
    case "auto": body["tool_choice"] = "auto"
    case "any": body["tool_choice"] = "required"
    case "none": body["tool_choice"] = "none"
    case "tool":
      guard let name = choice["name"]?.string else {
        throw FieldError(field: "tool_choice.name", expected: "the name of a tool", actual: "nothing")
      }
      body["tool_choice"] = ["type": "function", "function": ["name": .string(name)]]
    default:
      throw FieldError(field: "tool_choice.type", expected: "auto, any, none or tool", actual: choice.summary)
    }
    if choice["disable_parallel_tool_use"]?.bool == true { body["parallel_tool_calls"] = false }
  }
}
