import CanonicalJSON
import Governance
import HTTPClient
import Keychain

/// `push.send`: one notification to one device or browser.
///
/// `executed` when the service took the message; `failed` when it refused, or when no message was sent because no access
/// token was to be had; `unknown` when its answer says nothing.
public struct PushSendExecutor: ActionExecutor {
  static let actionType = "push.send"

  private let services: HostServices

  public init(_ services: HostServices) { self.services = services }

  public var type: String { Self.actionType }
  public var privateParams: Set<String> { PushDraft.privateMembers }

  public func validate(params: JSON) throws(FieldError) { _ = try Self.read(params, .proposed) }

  public func execute(_ order: ExecutionOrder) async -> ExecutionOutcome {
    let draft: PushDraft
    let community: String
    do {
      (community, draft) = try Self.read(.object(order.params), .opened)
    } catch {
      return .failed("the opened params are not valid: \(error.field)")
    }
    let exchange = VendorExchange(client: services.client, egress: order.messageEgress)
    let resolver = services.keychain.resolver(community: community)
    switch draft.service {
    case .fcm:
      guard let route = order.settings.push?.fcm else { return .failed("the community's settings name no push by fcm") }
      return await FCMSender(route: route, exchange: exchange, resolver: resolver, now: services.clock()).send(draft)
    case .webpush:
      guard let route = order.settings.push?.webPush else {
        return .failed("the community's settings name no push by webpush")
      }
      return await WebPushSender(route: route, exchange: exchange, resolver: resolver, now: services.clock()).send(
        draft)
    }
  }

  public func reconcile(_ order: ExecutionOrder) async -> ExecutionOutcome { .interrupted }

  private static func read(_ params: JSON, _ view: ParamsView) throws(FieldError) -> (String, PushDraft) {
    var reader = try ObjectReader(params, path: "action.params")
    let community = try reader.community()
    let draft = try PushDraft(params: &reader, view)
    try reader.finish()
    return (community, draft)
  }
}

extension PushRoute {
  func has(_ service: PushDraft.Service) -> Bool {
    switch service {
    case .fcm: fcm != nil
    case .webpush: webPush != nil
    }
  }
}
