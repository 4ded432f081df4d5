import CanonicalJSON
import HTTPServer

extension InferenceGateway {
  /// Counts the tokens of a prompt by the model's own template and tokenizer. Only llama.cpp offers both; other runners are
  /// refused rather than guessed for.
  func countTokens(
    _ json: JSON, _ route: InferenceRoute, _ envelope: RequestEnvelope, _ client: InferenceClient
  ) async throws -> HTTPResponse {
    var fields = try RequestFields(json)
    let (model, prompt) = try MessagesRequest.prompt(&fields, limits: limits)
    try fields.finish()
    let endpoint = try endpoint(model, for: .chat, client)
    guard endpoint.dialect == .llamaCpp else {
      throw InferenceFault.unsupported(member: "model", why: "its runner cannot count tokens without answering")
    }
    var body = prompt
    body["model"] = servedName(endpoint)
    let session = try await session(
      endpoint, route, envelope, client, promptBytes: 0, output: .none, conversation: nil)
    do {
      let rendered = try await connection.json(
        endpoint, "/apply-template", body: .object(body), id: envelope.id, deadline: envelope.deadline)
      guard let text = rendered["prompt"]?.string else { throw InferenceFault.runnerFailed("it rendered no prompt") }
      let answer = try await connection.json(
        endpoint, "/tokenize", body: ["content": .string(text), "add_special": true, "parse_special": true],
        id: envelope.id, deadline: envelope.deadline)
      guard let tokens = answer["tokens"]?.array else { throw InferenceFault.runnerFailed("it counted no tokens") }
      session.note(TokenCounts(prompt: 0, cached: 0, completion: 0))
      await session.finish(status: 200)
      var response = HTTPResponse.json(
        JSON.object(["input_tokens": .integer(Int64(tokens.count))]).canonicalBytes())
      response.headers = headers(endpoint)
      response.headers["Content-Type"] = "application/json"
      return response
    } catch {
      let fault = InferenceFault(error)
      await session.finish(status: fault.status)
      throw fault
    }
  }
}
