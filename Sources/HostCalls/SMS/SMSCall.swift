import CanonicalJSON

/// `Protocol.SMS`: short messages by the community's account.
public struct SMSCall: HostCall {
  public init() {}

  public var methods: [HostMethod] {
    [
      HostMethod(
        "SMS.send", .change, dimensions: ["recipients"],
        schema: ArgumentSchema.object([
          .required("to", ArgumentSchema.string(maxBytes: 32), "a number as in +15551234567"),
          .required("body", ArgumentSchema.string(maxBytes: SMSDraft.maxBodyUnits * 3), "at most 1600 characters"),
          .optional(
            "from", ArgumentSchema.string(maxBytes: 34), "the sender, one that the community's settings allow"),
        ]),
        summary: "Sends a short message to one number.")
    ]
  }

  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    let draft = try HostArguments.read(arguments) { reader throws(FieldError) in try SMSDraft(&reader, .opened) }
    guard let route = context.settings.sms else {
      throw HostCallError("no_route", "the settings of community \(context.community) name no service for SMS")
    }
    let from = draft.from ?? route.from
    guard route.permits(sender: from) else {
      throw HostCallError(
        "not_granted", "the settings of community \(context.community) do not allow the sender \(from)")
    }
    return HostCallPlan(
      facts: [["recipients": draft.to]],
      step: .change(type: SMSSendExecutor.actionType, params: draft.params(community: context.community, from: from)))
  }
}
