import CanonicalJSON

/// `POST /v1/completions`: one prompt, as text or as tokens.
enum CompletionsRequest {
  /// Reads a request.
  static func generation(_ json: JSON, limits: InferenceLimits) throws -> Generation {
    var fields = try RequestFields(json)
    let model = try fields.model()
    guard var prompt = fields.take("prompt") else {
      throw FieldError(field: "prompt", expected: "a string or an array of tokens", actual: "nothing")
    }
    if let texts = prompt.array, texts.count == 1, let only = texts.first, only.string != nil { prompt = only }
    let isTokens = prompt.array.map { !$0.isEmpty && $0.allSatisfy { ($0.integer ?? -1) >= 0 } } ?? false
    guard prompt.string != nil || isTokens else {
      throw InferenceFault.unsupported(member: "prompt", why: "one prompt at a time, as a string or as tokens")
    }
    var body: JSONObject = ["prompt": prompt]
    try ChatCompletionsRequest.sampling(&fields, into: &body)
    body["logprobs"] = try fields.integer("logprobs", in: 0...5).map(JSON.integer)
    if try fields.flag("echo") { body["echo"] = true }
    let limit = try fields.integer("max_tokens", in: 1...1_000_000) ?? 16
    let choices = try fields.integer("n", in: 1...Int64(limits.choices)) ?? 1
    if choices > 1 { body["n"] = .integer(choices) }
    let isStreamed = try fields.flag("stream")
    let includesUsage = try ChatCompletionsRequest.streamOptions(&fields)
    fields.ignore("user")
    try fields.refuse("best_of", unless: [1], "runners do not take it")
    try fields.refuse("suffix", unless: [""], "runners do not take it")
    try fields.finish()
    return Generation(
      model: model, kind: .completion, path: "/v1/completions", body: body, isStreamed: isStreamed, outputLimit: limit,
      choices: choices, answer: ChatCompletionsAnswer(kind: .completion, includesUsage: includesUsage))
  }
}
