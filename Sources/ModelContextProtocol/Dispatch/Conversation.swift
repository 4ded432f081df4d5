import CanonicalJSON
import Synchronization

/// What one client and this server have said to each other: a process's standard input and output, a session over HTTP, or
/// one stateless exchange over HTTP.
final class Conversation: Sendable {
  let server: MCPServer
  private struct State {
    var traits: ClientTraits?
    var requests: [RequestID: OngoingRequest] = [:]
    var questions: [RequestID: CheckedContinuation<Result<JSON, RPCError>?, Never>] = [:]
    var asked: Int64 = 0
  }
  private let state = Mutex(State())

  init(server: MCPServer) { self.server = server }

  /// Whether a request is being answered.
  var isBusy: Bool { state.withLock { !$0.requests.isEmpty } }

  static let duplicate = RPCError(RPCError.invalidRequest, "id: a request with this id is in flight")

  /// Makes a request known, so that it can be taken back from now on; nil where its id is taken. Whoever registers it has
  /// it answered.
  func register(_ request: RPCRequest) -> OngoingRequest? {
    let ongoing = OngoingRequest(request)
    return state.withLock { state in
      guard state.requests[request.id] == nil else { return nil }
      state.requests[request.id] = ongoing
      return ongoing
    }
  }

  /// Answers a registered request; nil when the client took it back, and nothing may be answered. What belongs to it on the
  /// way goes to `send`.
  func answer(
    _ request: RPCRequest, _ ongoing: OngoingRequest, _ send: @escaping @Sendable (JSON) -> Void
  ) async -> Result<JSONObject, RPCError>? {
    defer { state.withLock { $0.requests[request.id] = nil } }
    let outcome = Mutex<Result<JSONObject, RPCError>?>(nil)
    let work = Task {
      let result = await self.result(of: request, send, ongoing)
      outcome.withLock { $0 = result }
    }
    ongoing.attach(work)
    await withTaskCancellationHandler {
      await work.value
    } onCancel: {
      ongoing.takeBack()
    }
    return ongoing.isTakenBack ? nil : outcome.withLock { $0 }
  }

  private func result(
    of request: RPCRequest, _ send: @escaping @Sendable (JSON) -> Void, _ ongoing: OngoingRequest
  ) async -> Result<JSONObject, RPCError> {
    do throws(RPCError) {
      let traits: ClientTraits
      if RequestEnvelope.isPresent(in: request) {
        traits = try RequestEnvelope(request).traits
      } else if request.method == "initialize" {
        return .success(try begin(request))
      } else if let known = state.withLock({ $0.traits }) {
        traits = known
      } else if request.method == "ping" {
        return .success([:])
      } else {
        throw RPCError(
          RPCError.invalidRequest,
          "before any other request: initialize, or params._meta[\"\(RequestEnvelope.versionKey)\"] in each")
      }
      let channel = Channel(conversation: self, send: send, asks: traits.revision == .handshake)
      return .success(try await server.answer(request, traits, channel, ongoing))
    } catch {
      return .failure(error)
    }
  }

  private func begin(_ request: RPCRequest) throws(RPCError) -> JSONObject {
    let (traits, result) = try server.handshake(request)
    let isFirst = state.withLock { state in
      guard state.traits == nil else { return false }
      state.traits = traits
      return true
    }
    guard isFirst else { throw RPCError(RPCError.invalidRequest, "initialize: this conversation has begun already") }
    return result
  }

  /// Takes a notification. Those that are not known are passed over, as the protocol says.
  func accept(_ method: String, _ params: JSONObject) {
    guard method == "notifications/cancelled", let id = params["requestId"].flatMap(RequestID.init) else { return }
    let request = state.withLock { $0.requests[id] }
    request?.takeBack(cancellingRun: params["_meta"]?[OngoingRequest.cancelRunKey] == true)
  }

  /// Takes an answer to a question of ours; any other is passed over.
  func accept(_ id: RequestID, _ answer: Result<JSON, RPCError>) {
    state.withLock { $0.questions.removeValue(forKey: id) }?.resume(returning: answer)
  }

  /// The client is gone: nothing is waited for any more. What the box does, it goes on doing.
  func end() {
    let (requests, questions) = state.withLock { state in
      defer { state.questions = [:] }
      return (state.requests.values, state.questions.values)
    }
    // What does not wait for a run is answered in a moment.
    for request in requests where request.isToolCall { request.takeBack() }
    for question in questions { question.resume(returning: nil) }
  }

  fileprivate func ask(
    _ method: String, _ params: JSONObject, _ send: @Sendable (JSON) -> Void
  ) async -> Result<JSON, RPCError>? {
    let id = state.withLock { state in
      state.asked += 1
      return RequestID.text("safebox-\(state.asked)")
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isAsked = state.withLock { state in
          guard !Task.isCancelled else { return false }
          state.questions[id] = continuation
          return true
        }
        guard isAsked else { return continuation.resume(returning: nil) }
        send(RPCMessage.request(id, method, params))
      }
    } onCancel: {
      state.withLock { $0.questions.removeValue(forKey: id) }?.resume(returning: nil)
    }
  }
}

/// What one request's answer has of the conversation.
private struct Channel: ReplyChannel {
  let conversation: Conversation
  let send: @Sendable (JSON) -> Void
  let asks: Bool

  func notify(_ method: String, _ params: JSONObject) { send(RPCMessage.notification(method, params)) }

  func ask(_ method: String, _ params: JSONObject) async -> Result<JSON, RPCError>? {
    asks ? await conversation.ask(method, params, send) : nil
  }
}
