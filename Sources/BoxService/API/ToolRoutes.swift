import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import HostCalls
import JavaScript

/// Tools: their sources, the registered versions, what they may call, and the communities for which they run.
struct ToolRoutes: Sendable {
  let runs: @Sendable () throws -> BoxRuns

  var endpoints: [Endpoint] {
    let digest = Endpoint.Parameter(
      name: "digest", place: .path, schema: APISchemas.digest, description: "SHA-256 of the source")
    let tool = APISchemas.object(
      [
        "manifest": APISchemas.anyObject, "tool": APISchemas.digest, "proposal": APISchemas.digest,
        "retired": ["type": "boolean"], "index": APISchemas.integer,
      ])
    return [
      Endpoint(
        method: "POST", path: "/v1/sources", operation: "putSource",
        summary: "Keep the source of a tool; what may run is decided by `tool.register`", access: .scope(.propose),
        request: APISchemas.text, requestMediaType: "text/javascript",
        answers: [
          .init(status: 201, description: "Its digest", schema: APISchemas.object(["source": APISchemas.digest]))
        ],
        bodyLimit: ContentStore.maxBytes, handler: { try await putSource($0) }),
      Endpoint(
        method: "GET", path: "/v1/sources/{digest}", operation: "getSource", summary: "The source of a tool",
        access: .scope(.read), parameters: [digest],
        answers: [
          .init(status: 200, description: "The source", mediaType: "text/javascript", schema: APISchemas.text)
        ],
        handler: { try await source($0) }),
      Endpoint(
        method: "GET", path: "/v1/tools", operation: "listTools",
        summary: "Every registered tool version, by name and version", access: .scope(.read),
        answers: [
          .init(
            status: 200, description: "All of them",
            schema: APISchemas.object(["tools": APISchemas.list(of: tool), "next": APISchemas.orNull(APISchemas.text)]))
        ],
        handler: { _ in try await list() }),
      Endpoint(
        method: "GET", path: "/v1/methods", operation: "listMethods",
        summary: "The methods of `Protocol`: class, dimensions of a grant, arguments", access: .scope(.read),
        answers: [
          .init(
            status: 200, description: "All of them",
            schema: APISchemas.object(["methods": APISchemas.list(of: APISchemas.anyObject)]))
        ],
        handler: { _ in .json(["methods": try runs().methods]) }),
      Endpoint(
        method: "GET", path: "/v1/communities/{name}", operation: "getCommunity",
        summary: "How the calls of a community reach the world, as the owners set it", access: .scope(.read),
        parameters: [.init(name: "name", place: .path, schema: APISchemas.text, description: "Its name")],
        answers: [
          .init(
            status: 200, description: "The settings",
            schema: APISchemas.object(["community": APISchemas.text, "settings": APISchemas.anyObject]))
        ],
        handler: { try await community($0) }),
    ]
  }

  private func putSource(_ call: Call) async throws -> HTTPResponse {
    let bytes = try await call.request.body.collect(limit: ContentStore.maxBytes)
    guard !bytes.isEmpty, String(validating: bytes, as: UTF8.self) != nil else {
      throw FieldError(field: "body", expected: "the source of a tool in UTF-8", actual: "\(bytes.count) other bytes")
    }
    let digest = try await runs().sources.keep(bytes)
    return .json(["source": .string(digest.hex)], status: 201)
  }

  private func source(_ call: Call) async throws -> HTTPResponse {
    let text = call.request.parameters["digest"] ?? ""
    guard let digest = SHA256Digest(hex: text) else {
      throw FieldError(field: "digest", expected: "64 lower-case hexadecimal digits", actual: text)
    }
    guard let bytes = try await runs().sources.document(digest) else {
      throw Problem(status: 404, code: "no_source", detail: "no source \(digest) is kept here")
    }
    return HTTPResponse(
      status: 200,
      headers: ["Content-Type": "text/javascript; charset=utf-8", "X-Content-Type-Options": "nosniff"],
      body: .bytes(bytes))
  }

  private func list() async throws -> HTTPResponse {
    let tools = try await runs().core.sequencer.inspect { state, _ in state.tools }
    return .json([
      "tools": .array(
        tools.map {
          [
            "manifest": $0.manifest.json, "tool": .string($0.digest.hex), "proposal": .string($0.proposal.hex),
            "retired": .bool($0.isRetired), "index": .integer(Int64($0.index)),
          ]
        }), "next": .null,
    ])
  }

  private func community(_ call: Call) async throws -> HTTPResponse {
    let name = call.request.parameters["name"] ?? ""
    guard let settings = try await runs().core.sequencer.inspect({ state, _ in state.settings(of: name) }) else {
      throw Problem(status: 404, code: "no_community", detail: "no settings were ever set for this community")
    }
    return .json(["community": .string(name), "settings": .object(settings)])
  }
}
