import AuditExport
import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import Receipts
import Sandbox
import TrustedPlatform

/// What the box is and what it proves here and now.
struct StatusRoutes: Sendable {
  let box: Box

  var endpoints: [Endpoint] {
    let claim = APISchemas.object(
      ["id": APISchemas.text, "title": APISchemas.text, "state": APISchemas.text],
      optional: ["evidence": APISchemas.text, "reason": APISchemas.text])
    let backend = APISchemas.object(
      [
        "backend": APISchemas.text, "available": ["type": "boolean"], "applied": APISchemas.list(of: APISchemas.text),
        "missing": APISchemas.anyObject,
      ], optional: ["reason": APISchemas.text])
    let platform = APISchemas.object(
      ["platform": APISchemas.text, "state": APISchemas.text, "detail": APISchemas.text])
    let restraint = APISchemas.object(
      ["kind": APISchemas.text, "proposal": APISchemas.digest], optional: ["until": APISchemas.integer])
    return [
      Endpoint(
        method: "GET", path: "/v1/status", operation: "getStatus", summary: "Name, keys, size, epoch and mode",
        access: .open,
        answers: [
          .init(
            status: 200, description: "The status",
            schema: APISchemas.object(
              [
                "box": APISchemas.text, "version": APISchemas.text, "mode": APISchemas.text, "size": APISchemas.integer,
                "types": APISchemas.list(of: APISchemas.text), "claims": APISchemas.list(of: claim),
                "platforms": APISchemas.list(of: platform),
              ],
              optional: [
                "backends": APISchemas.list(of: backend), "epoch": APISchemas.integer,
                "constitution": APISchemas.digest, "restraints": APISchemas.list(of: restraint),
                "exports": APISchemas.object(["total": APISchemas.integer, "alarmed": APISchemas.integer]),
              ]))
        ],
        handler: { _ in HTTPResponse.json(try await status()) }),
      Endpoint(
        method: "GET", path: "/v1/claims", operation: "listClaims",
        summary: "The claim ceiling: what is proved here, and what is not", access: .open,
        answers: [
          .init(
            status: 200, description: "Claims", schema: APISchemas.object(["claims": APISchemas.list(of: claim)]))
        ],
        handler: { _ in HTTPResponse.json(["claims": .array(try await claims())]) }),
      Endpoint(
        method: "GET", path: "/openapi.json", operation: "getOpenAPI", summary: "This description", access: .open,
        answers: [.init(status: 200, description: "OpenAPI 3.1", schema: APISchemas.anyObject)],
        handler: { _ in
          HTTPResponse.json(OpenAPI.document(endpoints: box.endpoints + box.describedEndpoints, version: Box.version))
        }),
    ]
  }

  private func status() async throws -> JSON {
    let reader = box.reader
    let size = try await box.blocking.run { try reader.size() }
    var object: JSONObject = [
      "box": .string(box.origin), "version": .string(Box.version), "mode": .string("\(box.mode)"),
      "size": .integer(Int64(size)),
      "types": .array(((box.core?.executors.types ?? []) + ActionType.folded.sorted()).map { .string($0) }),
      "claims": .array(try await claims()), "backends": .array(await box.sandbox.status().map(Self.view)),
      "platforms": .array(box.platforms().findings.map(Self.view)),
    ]
    let exports = await box.exportStatus()
    if !exports.isEmpty {
      object["exports"] = [
        "total": .integer(Int64(exports.count)), "alarmed": .integer(Int64(exports.filter(\.isAlarmed).count)),
      ]
    }
    // A box that was closed because something contradicts its log still says that it is, and why.
    if let core = box.core,
      let (epoch, digest, restraints) = try? await core.sequencer.inspect({ state, now in
        (state.epoch, state.constitutionDigest, state.restraints.filter { $0.holds(at: now) })
      })
    {
      object["restraints"] = .array(restraints.map(Self.view))
      object["epoch"] = .integer(epoch)
      object["constitution"] = digest.map { .string($0.hex) }
    }
    return .object(object)
  }

  /// A stop, seal or revocation in force; `until` where it lapses unless it is ratified before.
  private static func view(_ restraint: Restraint) -> JSON {
    var object: JSONObject = ["proposal": .string(restraint.proposal.hex)]
    object["kind"] =
      switch restraint.kind {
      case .stop: "stopped"
      case .seal: "sealed"
      case .revoke(let signer): .string("revoked \(signer)")
      }
    if case .at(let time) = restraint.lapse { object["until"] = .integer(time) }
    return .object(object)
  }

  /// What could vouch for a box here, and why not the rest.
  private static func view(_ finding: PlatformDetection.Finding) -> JSON {
    [
      "platform": .string(finding.kind.rawValue), "state": .string(finding.state.name),
      "detail": .string(finding.state.detail),
    ]
  }

  /// Where tools may run: what holds there, what does not and why.
  private static func view(_ row: Sandbox.Row) -> JSON {
    var missing: JSONObject = [:]
    for (name, reason) in row.missing { missing[name] = .string(reason) }
    var object: JSONObject = [
      "backend": .string(row.name.rawValue), "available": .bool(row.isAvailable),
      "applied": .array(row.applied.map(JSON.string)), "missing": .object(missing),
    ]
    object["reason"] = row.reason.map(JSON.string)
    return .object(object)
  }

  private func claims() async throws -> [JSON] {
    guard let facts = try await box.facts() else { return [] }
    return ClaimCeiling.claims(from: facts).map(\.json)
  }
}
