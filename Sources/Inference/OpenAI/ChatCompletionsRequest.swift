import CanonicalJSON

/// `POST /v1/chat/completions`: what passes to a runner, what stays here, and what is refused.
enum ChatCompletionsRequest {
  /// Reads a request.
  static func generation(_ json: JSON, limits: InferenceLimits) throws -> Generation {
    var fields = try RequestFields(json)
    let model = try fields.model()
    guard let messages = try fields.array("messages", maxCount: limits.messages), !messages.isEmpty else {
      throw FieldError(field: "messages", expected: "at least one message", actual: "none")
    }
    for (index, message) in messages.enumerated() {
      try ChatMessages.check(message, path: "messages[\(index)]")
    }
    var body: JSONObject = ["messages": .array(messages)]
    try sampling(&fields, into: &body)
    try tools(&fields, into: &body, limits: limits)
    body["response_format"] = try fields.object("response_format")
    if try fields.flag("logprobs") { body["logprobs"] = true }
    body["top_logprobs"] = try fields.integer("top_logprobs", in: 0...20).map(JSON.integer)
    body["reasoning_effort"] = try fields.text("reasoning_effort", maxBytes: 16).map(JSON.string)
    let choices = try fields.integer("n", in: 1...Int64(limits.choices)) ?? 1
    if choices > 1 { body["n"] = .integer(choices) }
    let older = try fields.integer("max_tokens", in: 1...1_000_000)
    let limit = try fields.integer("max_completion_tokens", in: 1...1_000_000) ?? older
    let isStreamed = try fields.flag("stream")
    let includesUsage = try streamOptions(&fields)
    let tag = try fields.text("prompt_cache_key", maxBytes: 128)
    try refuseTheVendors(&fields)
    try fields.finish()
    return Generation(
      model: model, kind: .chat, path: "/v1/chat/completions", body: body, isStreamed: isStreamed, outputLimit: limit,
      choices: choices, messages: messages, cacheTag: tag,
      answer: ChatCompletionsAnswer(kind: .chat, includesUsage: includesUsage))
  }

  /// What steers the choice of tokens; the same for chat and for completions.
  static func sampling(_ fields: inout RequestFields, into body: inout JSONObject) throws {
    body["temperature"] = try fields.number("temperature", in: 0...2)
    body["top_p"] = try fields.number("top_p", in: 0...1)
    body["presence_penalty"] = try fields.number("presence_penalty", in: -2...2)
    body["frequency_penalty"] = try fields.number("frequency_penalty", in: -2...2)
    body["seed"] = try fields.integer("seed", in: -JSON.maxSafeInteger...JSON.maxSafeInteger).map(JSON.integer)
    if let bias = try fields.object("logit_bias") {
      guard let object = bias.object, object.count <= 1024, object.allSatisfy({ $0.value.number != nil }) else {
        throw fields.wrong("logit_bias", "an object of at most 1024 numbers", bias)
      }
      body["logit_bias"] = bias
    }
    if let stop = try fields.texts("stop", maxCount: 16), !stop.isEmpty {
      body["stop"] = .array(stop.map(JSON.string))
    }
  }

  /// Whether a stream is to tell its usage.
  static func streamOptions(_ fields: inout RequestFields) throws -> Bool {
    guard let options = fields.take("stream_options") else { return false }
    var reader = try RequestFields(options, path: "stream_options")
    let includesUsage = try reader.flag("include_usage")
    reader.ignore("include_obfuscation")
    try reader.finish()
    return includesUsage
  }

  private static func tools(
    _ fields: inout RequestFields, into body: inout JSONObject, limits: InferenceLimits
  ) throws {
    if let tools = try fields.array("tools", maxCount: limits.tools), !tools.isEmpty {
      for (index, tool) in tools.enumerated() {
        guard tool["type"]?.string == "function", tool["function"]?["name"]?.string != nil else {
          throw InferenceFault.unsupported(
            member: "tools[\(index)]", why: "only tools of the type function, with a name, can be called here")
        }
      }
      body["tools"] = .array(tools)
      body["parallel_tool_calls"] = try fields.optionalFlag("parallel_tool_calls").map(JSON.bool)
      if let choice = fields.take("tool_choice") {
        guard choice.string.map({ ["none", "auto", "required"].contains($0) }) ?? (choice.object != nil) else {
          throw fields.wrong("tool_choice", "none, auto, required or an object", choice)
        }
        body["tool_choice"] = choice
      }
    } else {
      fields.ignore("tool_choice", "parallel_tool_calls")
    }
  }

  /// Members of the vendor's service: those without a meaning here are dropped, those whose absence would mislead are
  /// refused by name.
  private static func refuseTheVendors(_ fields: inout RequestFields) throws(InferenceFault) {
    fields.ignore(
      "user", "safety_identifier", "metadata", "prompt_cache_retention", "prompt_cache_options", "verbosity",
      "service_tier")
    try fields.refuse("moderation", "nothing here moderates")
    try fields.refuse("store", unless: [false], "nothing is stored")
    try fields.refuse("functions", "use tools")
    try fields.refuse("function_call", "use tool_choice")
    try fields.refuse("modalities", unless: [["text"]], "the answer is text")
    try fields.refuse("audio", "the answer is text")
    try fields.refuse("web_search_options", "a model has no network")
    try fields.refuse("prediction", "runners do not take it")
  }
}
