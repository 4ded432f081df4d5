import CanonicalJSON
import Cryptography
import Governance
import HTTPClient
import Keychain

/// `sms.send`: one short message by Twilio's Messages resource (API of 2010-04-01), or a service of its shape.
///
/// `executed` when the service queued the message and named it; `failed` when it refused. What else it answers, a broken
/// answer included, is `unknown`: the resource knows no idempotency key, so nobody sends again.
public struct SMSSendExecutor: ActionExecutor {
  static let actionType = "sms.send"

  private let services: HostServices

  public init(_ services: HostServices) { self.services = services }

  public var type: String { Self.actionType }
  public var privateParams: Set<String> { SMSDraft.privateMembers }

  public func validate(params: JSON) throws(FieldError) { _ = try Self.read(params, .proposed) }

  public func execute(_ order: ExecutionOrder) async -> ExecutionOutcome {
    let draft: SMSDraft
    let community: String
    do {
      (community, draft) = try Self.read(.object(order.params), .opened)
    } catch {
      return .failed("the opened params are not valid: \(error.field)")
    }
    guard let route = order.settings.sms else { return .failed("the community's settings name no service for SMS") }
    guard let from = draft.from, route.permits(sender: from) else {
      return .failed("the community's settings do not allow the sender")
    }
    let resolver = services.keychain.resolver(community: community)
    let password: String
    do {
      password = try MessageSecret.text(route.secret, from: resolver, for: RouteText.destination(route.url))
    } catch {
      return .failed(error.reason)
    }
    let isService = from.hasPrefix("MG") && from.utf8.count == 34
    let form = FormBody.encode([
      ("To", draft.to), (isService ? "MessagingServiceSid" : "From", from), ("Body", draft.body),
    ])
    let request = HTTPClientRequest(
      method: "POST", url: RouteText.joined(route.url, "/2010-04-01/Accounts/\(route.account)/Messages.json"),
      headers: [
        HTTPClientHeader("Authorization", "Basic " + Base64.encode(Array("\(route.user):\(password)".utf8))),
        HTTPClientHeader("Content-Type", "application/x-www-form-urlencoded"),
        HTTPClientHeader("Accept", "application/json"),
      ], body: form)
    do {
      let answer = try await VendorExchange(client: services.client, egress: order.messageEgress).send(request)
      return Self.outcome(answer, secrets: resolver.usedJSON)
    } catch {
      return .undone(error)
    }
  }

  public func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { .interrupted }

  private static func outcome(_ answer: VendorExchange.Answer, secrets: JSON?) -> ExecutionOutcome {
    var facts: JSONObject = [:]
    facts["secrets"] = secrets
    if answer.isSuccess, let sid = answer.json?["sid"]?.string, isSID(sid) {
      var result = answer.facts
      for (name, value) in facts { result[name] = value }
      result["id"] = .string(sid)
      if let state = answer.json?["status"]?.string, isWord(state) { result["state"] = .string(state) }
      return .executed(result: result, opening: nil)
    }
    // {"code":21211,"message":"...","more_info":"...","status":400}
    let code = answer.json?["code"]?.integer
    facts["code"] = code.map { .integer($0) }
    return VendorExchange.unconfirmed(answer, isSpoken: code != nil, facts)
  }

  private static func isSID(_ text: String) -> Bool {
    text.utf8.count == 34 && (text.hasPrefix("SM") || text.hasPrefix("MM"))
      && text.utf8.dropFirst(2).allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  private static func isWord(_ text: String) -> Bool {
    (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "_") }
  }

  private static func read(_ params: JSON, _ view: ParamsView) throws(FieldError) -> (String, SMSDraft) {
    var reader = try ObjectReader(params, path: "action.params")
    let community = try reader.community()
    let draft = try SMSDraft(&reader, view)
    guard draft.from != nil else {
      throw FieldError(field: reader.pathOf("from"), expected: "the sender", actual: "nothing")
    }
    try reader.finish()
    return (community, draft)
  }
}
