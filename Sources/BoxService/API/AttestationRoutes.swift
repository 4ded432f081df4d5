import Attestation
import CanonicalJSON
import Cryptography
import Governance
import HTTPServer

/// Who the box is, and what its machine says to a caller's nonce.
struct AttestationRoutes: Sendable {
  let attestation: @Sendable () throws -> BoxAttestation
  let core: @Sendable () throws -> BoxCore

  var endpoints: [Endpoint] {
    [
      Endpoint(
        method: "GET", path: "/v1/identity", operation: "getIdentity",
        summary: "The identity that the box claims, and its evidence", access: .open,
        answers: [.init(status: 200, description: "Identity and evidence", schema: APISchemas.anyObject)],
        handler: { _ in
          guard let current = try await attestation().keeper.current else { throw Self.notYet }
          return HTTPResponse.json(["identity": current.identity.stm, "evidence": current.evidence.json])
        }),
      Endpoint(
        method: "POST", path: "/v1/attestation", operation: "attest",
        summary: "Fresh evidence for a nonce, and the keys for which it speaks", access: .open,
        request: APISchemas.object(["nonce": APISchemas.text]),
        answers: [
          .init(status: 200, description: "safebox-attestation/v1", schema: APISchemas.anyObject),
          .init(
            status: 429, description: "Asked too often; `Retry-After` says when again",
            mediaType: "application/problem+json", schema: APISchemas.reference("Problem")),
        ],
        bodyLimit: 1024,
        handler: { call in
          var reader = try ObjectReader(try await call.json(limits: .document(maxBytes: 1024)))
          let nonce = try reader.hex("nonce", count: AttestationAnswer.nonceBytes)
          try reader.finish()
          let attestation = try attestation()
          // What can be refused without the machine costs no token.
          guard await attestation.keeper.current != nil else { throw Self.notYet }
          let caller = AttestationPace.Caller(client: call.client?.name, peer: call.request.peer)
          if let seconds = attestation.pace.wait(for: caller, at: attestation.clock()) {
            throw Self.tooOften(seconds)
          }
          guard let answer = try await attestation.keeper.answer(nonce: nonce) else { throw Self.notYet }
          return HTTPResponse.json(answer.json)
        }),
      Endpoint(
        method: "GET", path: "/v1/releases", operation: "listReleases",
        summary: "The releases that the owners approved, and by which proposals", access: .open,
        answers: [.init(status: 200, description: "Releases", schema: APISchemas.anyObject)],
        handler: { _ in
          let releases = try await core().sequencer.inspect { state, _ in state.releases }
          return HTTPResponse.json([
            "releases": .array(
              releases.map { approved in
                var object: JSONObject = [
                  "release": approved.release.json, "proposal": .string(approved.proposal.hex),
                  "index": .integer(Int64(clamping: approved.index)),
                ]
                object["revokedBy"] = approved.revokedBy.map { .string($0.hex) }
                return .object(object)
              })
          ])
        }),
    ]
  }

  private static func tooOften(_ seconds: Int64) -> Problem {
    var problem = Problem(
      status: 429, code: "too_many_attestations",
      detail: "the machine makes one quote at a time, and was asked too often")
    problem.headers = ["Retry-After": "\(seconds)"]
    return problem
  }

  private static let notYet = Problem(
    status: 503, code: "no_identity", detail: "the box has not claimed its identity yet")
}
