import Attestation
import CanonicalJSON
import Cryptography
import HTTPServer

/// Appraisal policies, which are too long for the log: `key.create` and `key.appraise` hold their digests.
struct AppraisalRoutes: Sendable {
  let vault: @Sendable () throws -> KeyVault

  var endpoints: [Endpoint] {
    [
      Endpoint(
        method: "POST", path: "/v1/appraisals", operation: "putAppraisal",
        summary: "Keep an appraisal policy; which one decides over a key is decided by `key.create` and `key.appraise`",
        access: .scope(.propose), request: APISchemas.anyObject,
        answers: [
          .init(status: 201, description: "Its digest", schema: APISchemas.object(["appraisal": APISchemas.digest]))
        ],
        bodyLimit: ContentStore.maxBytes,
        handler: { call in
          let json = try await call.json(limits: .document(maxBytes: ContentStore.maxBytes))
          _ = try AppraisalPolicy(json: json)
          let digest = try await vault().appraisals.keep(json.canonicalBytes())
          return .json(["appraisal": .string(digest.hex)], status: 201)
        }),
      Endpoint(
        method: "GET", path: "/v1/appraisals/{digest}", operation: "getAppraisal",
        summary: "The canonical bytes of an appraisal policy", access: .scope(.read),
        parameters: [
          .init(name: "digest", place: .path, schema: APISchemas.digest, description: "SHA-256 of its canonical bytes")
        ],
        answers: [.init(status: 200, description: "The policy", schema: APISchemas.anyObject)],
        handler: { call in
          guard let digest = SHA256Digest(hex: call.request.parameters["digest"] ?? ""),
            let bytes = try await vault().appraisals.document(digest)
          else { throw Problem(status: 404, code: "no_appraisal", detail: "no such appraisal policy is kept here") }
          return .json(bytes, status: 200)
        }),
    ]
  }
}
