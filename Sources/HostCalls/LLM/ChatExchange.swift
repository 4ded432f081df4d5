import CanonicalJSON
import HTTPClient

/// One chat with one peer.
struct ChatExchange: Sendable {
  let request: ChatRequest
  let route: ModelRoute
  let context: HostCallContext
  let services: HostServices

  var reserve: Usage {
    PromptEstimate.reserve(
      prompt: PromptEstimate.tokens(request), output: request.maxTokens, prices: route.prices)
  }

  func run() async -> HostCallOutcome {
    let connection = route.connection(services, context)
    do throws(VendorFailure) {
      let answer = try await request.isStreamed ? stream(connection) : whole(connection)
      let usage = answer.usage?.charged(at: route.prices)
      let json = connection.redactor.redact(answer.json(usage ?? reserve, isEstimated: usage == nil))
      let result: Result<JSON, HostCallError>
      do {
        result = .success(try HostValue.bounded(json))
      } catch {
        result = .failure(error)
      }
      return HostCallOutcome(result, usage: usage ?? reserve, secrets: connection.used)
    } catch {
      // Whoever may have done the work may charge for it, and nobody has said how much.
      return HostCallOutcome(
        .failure(error.error.redacted(by: connection.redactor)), usage: error.wasSent ? reserve : Usage(),
        secrets: connection.used)
    }
  }

  private func message(
    _ connection: VendorConnection, accepting type: String
  ) throws(VendorFailure) -> HTTPClientRequest {
    do {
      return try connection.post(
        route.chat.body(request, model: route.model ?? request.model), to: route.chat.path,
        headers: route.headers(context, timeout: request.timeout), accepting: type, timeout: request.timeout)
    } catch {
      throw VendorFailure(error: error, wasSent: false)
    }
  }

  private func whole(_ connection: VendorConnection) async throws(VendorFailure) -> ChatAnswer {
    let response = try await connection.send(message(connection, accepting: "application/json"))
    do {
      let json = try VendorAnswer.json(response, now: context.now)
      return try route.chat.answer(json, model: request.model)
    } catch {
      // A refusal costs nothing; an answer that cannot be read was paid for.
      throw VendorFailure(error: error, wasSent: (200...299).contains(response.status))
    }
  }

  private func stream(_ connection: VendorConnection) async throws(VendorFailure) -> ChatAnswer {
    let receiver = ChatReceiver(
      stream: route.chat.stream(model: request.model), now: context.now, progress: context.progress)
    let message = try message(connection, accepting: "text/event-stream")
    // Now that the key is in the message it is known what must not come back.
    receiver.redact(with: connection.redactor)
    do {
      try await connection.stream(message, into: receiver.sink)
    } catch {
      // What the receiver objected to says more than that it objected.
      throw receiver.failure ?? error
    }
    return try receiver.finish()
  }
}
