import CanonicalJSON

/// `POST /v1/responses`, translated into a chat. Nothing is stored, so nothing can be continued by an id.
enum ResponsesRequest {
  /// Reads a request.
  static func generation(_ json: JSON, limits: InferenceLimits) throws -> Generation {
    var fields = try RequestFields(json)
    let model = try fields.model()
    try fields.refuse("previous_response_id", "nothing is stored; send the whole conversation as input")
    try fields.refuse("conversation", "nothing is stored; send the whole conversation as input")
    try fields.refuse("background", unless: [false], "nothing is stored to be fetched later")
    try fields.refuse("prompt", "there are no stored prompts")
    try fields.refuse("moderation", "nothing here moderates")
    try fields.refuse("image", "the answer is text")
    try fields.refuse("max_tool_calls", "tools are called by the client")
    var messages: [JSON] = []
    let instructions = try fields.text("instructions", maxBytes: limits.bodyBytes)
    if let instructions { messages.append(["role": "system", "content": .string(instructions)]) }
    guard let input = fields.take("input") else {
      throw FieldError(field: "input", expected: "a string or items", actual: "nothing")
    }
    messages += try ResponsesInput.messages(input, limits: limits)
    var body: JSONObject = ["messages": .array(messages)]
    body["temperature"] = try fields.number("temperature", in: 0...2)
    body["top_p"] = try fields.number("top_p", in: 0...1)
    body["reasoning_effort"] = try reasoning(&fields)
    body["response_format"] = try format(&fields)
    let echo = try tools(&fields, into: &body, limits: limits)
    let limit = try fields.integer("max_output_tokens", in: 1...1_000_000)
    let isStreamed = try fields.flag("stream")
    let tag = try fields.text("prompt_cache_key", maxBytes: 128)
    // `store` is true by default and its clients cannot know better; the answer says that it is false.
    fields.ignore(
      "store", "metadata", "user", "safety_identifier", "service_tier", "truncation", "prompt_cache_retention",
      "prompt_cache_options", "stream_options", "top_logprobs", "include", "background_options", "context_management",
      "access_programs")
    try fields.finish()
    return Generation(
      model: model, kind: .chat, path: "/v1/chat/completions", body: body, isStreamed: isStreamed, outputLimit: limit,
      messages: messages, cacheTag: tag,
      answer: ResponsesAnswer(
        echo: ResponsesAnswer.Echo(
          instructions: instructions, outputLimit: limit, temperature: body["temperature"], topP: body["top_p"],
          tools: echo.tools, toolChoice: echo.choice, parallel: body["parallel_tool_calls"]?.bool ?? true)))
  }

  private static func reasoning(_ fields: inout RequestFields) throws -> JSON? {
    guard let object = fields.take("reasoning") else { return nil }
    var reader = try RequestFields(object, path: "reasoning")
    let effort = try reader.text("effort", maxBytes: 16)
    reader.ignore("summary", "generate_summary")
    try reader.finish()
    return effort.map(JSON.string)
  }

  /// `text.format` becomes `response_format`, whose schema lies one level deeper.
  private static func format(_ fields: inout RequestFields) throws -> JSON? {
    guard let object = fields.take("text") else { return nil }
    var reader = try RequestFields(object, path: "text")
    reader.ignore("verbosity")
    let format = try reader.object("format")
    try reader.finish()
    switch format?["type"]?.string {
    case nil, "text": return nil
    case "json_object": return ["type": "json_object"]
    case "json_schema":
      var schema: JSONObject = [:]
      for name in ["name", "description", "schema", "strict"] { schema[name] = format?[name] }
      return ["type": "json_schema", "json_schema": .object(schema)]
    case let other?:
      throw FieldError(
        field: "text.format.type", expected: "text, json_object or json_schema", actual: JSON.string(other).summary)
    }
  }

  private static func tools(
    _ fields: inout RequestFields, into body: inout JSONObject, limits: InferenceLimits
  ) throws -> (tools: [JSON], choice: JSON) {
    let tools = try fields.array("tools", maxCount: limits.tools) ?? []
    let choice = fields.take("tool_choice")
    let parallel = try fields.optionalFlag("parallel_tool_calls")
    guard !tools.isEmpty else { return ([], "auto") }
    var translated: [JSON] = []
    for (index, tool) in tools.enumerated() {
      guard tool["type"]?.string == "function", let name = tool["name"]?.string else {
        throw InferenceFault.unsupported(
          member: "tools[\(index)]", why: "only tools of the type function, with a name, can be called here")
      }
      var function: JSONObject = ["name": .string(name)]
      for member in ["description", "parameters", "strict"] {
        if let value = tool[member], !value.isNull { function[member] = value }
      }
      translated.append(["type": "function", "function": .object(function)])
    }
    body["tools"] = .array(translated)
    body["parallel_tool_calls"] = parallel.map(JSON.bool)
    switch choice {
    case nil: break
    case .string(let text)? where ["none", "auto", "required"].contains(text): body["tool_choice"] = .string(text)
    case let object?:
      guard object["type"]?.string == "function", let name = object["name"]?.string else {
        throw FieldError(
          field: "tool_choice", expected: "none, auto, required or a function by name", actual: object.summary)
      }
      body["tool_choice"] = ["type": "function", "function": ["name": .string(name)]]
    }
    return (tools, choice ?? "auto")
  }
}
