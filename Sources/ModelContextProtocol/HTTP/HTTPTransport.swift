import CanonicalJSON
import Cryptography
import HTTPServer

/// The streamable HTTP transport at `/mcp`, of both revisions: stateless exchanges, and sessions.
public struct HTTPTransport: HTTPHandler {
  public static let path = "/mcp"

  /// The header that names a session of revision 2025-11-25.
  static let sessionHeader = "mcp-session-id"

  private let server: MCPServer
  private let sessions: SessionTable
  private let tokenDigest: SHA256Digest?

  /// - Parameter token: what agents must show as `Authorization: Bearer`; nil to demand nothing, which only a listener on
  ///   loopback may.
  public init(server: MCPServer, token: [UInt8]?) {
    self.server = server
    sessions = SessionTable()
    tokenDigest = token.map { SHA256.hash($0) }
  }

  public func respond(to request: HTTPRequest) async -> HTTPResponse {
    var response = await answer(request)
    response.headers["X-Content-Type-Options"] = "nosniff"
    if !response.headers.contains("Cache-Control") { response.headers["Cache-Control"] = "no-store" }
    return response
  }

  private func answer(_ request: HTTPRequest) async -> HTTPResponse {
    if let refusal = RequestChecks.origin(request) ?? RequestChecks.token(request, tokenDigest) { return refusal }
    guard request.path == Self.path else {
      return Problem(status: 404, code: "not_found", detail: "the endpoint is \(Self.path)").response
    }
    switch request.method {
    case "POST": return await post(request)
    case "DELETE": return delete(request)
    default:
      // Nothing is sent but in answer to a request, so there is no stream to open by GET.
      var problem = Problem(status: 405, code: "method_not_allowed", detail: "\(Self.path) answers POST and DELETE")
      problem.headers["Allow"] = "POST, DELETE"
      return problem.response
    }
  }

  private func delete(_ request: HTTPRequest) -> HTTPResponse {
    guard let id = request.headers[Self.sessionHeader], sessions.end(id) else {
      return Problem(status: 404, code: "no_session", detail: "there is no such session").response
    }
    return HTTPResponse(status: 204)
  }

  private func post(_ request: HTTPRequest) async -> HTTPResponse {
    if let refusal = RequestChecks.media(request) { return refusal }
    let message: RPCMessage
    let bytes: [UInt8]
    do throws(HTTPBodyError) {
      bytes = try await request.body.collect(limit: RPCMessage.maxBytes)
    } catch {
      return error.problem.response
    }
    do throws(RPCMessage.Refusal) { message = try RPCMessage(parsing: bytes) } catch {
      return Self.reply(error.id, .failure(error.error), status: 400)
    }
    let id: RequestID? = if case .request(let request) = message { request.id } else { nil }
    if let error = RequestChecks.duplicates(request) { return Self.reply(id, .failure(error), status: 400) }
    switch request.headers[RequestChecks.versionHeader] {
    case Revision.stateless.rawValue: return await stateless(request, message)
    case nil, Revision.handshake.rawValue: return await inSession(request, message)
    case .some(let version): return Self.reply(id, .failure(.unsupported(version)), status: 400)
    }
  }

  // MARK: Revision 2026-07-28

  private func stateless(_ http: HTTPRequest, _ message: RPCMessage) async -> HTTPResponse {
    switch message {
    // There is none to act on: an exchange is cancelled by closing it.
    case .notification: return HTTPResponse(status: 202)
    case .answer(let id, _):
      let error = RPCError(RPCError.invalidRequest, "this revision takes no answers by POST")
      return Self.reply(id, .failure(error), status: 400)
    case .request(let request):
      do throws(RPCError) {
        try RequestChecks.routing(http, request)
        _ = try RequestEnvelope(request)
      } catch {
        return Self.reply(request.id, .failure(error), status: Self.status(error))
      }
      return await exchange(request, in: Conversation(server: server), isStateless: true)
    }
  }

  private static func status(_ error: RPCError) -> Int {
    switch error.code {
    case RPCError.methodNotFound: 404
    case RPCError.parse, RPCError.invalidRequest, RPCError.invalidParams, RPCError.headerMismatch,
      RPCError.unsupportedVersion:
      400
    case RPCError.busy: 503
    default: 200
    }
  }

  // MARK: Revision 2025-11-25

