import CanonicalJSON

/// `Protocol.SMTP`: mail by the community's submission server.
public struct SMTPCall: HostCall {
  public init() {}

  public var methods: [HostMethod] {
    let address = ArgumentSchema.string(maxBytes: MailAddress.maxBytes)
    let addresses = ArgumentSchema.either(address, ArgumentSchema.array(address, maxCount: MailDraft.maxRecipients))
    let attachment = ArgumentSchema.object([
      .required("name", ArgumentSchema.string(maxBytes: MailDraft.maxFileNameBytes), "a file name without slashes"),
      .optional("type", ArgumentSchema.string(maxBytes: 128), "a media type; application/octet-stream if absent"),
      .optional("base64", ["type": "string", "contentEncoding": "base64"], "the bytes, or text"),
      .optional("text", ["type": "string"], "the content, or base64: as Files.read gives it"),
    ])
    return [
      HostMethod(
        "SMTP.send", .change, dimensions: ["recipients"],
        schema: ArgumentSchema.object([
          .required("to", addresses, "who gets it: local@domain, without a display name"),
          .optional("cc", addresses, "who else gets it"),
          .optional("bcc", addresses, "who gets it without the others seeing"),
          .required("subject", ArgumentSchema.string(maxBytes: MailDraft.maxSubjectBytes), "one line"),
          .required("body", ArgumentSchema.string(maxBytes: MailDraft.maxBodyBytes), "the text"),
          .optional("html", ArgumentSchema.string(maxBytes: MailDraft.maxBodyBytes), "the same as HTML"),
          .optional("from", address, "the sender, one that the community's settings allow"),
          .optional("attachments", ArgumentSchema.array(attachment, maxCount: MailDraft.maxAttachments), "files"),
        ]),
        summary: "Sends a mail to all recipients or to none.")
    ]
  }

  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    let draft = try HostArguments.read(arguments) { reader throws(FieldError) in try MailDraft(&reader, .opened) }
    guard let route = context.settings.mail else {
      throw HostCallError("no_route", "the settings of community \(context.community) name no mail server")
    }
    let from = draft.from ?? route.from
    guard route.permits(sender: from) else {
      throw HostCallError(
        "not_granted", "the settings of community \(context.community) do not allow the sender \(from.text)")
    }
    return HostCallPlan(
      facts: draft.recipients.map { ["recipients": $0.text] },
      step: .change(
        type: SMTPSendExecutor.actionType, params: draft.params(community: context.community, from: from)))
  }
}
