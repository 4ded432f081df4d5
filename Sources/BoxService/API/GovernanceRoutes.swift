import CanonicalJSON
import Cryptography
import Governance
import HTTPServer

/// Who may decide what: constitution, policies, committees.
struct GovernanceRoutes: Sendable {
  /// Throws the problem that says why the box takes nothing.
  let core: @Sendable () throws -> BoxCore
  private var box: BoxCore { get throws { try core() } }

  var endpoints: [Endpoint] {
    let name = Endpoint.Parameter(name: "name", place: .path, schema: APISchemas.text, description: "Policy")
    let policy = APISchemas.object(
      ["name": APISchemas.text, "digest": APISchemas.digest, "policy": APISchemas.anyObject])
    return [
      Endpoint(
        method: "GET", path: "/v1/constitution", operation: "getConstitution",
        summary: "Signers, committees, policies and root rule in force", access: .open,
        answers: [
          .init(
            status: 200, description: "The constitution and its digest",
            schema: APISchemas.object(["constitution": APISchemas.anyObject, "digest": APISchemas.digest]))
        ],
        handler: { _ in
          let constitution = try await constitution()
          return HTTPResponse.json([
            "constitution": constitution.json, "digest": .string(constitution.digest.hex),
          ])
        }),
      Endpoint(
        method: "GET", path: "/v1/policies", operation: "listPolicies", summary: "All policies", access: .scope(.read),
        answers: [
          .init(
            status: 200, description: "Policies by name",
            schema: APISchemas.object(["policies": APISchemas.list(of: policy)]))
        ],
        handler: { _ in
          let constitution = try await constitution()
          return HTTPResponse.json([
            "policies": .array(
              constitution.policies.sorted { $0.key < $1.key }.map { Self.view($0.key, $0.value) })
          ])
        }),
      Endpoint(
        method: "GET", path: "/v1/policies/{name}", operation: "getPolicy", summary: "One policy",
        access: .scope(.read), parameters: [name],
        answers: [.init(status: 200, description: "The policy", schema: policy)],
        handler: { call in
          let name = call.request.parameters["name"] ?? ""
          guard let policy = try await constitution().policies[name] else {
            throw Problem(status: 404, code: "no_policy", detail: "there is no policy \(name)")
          }
          return HTTPResponse.json(Self.view(name, policy))
        }),
      Endpoint(
        method: "GET", path: "/v1/committees", operation: "listCommittees",
        summary: "Committees, their members and who is revoked", access: .scope(.read),
        answers: [
          .init(
            status: 200, description: "Members by committee",
            schema: APISchemas.object([
              "committees": APISchemas.anyObject, "root": APISchemas.anyObject,
              "revoked": APISchemas.list(of: APISchemas.text),
            ]))
        ],
        handler: { _ in
          let constitution = try await constitution()
          let revoked = try await box.sequencer.inspect { state, now in state.revokedSigners(at: now) }
          return HTTPResponse.json([
            "committees": constitution.json["committees"] ?? [:], "root": constitution.json["root"] ?? [:],
            "revoked": .array(revoked.sorted().map { .string($0) }),
          ])
        }),
    ]
  }

  private func constitution() async throws -> Constitution {
    guard let constitution = try await box.sequencer.inspect({ state, _ in state.constitution }) else {
      throw Problem(status: 503, code: "no_constitution", detail: "the log has no first entry")
    }
    return constitution
  }

  private static func view(_ name: String, _ policy: Policy) -> JSON {
    ["name": .string(name), "digest": .string(policy.digest(name: name).hex), "policy": policy.json]
  }
}
