import CanonicalJSON
import Cryptography
import HTTPServer
import Inference

/// The box's gateway to its models: for clients with a token on the API's listener, and for tools on a socket of its own.
final class BoxInference: Sendable {
  let gateway: InferenceGateway
  private let models: BoxModels
  private let ledger: InferenceLedger
  /// What the box itself shows at the gateway for a tool: nobody else can know it.
  private let ownToken: String

  /// - Parameter clients: asked at every request, so that a removed client is locked out at once.
  init(
    models: BoxModels, ledger: InferenceLedger, clients: @escaping @Sendable () -> APIClients, metrics: Metrics,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.models = models
    self.ledger = ledger
    let ownToken = Hex.encode(SecureRandom.bytes(32))
    self.ownToken = ownToken
    gateway = InferenceGateway(
      InferenceGateway.Services(
        models: models,
        authorize: { token in
          guard !ConstantTime.equal(Array(token.utf8), Array(ownToken.utf8)) else {
            // A tool's rates and budgets are held before its call comes here.
            return .client(InferenceClient(name: Self.toolsName, maxConcurrent: 1024))
          }
          return Self.authorization(clients().client(presenting: token), ledger)
        },
        meter: { usage in
          ledger.book(usage.promptTokens + usage.completionTokens, for: usage.client)
          metrics.count(
            "safebox_inference_requests_total", ("model", usage.model), ("cache", usage.cache.name))
          metrics.add("safebox_inference_prompt_tokens_total", usage.promptTokens, ("model", usage.model))
          metrics.add("safebox_inference_cached_tokens_total", usage.cachedTokens, ("model", usage.model))
          metrics.add("safebox_inference_completion_tokens_total", usage.completionTokens, ("model", usage.model))
        },
        alarm: { alarm in
          metrics.count("safebox_inference_alarms_total")
          report("prompt cache: \(alarm)")
        }))
  }

  /// No client's name: those have no capital letters.
  private static let toolsName = "TOOLS"

  private static func authorization(_ client: APIClient?, _ ledger: InferenceLedger) -> InferenceAuthorization {
    guard let client else { return .unknown }
    guard client.scopes.contains(.infer) else {
      return .forbidden("client \(client.name) lacks the scope \(Scope.infer.rawValue)")
    }
    let grant = client.inference
    return .client(
      InferenceClient(
        name: client.name, models: grant.models.map { .only($0) } ?? .all,
        budget: grant.tokensPerDay.map { .tokens(left: max(0, $0 - ledger.used(by: client.name))) } ?? .unlimited))
  }

  /// Whether a request is the gateway's, by its path.
  func serves(_ request: HTTPRequest) -> Bool { gateway.serves(path: request.path) }

  /// Answers a client.
  func respond(to request: HTTPRequest) async -> HTTPResponse {
    do {
      try await models.refresh()
    } catch {
      return Problem(status: 503, code: "stopping", detail: "the box does not say which models may be used").response
    }
    var request = request
    request.body.limit = Self.bodyLimit
    return await gateway.respond(to: request)
  }

  /// Answers a tool, whose community stands in `X-Safebox-Tenant`.
  func respond(toTool request: HTTPRequest) async -> HTTPResponse {
    var request = request
    request.headers["x-api-key"] = nil
    request.headers["authorization"] = "Bearer \(ownToken)"
    return await respond(to: request)
  }

  /// As the gateway's own.
  static let bodyLimit = InferenceLimits().bodyBytes

  /// Lets nobody in to a runner that is about to go, waits for those inside, and saves what it has in memory.
  func suspend(_ runner: String) async {
    try? await models.refresh()
    guard let endpoint = models.runner(for: runner) else { return }
    _ = await gateway.suspend(endpoint)
  }

  /// The runner is back, perhaps with another model.
  func resume(_ runner: String) async {
    guard let endpoint = models.runner(for: runner) else { return }
    gateway.resume(endpoint)
  }

  func stop() { ledger.flush() }

  /// What `/openapi.json` says of the gateway. It answers for itself, in the shapes of the vendors.
  var descriptions: [Endpoint] {
    gateway.routes.map { route in
      Endpoint(
        method: route.method, path: route.path, operation: route.operation, summary: route.summary,
        access: .scope(.infer), request: route.method == "POST" ? APISchemas.anyObject : nil,
        answers: [.init(status: 200, description: "As the vendor documents it", schema: APISchemas.anyObject)],
        bodyLimit: route.bodyLimit, handler: { _ in throw Problem(status: 500, code: "internal") })
    }
  }
}

/// The API, and the gateway beside it.
struct BoxHandler: HTTPHandler {
  let api: APIHandler
  /// Asked at every request: it is there when the data is.
  let inference: @Sendable () -> BoxInference?

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    if let inference = inference(), inference.serves(request) { return await inference.respond(to: request) }
    return await api.respond(to: request)
  }
}
