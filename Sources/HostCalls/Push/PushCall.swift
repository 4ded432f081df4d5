import CanonicalJSON

/// `Protocol.Push`: notifications to devices and browsers.
public struct PushCall: HostCall {
  public init() {}

  public var methods: [HostMethod] {
    let subscription = ArgumentSchema.object([
      .required("endpoint", ArgumentSchema.string(maxBytes: PushDraft.maxTokenBytes), "an https URL"),
      .optional("expirationTime", ArgumentSchema.any, "not looked at"),
      .required(
        "keys",
        ArgumentSchema.object([
          .required("p256dh", ArgumentSchema.string(maxBytes: 128), "base64url"),
          .required("auth", ArgumentSchema.string(maxBytes: 32), "base64url"),
        ]), "the browser's"),
    ])
    let token = ArgumentSchema.string(maxBytes: PushDraft.maxTokenBytes)
    return [
      HostMethod(
        "Push.send", .change, dimensions: ["services", "recipients"],
        schema: ArgumentSchema.object([
          .required("service", ArgumentSchema.choice(["fcm", "webpush"]), "by which service"),
          .required(
            "to", ArgumentSchema.either(token, subscription), "a registration token (fcm) or a subscription (webpush)"),
          .required("title", ArgumentSchema.string(maxBytes: PushDraft.maxTitleBytes), "one line"),
          .required("body", ArgumentSchema.string(maxBytes: PushDraft.maxBodyBytes), "the text"),
          .optional(
            "data", ArgumentSchema.map(ArgumentSchema.string(maxBytes: PushDraft.maxDataBytes), maxCount: 64),
            "texts for the application"),
          .optional("badge", ArgumentSchema.integer(0...999_999), "the number on the icon"),
          .optional("sound", ArgumentSchema.string(maxBytes: 64), "the sound's name"),
        ]),
        summary: "Sends a notification to one device or browser.")
    ]
  }

  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    let draft = try HostArguments.read(arguments) { reader throws(FieldError) in
      try PushDraft(arguments: &reader)
    }
    guard context.settings.push?.has(draft.service) == true else {
      throw HostCallError(
        "no_route", "the settings of community \(context.community) name no push by \(draft.service.rawValue)")
    }
    return HostCallPlan(
      facts: [["services": draft.service.rawValue, "recipients": draft.to]],
      step: .change(type: PushSendExecutor.actionType, params: draft.params(community: context.community)))
  }
}
