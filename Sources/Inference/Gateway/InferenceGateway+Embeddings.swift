import CanonicalJSON
import HTTPServer

extension InferenceGateway {
  /// Answers a request for vectors.
  func embed(
    _ json: JSON, _ route: InferenceRoute, _ envelope: RequestEnvelope, _ client: InferenceClient
  ) async throws -> HTTPResponse {
    let request = try EmbeddingsRequest(json, limits: limits)
    let endpoint = try endpoint(request.model, for: .embeddings, client)
    let body = request.body(servedName: servedName(endpoint))
    let session = try await session(
      endpoint, route, envelope, client, promptBytes: request.input.canonicalBytes().count, output: .none,
      conversation: nil)
    do {
      let (answer, counts) = try request.answer(
        try await connection.json(endpoint, "/v1/embeddings", body: body, id: envelope.id, deadline: envelope.deadline))
      session.note(counts)
      var response = HTTPResponse.json(answer.canonicalBytes())
      response.headers = headers(endpoint)
      response.headers["Content-Type"] = "application/json"
      if let usage = await session.finish(status: 200) {
        response.headers["X-Safebox-Queue-Wait-Ms"] = "\(usage.queueMilliseconds)"
        response.headers["X-Safebox-Compute-Ms"] = "\(usage.milliseconds)"
      }
      return response
    } catch {
      let fault = InferenceFault(error)
      await session.finish(status: fault.status)
      throw fault
    }
  }

  /// Answers a request for speech.
  func speak(
    _ json: JSON, _ route: InferenceRoute, _ envelope: RequestEnvelope, _ client: InferenceClient
  ) async throws -> HTTPResponse {
    let request = try SpeechRequest(json)
    let endpoint = try endpoint(request.model, for: .speech, client)
    var body = request.body
    body["model"] = servedName(endpoint)
    let session = try await session(
      endpoint, route, envelope, client, promptBytes: request.body["input"]?.string?.utf8.count ?? 0, output: .none,
      conversation: nil)
    do {
      let answer = try await connection.ask(
        endpoint, "/v1/audio/speech", body: .object(body), id: envelope.id, deadline: envelope.deadline)
      guard answer.status == 200 else { throw RunnerConnection.refusal(status: answer.status, answer.body) }
      let type = answer.contentType.split(separator: ";").first.map(String.init) ?? ""
      // Anything else would be shown by a browser as what it claims to be.
      guard type.hasPrefix("audio/"), type.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
        throw InferenceFault.runnerFailed("its answer is no sound")
      }
      var response = HTTPResponse(status: 200, headers: headers(endpoint), body: .bytes(answer.body))
      response.headers["Content-Type"] = type
      await session.finish(status: 200)
      return response
    } catch {
      let fault = InferenceFault(error)
      await session.finish(status: fault.status)
      throw fault
    }
  }
}
