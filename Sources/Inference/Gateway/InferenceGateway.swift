import CanonicalJSON
import Cryptography
import Glibc
import HTTPServer

/// The way to the models: speaks as OpenAI and Anthropic do to clients, and as runners do to runners.
///
/// A name resolves to an approved digest or to nothing; what is not resolved never reaches a runner. No credential and no
/// header of a client passes on.
public final class InferenceGateway: HTTPHandler {
  /// What the gateway stands on.
  public struct Services: Sendable {
    /// The models that may be used now.
    public var models: any ServedModels
    /// Whose token this is. Called at every request; must not block.
    public var authorize: @Sendable (_ token: String) -> InferenceAuthorization
    /// Told of every request that reached a runner, once, when it is over. Must not block.
    public var meter: @Sendable (InferenceUsage) -> Void
    /// Told what an operator should hear of. Must not block.
    public var alarm: @Sendable (CacheAlarm) -> Void
    /// The time in unix seconds.
    public var now: @Sendable () -> Int64

    /// The services of a box.
    public init(
      models: any ServedModels, authorize: @escaping @Sendable (String) -> InferenceAuthorization,
      meter: @escaping @Sendable (InferenceUsage) -> Void = { _ in },
      alarm: @escaping @Sendable (CacheAlarm) -> Void = { _ in },
      now: @escaping @Sendable () -> Int64 = { Int64(time(nil)) }
    ) {
      self.models = models
      self.authorize = authorize
      self.meter = meter
      self.alarm = alarm
      self.now = now
    }
  }

  /// One route, as a box mounts and describes it.
  public struct Route: Sendable, Hashable {
    /// The method.
    public let method: String
    /// The pattern, as in `/v1/models/{id}`.
    public let path: String
    /// A stable name of the operation.
    public let operation: String
    /// What it does, in a few words.
    public let summary: String
    /// The most bytes that a body may have.
    public let bodyLimit: Int
  }

  let services: Services
  let limits: InferenceLimits
  let connection: RunnerConnection
  let ledger = ClientLedger()
  let admission: RunnerAdmission
  let cache: PromptCache

  /// A gateway; it opens nothing before the first request.
  public init(
    _ services: Services, limits: InferenceLimits = InferenceLimits(),
    cacheLimits: PromptCacheLimits = PromptCacheLimits()
  ) {
    self.services = services
    self.limits = limits
    connection = RunnerConnection(limits: limits)
    admission = RunnerAdmission(queueLength: limits.queueLength, queueWait: limits.queueWait)
    cache = PromptCache(limits: cacheLimits, connection: connection, alarm: services.alarm)
  }

  /// Every route that `respond` answers.
  public var routes: [Route] {
    InferenceRoute.allCases.map {
      Route(
        method: $0.method, path: $0.path, operation: $0.rawValue, summary: $0.summary,
        bodyLimit: $0.method == "POST" ? limits.bodyBytes : 0)
    }
  }

  /// Whether a path belongs to the gateway, whatever the method.
  public func serves(path: String) -> Bool { !InferenceRoute.at(path).isEmpty }

  /// Answers a request on one of the routes, tokens and errors included.
  public func respond(to request: HTTPRequest) async -> HTTPResponse {
    let envelope = RequestEnvelope(request, limits: limits)
    let routes = InferenceRoute.at(request.path)
    let method = request.method == "HEAD" ? "GET" : request.method
    let route = routes.first { $0.method == method }
    let vendor = (route ?? routes.first)?.vendor(isAnthropic: envelope.isAnthropic) ?? .openAI
    var response: HTTPResponse
    do {
      guard !routes.isEmpty else { throw InferenceFault.noRoute(String(request.path.prefix(128))) }
      guard let route else {
        throw InferenceFault.methodNotAllowed(allow: routes.map(\.method).joined(separator: ", "))
      }
      let client = try authorized(envelope)
      response = try await answer(route, request, envelope, client)
    } catch {
      response = vendor.response(InferenceFault(error), request: envelope.id)
    }
    response.headers["X-Safebox-Request-Id"] = envelope.id
    response.headers[vendor == .anthropic ? "request-id" : "x-request-id"] = envelope.id
    return response
  }

