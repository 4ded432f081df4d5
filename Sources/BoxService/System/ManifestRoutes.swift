import CanonicalJSON
import Cryptography
import HTTPServer
import Models
import Packages

/// Manifests of models and packages, which are too long for the log: it holds their digests.
struct ManifestRoutes: Sendable {
  let manifests: @Sendable () throws -> ContentStore

  /// What a manifest may be of.
  enum Kind: String, CaseIterable {
    case model
    case package
  }

  var endpoints: [Endpoint] {
    [
      Endpoint(
        method: "POST", path: "/v1/manifests", operation: "putManifest",
        summary: "Keep the manifest of a model or of packages; what is installed is decided by `model.install` or "
          + "`package.install`", access: .scope(.propose),
        parameters: [
          .init(
            name: "kind", place: .query, schema: ["enum": .array(Kind.allCases.map { .string($0.rawValue) })],
            description: "What it is of")
        ],
        request: APISchemas.anyObject,
        answers: [
          .init(status: 201, description: "Its digest", schema: APISchemas.object(["manifest": APISchemas.digest]))
        ],
        bodyLimit: ContentStore.maxBytes, handler: { try await put($0) }),
      Endpoint(
        method: "GET", path: "/v1/manifests/{digest}", operation: "getManifest",
        summary: "The canonical bytes of a manifest", access: .scope(.read),
        parameters: [
          .init(
            name: "digest", place: .path, schema: APISchemas.digest, description: "SHA-256 of its canonical bytes")
        ],
        answers: [.init(status: 200, description: "The manifest", schema: APISchemas.anyObject)],
        handler: { try await get($0) }),
    ]
  }

  private func put(_ call: Call) async throws -> HTTPResponse {
    let bytes = try await call.request.body.collect(limit: ContentStore.maxBytes)
    let text = call.request.query("kind") ?? ""
    let canonical: [UInt8] =
      switch Kind(rawValue: text) {
      case .model: try ModelManifest(parsing: bytes).canonicalBytes
      case .package: try PackageManifest(parsing: bytes).canonicalBytes
      case nil:
        throw FieldError(
          field: "kind", expected: "one of \(Kind.allCases.map(\.rawValue))", actual: JSON.string(text).summary)
      }
    return .json(["manifest": .string(try await manifests().keep(canonical).hex)], status: 201)
  }

  private func get(_ call: Call) async throws -> HTTPResponse {
    let text = call.request.parameters["digest"] ?? ""
    guard let digest = SHA256Digest(hex: text) else {
      throw FieldError(field: "digest", expected: "64 lower-case hexadecimal digits", actual: text)
    }
    guard let bytes = try await manifests().document(digest) else {
      throw Problem(status: 404, code: "no_manifest", detail: "no manifest \(digest) is kept here")
    }
    return .json(bytes, status: 200)
  }
}
