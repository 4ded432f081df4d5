import CanonicalJSON
import Governance
import HTTPServer
import Keychain

/// What secrets there are. No route returns a value.
struct SecretRoutes: Sendable {
  /// Throws the problem that says why the box takes nothing.
  let core: @Sendable () throws -> BoxCore

  var endpoints: [Endpoint] {
    let secret = APISchemas.object([
      "name": APISchemas.text, "version": APISchemas.integer, "kind": APISchemas.text,
      "hosts": APISchemas.list(of: APISchemas.text), "createdAt": APISchemas.integer,
      "rotatedAt": APISchemas.integer,
    ])
    return [
      Endpoint(
        method: "GET", path: "/v1/secrets", operation: "listSecrets",
        summary: "The secrets of a community: names, versions, hosts and dates, never values", access: .scope(.read),
        parameters: [
          .init(name: "community", place: .query, schema: APISchemas.text, description: "Whose secrets; required")
        ],
        answers: [
          .init(
            status: 200, description: "Secrets by name",
            schema: APISchemas.object(["community": APISchemas.text, "secrets": APISchemas.list(of: secret)]))
        ],
        handler: { try await list($0) })
    ]
  }

  private func list(_ call: Call) async throws -> HTTPResponse {
    let box = try core()
    let community = call.request.query("community") ?? ""
    guard Name.isValid(community) else {
      throw FieldError(
        field: "community", expected: "a name: 1-64 of a-z 0-9 . _ -", actual: JSON.string(community).summary)
    }
    let keychain = box.keychain
    let secrets = try await box.blocking.run { try keychain.list(community: community) }
    return .json(["community": .string(community), "secrets": .array(secrets.map(\.json))])
  }
}
