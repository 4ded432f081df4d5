import CanonicalJSON
import HTTPClient

/// One request for embeddings.
struct EmbedExchange: Sendable {
  let model: String
  let texts: [String]
  let timeout: Int64
  let route: ModelRoute
  let context: HostCallContext
  let services: HostServices

  var reserve: Usage {
    PromptEstimate.reserve(
      prompt: PromptEstimate.tokens(bytes: texts.reduce(0) { $0 + $1.utf8.count + 2 }), output: 0,
      prices: route.prices)
  }

  func run() async -> HostCallOutcome {
    let connection = route.connection(services, context)
    do throws(VendorFailure) {
      let json = try await ask(connection)
      let reported = ModelUsage(openAI: json["usage"])?.charged(at: route.prices)
      let usage = reported ?? reserve
      let result: Result<JSON, HostCallError>
      do {
        let answer: JSON = [
          "embeddings": try vectors(json), "model": json["model"] ?? .string(model),
          "usage": ChatAnswer.json(usage, isEstimated: reported == nil),
        ]
        result = .success(try HostValue.bounded(connection.redactor.redact(answer)))
      } catch {
        result = .failure(error.redacted(by: connection.redactor))
      }
      return HostCallOutcome(result, usage: usage, secrets: connection.used)
    } catch {
      return HostCallOutcome(
        .failure(error.error.redacted(by: connection.redactor)), usage: error.wasSent ? reserve : Usage(),
        secrets: connection.used)
    }
  }

  private func ask(_ connection: VendorConnection) async throws(VendorFailure) -> JSON {
    let body: JSON = [
      "model": .string(route.model ?? model), "input": .array(texts.map(JSON.string)), "encoding_format": "float",
    ]
    let request: HTTPClientRequest
    do {
      request = try connection.post(
        body, to: "/embeddings", headers: route.headers(context, timeout: timeout), accepting: "application/json",
        timeout: timeout)
    } catch {
      throw VendorFailure(error: error, wasSent: false)
    }
    let response = try await connection.send(request)
    do {
      return try VendorAnswer.json(response, now: context.now)
    } catch {
      throw VendorFailure(error: error, wasSent: (200...299).contains(response.status))
    }
  }

  /// One vector for each text, in the order of the texts.
  private func vectors(_ json: JSON) throws(HostCallError) -> JSON {
    var vectors = [JSON?](repeating: nil, count: texts.count)
    for (position, element) in (json["data"]?.array ?? []).enumerated() {
      let index = Int(element["index"]?.integer ?? Int64(position))
      guard vectors.indices.contains(index), vectors[index] == nil, let vector = element["embedding"],
        vector.array?.allSatisfy({ $0.number != nil }) ?? false
      else { throw VendorAnswer.malformed("an embedding without vector or with a wrong index") }
      vectors[index] = vector
    }
    let complete = vectors.compactMap { $0 }
    guard complete.count == texts.count else {
      throw VendorAnswer.malformed("\(complete.count) embeddings for \(texts.count) texts")
    }
    return .array(complete)
  }
}
