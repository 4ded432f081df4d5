import CanonicalJSON
import Governance
import HTTPClient

/// `Protocol.LLM`: models, by the routes of the community's settings. A tool says the same to all of them.
public struct LLMCall: HostCall {
  static let timeouts: ClosedRange<Int64> = 1...600
  static let maxInputs = 256

  private let services: HostServices

  public init(_ services: HostServices) { self.services = services }

  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    switch method {
    case "LLM.embed": try embed(arguments, context)
    default: try chat(arguments, context)
    }
  }

  private func route(_ model: String, _ settings: CommunitySettings) throws(HostCallError) -> ModelRoute {
    guard let route = settings.models.first(where: { $0.name.matches(model) }) else {
      throw HostCallError(
        "no_route", "the community's settings have no route for the model \(model): add one to \"models\"")
    }
    guard route.shape != .runner || services.gateway != nil else {
      throw HostCallError("no_route", "the route of the model \(model) is a runner, and this box has none")
    }
    return route
  }

  // MARK: Chat

  private func chat(_ arguments: JSON, _ context: HostCallContext) throws(HostCallError) -> HostCallPlan {
    let request = try HostArguments.read(arguments) { reader throws(FieldError) in try ChatRequest(&reader) }
    let route = try route(request.model, context.settings)
    let call = ChatExchange(request: request, route: route, context: context, services: services)
    return HostCallPlan(
      facts: [["models": request.model]], reserve: call.reserve, step: .observe { await call.run() })
  }

  // MARK: Embeddings

  private func embed(_ arguments: JSON, _ context: HostCallContext) throws(HostCallError) -> HostCallPlan {
    let (model, texts, timeout) = try HostArguments.read(arguments) { reader throws(FieldError) in
      (
        try reader.modelName(),
        try ChatRequest.texts(
          try reader.json("input"), path: reader.pathOf("input"), maxCount: Self.maxInputs),
        try reader.optionalInteger("timeout", in: Self.timeouts) ?? 60
      )
    }
    let route = try route(model, context.settings)
    guard route.shape != .anthropic else {
      throw HostCallError("no_route", "the route of the model \(model) is Anthropic's, which has no embeddings")
    }
    let call = EmbedExchange(
      model: model, texts: texts, timeout: timeout, route: route, context: context, services: services)
    return HostCallPlan(facts: [["models": model]], reserve: call.reserve, step: .observe { await call.run() })
  }

  // MARK: Documentation

  public var methods: [HostMethod] {
    [
      HostMethod(
        "LLM.chat", .observe, dimensions: ["models"], schema: Self.chatSchema,
        summary: "Asks a model and returns what it says, with what it used."),
      HostMethod(
        "LLM.embed", .observe, dimensions: ["models"],
        schema: ArgumentSchema.object([
          .required("model", ArgumentSchema.string(maxBytes: 128), "its name, which chooses the route"),
          .required("input", Self.textOrTexts(Self.maxInputs), "what to embed"),
          .optional("timeout", ArgumentSchema.integer(Self.timeouts), "seconds, 60 if absent"),
        ]), summary: "Turns texts into vectors."),
    ]
  }

  private static func textOrTexts(_ maxCount: Int) -> JSON {
    ArgumentSchema.either(["type": "string"], ArgumentSchema.array(["type": "string"], maxCount: maxCount))
  }

  private static var chatSchema: JSON {
    let content = ArgumentSchema.either(
      ["type": "string"],
      ArgumentSchema.array(
        ArgumentSchema.either(
          ArgumentSchema.object([
            .required("type", ArgumentSchema.choice(["text"]), "the kind"),
            .required("text", ["type": "string"], "the text"),
          ]),
          ArgumentSchema.object([
            .required("type", ArgumentSchema.choice(["image"]), "the kind"),
            .required("mimeType", ArgumentSchema.choice(ChatRequest.mimeTypes.sorted()), "what it is"),
            .required("base64", ["type": "string"], "the image"),
          ])), maxCount: ChatRequest.maxParts))
    let toolCall = ArgumentSchema.object([
      .required("id", ArgumentSchema.string(maxBytes: 256), "the model's name for the call"),
      .required("name", ArgumentSchema.string(maxBytes: 128), "the tool"),
      .required("arguments", ArgumentSchema.any, "what the model gave it"),
    ])
    let message = ArgumentSchema.object([
      .required("role", ArgumentSchema.choice(ChatRequest.Role.allCases.map(\.rawValue)), "who speaks"),
      .optional("content", content, "what is said; an assistant that calls tools may say nothing"),
      .optional(
        "toolCalls", ArgumentSchema.array(toolCall, maxCount: ChatRequest.maxTools),
        "of an assistant: as it returned them"),
      .optional("id", ArgumentSchema.string(maxBytes: 256), "of a tool: the call that it answers"),
      .optional("isError", ArgumentSchema.boolean, "of a tool: whether it failed"),
    ])
    let tool = ArgumentSchema.object([
      .required("name", ArgumentSchema.string(maxBytes: 128), "how the model calls it"),
      .optional("description", ArgumentSchema.string(maxBytes: 65_536), "what it does"),
      .required("parameters", ArgumentSchema.anyObject, "JSON Schema of its arguments"),
    ])
    let breakpoint = ArgumentSchema.object([
      .required(
        "after", ArgumentSchema.either(ArgumentSchema.choice(["tools", "system"]), ["type": "integer", "minimum": 0]),
        "tools, system, or the index of a message"),
      .optional("ttl", ArgumentSchema.choice(CacheBreakpoint.Lifetime.allCases.map(\.rawValue)), "5m if absent"),
    ])
    return ArgumentSchema.object([
      .required("model", ArgumentSchema.string(maxBytes: 128), "its name, which chooses the route"),
      .required("messages", ArgumentSchema.array(message, maxCount: ChatRequest.maxMessages), "the conversation"),
      .optional("system", content, "what the model is told about its task; text only"),
      .optional(
        "maxTokens", ArgumentSchema.integer(ChatRequest.maxOutput),
        "of the answer, \(ChatRequest.standardOutput) if absent"),
      .optional("temperature", ArgumentSchema.number(0...2), "the vendor's if absent"),
      .optional("stop", textOrTexts(ChatRequest.maxStops), "texts at which the answer ends"),
      .optional("tools", ArgumentSchema.array(tool, maxCount: ChatRequest.maxTools), "what the model may call"),
      .optional(
        "toolChoice",
        ArgumentSchema.either(
          ArgumentSchema.choice(["auto", "none", "required"]),
          ArgumentSchema.object([.required("name", ArgumentSchema.string(maxBytes: 128), "the one to call")])),
        "auto if absent"),
      .optional(
        "metadata", ArgumentSchema.map(ArgumentSchema.string(maxBytes: 512), maxCount: 16),
        "for the journal; user goes to the vendor as the name of the end user"),
      .optional(
        "stream", ArgumentSchema.boolean, "whether those who watch the run see the answer grow; false if absent"),
      .optional(
        "cache", ArgumentSchema.array(breakpoint, maxCount: CacheBreakpoint.maxCount),
        "up to where the prompt is to be kept by the vendor; those of 1h before those of 5m"),
      .optional("timeout", ArgumentSchema.integer(timeouts), "seconds, 300 if absent"),
    ])
  }
}