  private func inSession(_ http: HTTPRequest, _ message: RPCMessage) async -> HTTPResponse {
    if case .request(let request) = message {
      if RequestEnvelope.isPresent(in: request) {
        let error = RPCError(
          RPCError.headerMismatch, "the header \(RequestChecks.versionHeader) does not say what the request says")
        return Self.reply(request.id, .failure(error), status: 400)
      }
      if request.method == "initialize" { return await begin(http, request) }
    }
    let id: RequestID? = if case .request(let request) = message { request.id } else { nil }
    guard let name = http.headers[Self.sessionHeader] else {
      let error = RPCError(RPCError.invalidRequest, "the header \(Self.sessionHeader) is missing: initialize first")
      return Self.reply(id, .failure(error), status: 400)
    }
    guard let conversation = sessions[name] else {
      return Self.reply(id, .failure(RPCError(RPCError.invalidRequest, "there is no such session")), status: 404)
    }
    switch message {
    case .notification(let method, let params):
      conversation.accept(method, params)
      return HTTPResponse(status: 202)
    case .answer(let id, let answer):
      conversation.accept(id, answer)
      return HTTPResponse(status: 202)
    case .request(let request): return await exchange(request, in: conversation, isStateless: false)
    }
  }

  private func begin(_ http: HTTPRequest, _ request: RPCRequest) async -> HTTPResponse {
    guard http.headers[Self.sessionHeader] == nil else {
      let error = RPCError(RPCError.invalidRequest, "initialize: this session has begun already")
      return Self.reply(request.id, .failure(error), status: 400)
    }
    let conversation = Conversation(server: server)
    guard let ongoing = conversation.register(request),
      let result = await conversation.answer(request, ongoing, { _ in })
    else { return HTTPResponse(status: 202) }
    guard case .success = result else { return Self.reply(request.id, result, status: 400) }
    guard let name = sessions.begin(conversation) else {
      let error = RPCError(RPCError.busy, "\(SessionTable.maxCount) sessions are in use; try again later")
      return Self.reply(request.id, .failure(error), status: 503)
    }
    var response = Self.reply(request.id, result, status: 200)
    response.headers[Self.sessionHeader] = name
    return response
  }

  // MARK: One request, one response

  private enum Outgoing: Sendable {
    case message(JSON)
    case answer(Result<JSONObject, RPCError>?)
    /// It takes long: begin a stream, so that nobody on the way takes the connection for dead.
    case patience
  }

  private func exchange(
    _ request: RPCRequest, in conversation: Conversation, isStateless: Bool
  ) async -> HTTPResponse {
    guard let ongoing = conversation.register(request) else {
      return Self.reply(request.id, .failure(Conversation.duplicate), status: 400)
    }
    let (outgoing, continuation) = AsyncStream.makeStream(of: Outgoing.self)
    let work = Task {
      let result = await conversation.answer(request, ongoing) { continuation.yield(.message($0)) }
      continuation.yield(.answer(result))
      continuation.finish()
    }
    let timer = Task {
      try await Task.sleep(for: .seconds(10))
      continuation.yield(.patience)
    }
    defer { timer.cancel() }
    let first = await withTaskCancellationHandler {
      await outgoing.first { _ in true }
    } onCancel: {
      // The client is gone.
      work.cancel()
    }
    guard let first else { return HTTPResponse(status: 202) }
    if case .answer(let result) = first {
      let result = result ?? .failure(RPCError(RPCError.cancelled, "the request was cancelled"))
      if isStateless, case .failure(let error) = result {
        return Self.reply(request.id, result, status: Self.status(error))
      }
      return Self.reply(request.id, result, status: 200)
    }
    return EventStream.response { writer in
      try await withTaskCancellationHandler {
        defer { work.cancel() }
        if case .message(let message) = first {
          try await writer.send(event: "message", data: message.canonicalString())
        }
        for await item in outgoing {
          switch item {
          case .message(let message): try await writer.send(event: "message", data: message.canonicalString())
          case .patience: continue
          case .answer(let result):
            let result = result ?? .failure(RPCError(RPCError.cancelled, "the request was cancelled"))
            let message = RPCMessage.reply(request.id, result)
            try await writer.send(event: "message", data: message.canonicalString())
            return
          }
        }
      } onCancel: {
        work.cancel()
      }
    }
  }

  private static func reply(
    _ id: RequestID?, _ result: Result<JSONObject, RPCError>, status: Int
  ) -> HTTPResponse {
    .json(RPCMessage.reply(id, result).canonicalBytes(), status: status)
  }
}