  private func authorized(_ envelope: RequestEnvelope) throws(InferenceFault) -> InferenceClient {
    guard let token = envelope.token, (1...512).contains(token.utf8.count) else { throw .unauthorized }
    switch services.authorize(token) {
    case .client(let client): return client
    case .unknown: throw .unauthorized
    case .forbidden(let why): throw .forbidden(why)
    }
  }

  private func answer(
    _ route: InferenceRoute, _ request: HTTPRequest, _ envelope: RequestEnvelope, _ client: InferenceClient
  ) async throws -> HTTPResponse {
    switch route {
    case .listModels: return modelList(client, envelope)
    case .getModel: return try model(named: InferenceRoute.modelName(in: request.path), client, envelope)
    case .chatCompletions:
      return try await generate(
        try ChatCompletionsRequest.generation(try await json(request), limits: limits), route, envelope, client)
    case .completions:
      return try await generate(
        try CompletionsRequest.generation(try await json(request), limits: limits), route, envelope, client)
    case .responses:
      return try await generate(
        try ResponsesRequest.generation(try await json(request), limits: limits), route, envelope, client)
    case .messages:
      return try await generate(
        try MessagesRequest.generation(try await json(request), limits: limits), route, envelope, client)
    case .countTokens: return try await countTokens(try await json(request), route, envelope, client)
    case .embeddings: return try await embed(try await json(request), route, envelope, client)
    case .speech: return try await speak(try await json(request), route, envelope, client)
    }
  }

  private func json(_ request: HTTPRequest) async throws -> JSON {
    let bytes = try await request.body.collect(limit: limits.bodyBytes)
    return try JSON(parsing: bytes, limits: RunnerConnection.jsonLimits(maxBytes: limits.bodyBytes))
  }

  /// The runner of an approved model that the client may use and that serves this.
  func endpoint(
    _ name: String, for kind: ModelProtocol, _ client: InferenceClient
  ) throws(InferenceFault) -> RunnerEndpoint {
    guard client.models.allows(name), let endpoint = services.models.runner(for: name), endpoint.model.name == name
    else { throw .modelNotFound(name) }
    guard endpoint.model.protocols.contains(kind) else { throw .notServed(model: name, protocol: kind) }
    return endpoint
  }

  /// The name by which the runner knows the model.
  func servedName(_ endpoint: RunnerEndpoint) -> JSON { .string(endpoint.servedName ?? endpoint.model.name) }

  /// The fields that say what answered.
  func headers(_ endpoint: RunnerEndpoint) -> HTTPHeaders {
    [
      "X-Safebox-Model-Id": endpoint.model.digest.hex, "X-Safebox-Runner-Id": endpoint.name,
      "X-Safebox-Capacity-Hint": admission.capacity(endpoint).rawValue,
    ]
  }

  // MARK: Restarts and erasure

  /// Prepares a runner for a restart: lets no request in any more, waits for those inside, and saves the slots of its
  /// conversations. To be followed by `resume`, whatever becomes of the restart; until then requests wait in line.
  ///
  /// - Returns: how many slots were saved.
  public func suspend(_ endpoint: RunnerEndpoint) async -> Int {
    await admission.hold(endpoint)
    return await cache.save(endpoint)
  }

  /// Lets requests in again after `suspend`.
  public func resume(_ endpoint: RunnerEndpoint) { admission.release(endpoint) }

  /// Forgets every conversation of a client: saved prefixes are removed from the disk, its slots are given away.
  public func forget(client name: String) async {
    await cache.forget { Self.client(ofOwner: $0) == name }
  }

  /// Forgets one conversation by the tag that its requests carry. To be called when the conversation is erased.
  public func forget(client name: String, tenant: String? = nil, model: SHA256Digest, cacheTag: String) async {
    let conversation = Conversation(
      owner: Self.owner(name, tenant: tenant), model: model, tag: cacheTag, messages: [])
    await cache.forget(conversation.key)
  }

  /// The saved prefixes: how many, and their bytes together.
  public var savedPrefixes: (files: Int, bytes: Int64) { get async { await cache.kept } }

  /// Who a prefix belongs to, unambiguous whatever the names are.
  static func owner(_ client: String, tenant: String?) -> String {
    JSON.array([.string(client), tenant.map(JSON.string) ?? .null]).canonicalString()
  }

  private static func client(ofOwner owner: String) -> String? {
    (try? JSON(parsing: owner, limits: .document(maxBytes: 1 << 16)))?.array?.first?.string
  }
}
