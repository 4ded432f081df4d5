import CanonicalJSON
import Governance
import HTTPClient
import Keychain

/// `smtp.send`: one mail to its recipients, all or none, by the submission server of the community's settings.
///
/// `executed` when the server took the message. `failed` when it refused anything on the way, or when the message cannot
/// have reached it whole. `unknown` when the connection was lost after the end of the message: the mail may be under
/// way, and nobody sends it a second time.
public struct SMTPSendExecutor: ActionExecutor {
  static let actionType = "smtp.send"
  private static let deadline = Duration.seconds(120)

  private let services: HostServices

  public init(_ services: HostServices) { self.services = services }

  public var type: String { Self.actionType }
  public var privateParams: Set<String> { MailDraft.privateMembers }

  public func validate(params: JSON) throws(FieldError) { _ = try Self.read(params, .proposed) }

  public func execute(_ order: ExecutionOrder) async -> ExecutionOutcome {
    let draft: MailDraft
    let community: String
    do {
      (community, draft) = try Self.read(.object(order.params), .opened)
    } catch {
      return .failed("the opened params are not valid: \(error.field)")
    }
    guard let route = order.settings.mail else { return .failed("the community's settings name no mail server") }
    // The settings of now decide, not those of the day of the proposal.
    guard let from = draft.from, route.permits(sender: from) else {
      return .failed("the community's settings do not allow the sender")
    }
    let resolver = services.keychain.resolver(community: community)
    var login: MailSubmission.Login?
    if let account = route.login {
      do {
        let password = try MessageSecret.text(
          account.secret, from: resolver, for: "\(route.server.bracketedHost):\(route.server.port)")
        login = MailSubmission.Login(user: account.user, password: password)
      } catch {
        return .failed(error.reason)
      }
    }
    let id = "\(order.proposal.hex)@\(from.domain)"
    let message = MIMEMessage(
      from: from.text, fromName: from == route.from ? route.name : nil, to: draft.to.map(\.text),
      cc: draft.cc.map(\.text), subject: draft.subject, date: services.clock(), id: id, text: draft.body,
      html: draft.html, attachments: draft.attachments)
    var result: JSONObject = [
      "messageId": .string("<\(id)>"), "recipients": .integer(Int64(draft.recipients.count)),
    ]
    do {
      let reply = try await services.client.submit(
        MailSubmission(
          server: route.server, login: login, clientName: from.domain, sender: from.text,
          recipients: draft.recipients.map(\.text), message: message.bytes, deadline: Self.deadline),
        policy: order.mailEgress)
      result["status"] = .integer(Int64(reply.code))
      result["secrets"] = resolver.usedJSON
      return .executed(result: result, opening: nil)
    } catch {
      if case .refused(_, let reply) = error.kind { result["status"] = .integer(Int64(reply.code)) }
      result["reason"] = .string("\(error)")
      result["secrets"] = resolver.usedJSON
      return error.mayHaveBeenSent ? .unknown(result: result) : .failed(result: result, opening: nil)
    }
  }

  /// A submission server does not say whether it took a message before.
  public func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { .interrupted }

  private static func read(_ params: JSON, _ view: ParamsView) throws(FieldError) -> (String, MailDraft) {
    var reader = try ObjectReader(params, path: "action.params")
    let community = try reader.community()
    let draft = try MailDraft(&reader, view)
    guard draft.from != nil else {
      throw FieldError(field: reader.pathOf("from"), expected: "the sender's address", actual: "nothing")
    }
    try reader.finish()
    return (community, draft)
  }
}

extension SecretResolver {
  /// For an outcome's facts; nil where no secret was used.
  var usedJSON: JSON? { used.isEmpty ? nil : .array(used.map { .string($0) }) }
}
