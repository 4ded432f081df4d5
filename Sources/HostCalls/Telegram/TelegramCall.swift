import CanonicalJSON
import HTTPClient
import Keychain

/// `Protocol.Telegram`: the bots of the community.
public struct TelegramCall: HostCall {
  private let services: HostServices

  public init(_ services: HostServices) { self.services = services }

  public var methods: [HostMethod] {
    let schema = ArgumentSchema.object([
      .required("app", ArgumentSchema.string(maxBytes: 64), "which bot of the community's settings"),
      .required("method", ArgumentSchema.string(maxBytes: 64), "a method of the Bot API, as the API spells it"),
      .optional("params", ArgumentSchema.anyObject, "the method's parameters"),
    ])
    return [
      HostMethod(
        "Telegram.get", .observe, dimensions: ["apps", "methods"], schema: schema,
        summary: "Calls one of the Bot API's get methods; gives its result."),
      HostMethod(
        "Telegram.send", .change, dimensions: ["apps", "methods"], schema: schema,
        summary: "Calls any other method of the Bot API."),
    ]
  }

  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    let request = try HostArguments.read(arguments) { reader throws(FieldError) in
      let request = try TelegramRequest(&reader, .opened)
      guard request.looks == (method == "Telegram.get") else {
        throw FieldError(
          field: reader.pathOf("method"),
          expected: request.looks ? "Telegram.get for a get method" : "Telegram.send for a method that is no get",
          actual: method)
      }
      return request
    }
    guard let route = context.settings.telegram.first(where: { $0.app == request.app }) else {
      throw HostCallError(
        "no_route", "the settings of community \(context.community) name no bot \(request.app)")
    }
    let facts = [["apps": request.app, "methods": request.method]]
    guard request.looks else {
      var params: JSONObject = [
        "community": .string(context.community), "app": .string(request.app), "method": .string(request.method),
        "params": .object(request.params),
      ]
      params["chat"] = request.chat
      return HostCallPlan(facts: facts, step: .change(type: TelegramSendExecutor.actionType, params: params))
    }
    let peer = TelegramPeer(
      route: route, client: services.client, egress: .publicInternet(andLiterally: context.settings.egress),
      resolver: services.keychain.resolver(community: context.community))
    return HostCallPlan(
      facts: facts,
      step: .observe {
        let result = await Self.look(request, peer)
        return HostCallOutcome(result, secrets: peer.resolver.used)
      })
  }

  private static func look(_ request: TelegramRequest, _ peer: TelegramPeer) async -> Result<JSON, HostCallError> {
    let answer: VendorExchange.Answer
    do {
      answer = try await peer.send(request)
    } catch {
      switch error {
      case .unusable(let reason): return .failure(HostCallError("no_secret", reason))
      case .transport(let error): return .failure(HostCallError(error))
      }
    }
    if answer.isSuccess, answer.json?["ok"] == true, let result = answer.json?["result"] { return .success(result) }
    var details = answer.facts
    if let text = answer.json?["description"]?.string { details["description"] = .string(String(text.prefix(256))) }
    if answer.status == 429 {
      return .failure(HostCallError("rate_limited", "Telegram wants fewer calls", details: details))
    }
    return .failure(
      HostCallError(
        "upstream", answer.json == nil ? "the answer is not the Bot API's" : "Telegram refused the call",
        details: details))
  }
}
