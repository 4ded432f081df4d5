import CanonicalJSON
import HTTPServer

extension InferenceGateway {
  /// The models that the client may use, by name; as OpenAI lists them, or as Anthropic does to its own client.
  func modelList(_ client: InferenceClient, _ envelope: RequestEnvelope) -> HTTPResponse {
    let models = services.models.all.filter { client.models.allows($0.name) }.sorted { $0.name < $1.name }.prefix(4096)
    let entries = models.map { Self.entry($0, isAnthropic: envelope.isAnthropic) }
    guard envelope.isAnthropic else {
      return .json(JSON.object(["object": "list", "data": .array(entries)]).canonicalBytes())
    }
    let list: JSON = [
      "data": .array(entries), "has_more": false, "first_id": models.first.map { .string($0.name) } ?? .null,
      "last_id": models.last.map { .string($0.name) } ?? .null,
    ]
    return .json(list.canonicalBytes())
  }

  /// One model.
  func model(
    named name: String, _ client: InferenceClient, _ envelope: RequestEnvelope
  ) throws(InferenceFault) -> HTTPResponse {
    guard client.models.allows(name), let model = services.models.all.first(where: { $0.name == name }) else {
      throw .modelNotFound(name)
    }
    var response = HTTPResponse.json(Self.entry(model, isAnthropic: envelope.isAnthropic).canonicalBytes())
    response.headers["X-Safebox-Model-Id"] = model.digest.hex
    return response
  }

  private static func entry(_ model: ServedModel, isAnthropic: Bool) -> JSON {
    if isAnthropic {
      return [
        "type": "model", "id": .string(model.name), "display_name": .string(model.name),
        "created_at": .string(CivilTime.text(model.created)),
      ]
    }
    return [
      "id": .string(model.name), "object": "model", "created": .integer(model.created),
      "owned_by": .string(model.owner),
    ]
  }
}
