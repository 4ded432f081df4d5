import CanonicalJSON
import Governance
import HTTPClient
import Keychain

/// `telegram.send`: one call of a method of the Bot API that changes something.
///
/// `executed` when the API says `ok`: what it gives back is committed to, its message's number stands in the log. `failed`
/// when the API refused; everything else is `unknown`, as the API knows no idempotency key.
public struct TelegramSendExecutor: ActionExecutor {
  static let actionType = "telegram.send"

  private let services: HostServices

  public init(_ services: HostServices) { self.services = services }

  public var type: String { Self.actionType }
  public var privateParams: Set<String> { TelegramRequest.privateMembers }

  public func validate(params: JSON) throws(FieldError) { _ = try Self.read(params, .proposed) }

  public func execute(_ order: ExecutionOrder) async -> ExecutionOutcome {
    let request: TelegramRequest
    let community: String
    do {
      (community, request) = try Self.read(.object(order.params), .opened)
    } catch {
      return .failed("the opened params are not valid: \(error.field)")
    }
    guard let route = order.settings.telegram.first(where: { $0.app == request.app }) else {
      return .failed("the community's settings name no such bot")
    }
    let peer = TelegramPeer(
      route: route, client: services.client, egress: order.messageEgress,
      resolver: services.keychain.resolver(community: community))
    do {
      return try outcome(try await peer.send(request), secrets: peer.resolver.usedJSON)
    } catch let error as TelegramPeer.Failure {
      switch error {
      case .unusable(let reason): return .failed(reason)
      case .transport(let error): return .undone(error)
      }
    } catch {
      return .unknown("the answer cannot be kept")
    }
  }

  public func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { .interrupted }

  private func outcome(_ answer: VendorExchange.Answer, secrets: JSON?) throws -> ExecutionOutcome {
    var facts: JSONObject = [:]
    facts["secrets"] = secrets
    let isSpoken = answer.json?["ok"]?.bool != nil
    if answer.isSuccess, answer.json?["ok"] == true, let value = answer.json?["result"] {
      let opening = try Opening(value: value, salt: services.salt())
      var result = answer.facts
      for (name, value) in facts { result[name] = value }
      result["body"] = opening.commitment.json
      result["id"] = value["message_id"]?.integer.map { .integer($0) }
      return .executed(result: result, opening: opening)
    }
    if let code = answer.json?["error_code"]?.integer { facts["code"] = .integer(code) }
    return VendorExchange.unconfirmed(answer, isSpoken: isSpoken, facts)
  }

  private static func read(_ params: JSON, _ view: ParamsView) throws(FieldError) -> (String, TelegramRequest) {
    var reader = try ObjectReader(params, path: "action.params")
    let community = try reader.community()
    let request = try TelegramRequest(&reader, view)
    guard !request.looks else {
      throw FieldError(
        field: reader.pathOf("method"), expected: "a method that is no get", actual: JSON.string(request.method).summary
      )
    }
    let chat = reader.optionalJSON("chat")
    // Approvers read this member; what is sent must be for the same chat.
    if view == .opened, chat != request.chat {
      throw FieldError(field: reader.pathOf("chat"), expected: "params.chat_id", actual: chat?.summary ?? "nothing")
    }
    try reader.finish()
    return (community, request)
  }
}
