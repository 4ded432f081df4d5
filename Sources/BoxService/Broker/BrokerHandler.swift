import CanonicalJSON
import Cryptography
import HTTPServer
import KeyRelease

/// The broker's listener. There are no tokens: whoever asks is known by the key that TLS proved, and by evidence about it.
struct BrokerHandler: HTTPHandler {
  private let router: Router

  init(broker: KeyBroker, report: @escaping @Sendable (String) -> Void) {
    var router = Router()
    func on(
      _ path: String, limit: Int,
      _ handle: @escaping @Sendable (HTTPRequest, JSON, SHA256Digest) async throws -> JSON
    ) {
      router.on("POST", path, bodyLimit: limit) { request in
        do {
          guard let certificate = request.channel?.clientCertificateDER,
            let peer = PeerKey.digest(ofCertificate: certificate)
          else { throw Problem(status: 401, code: "no_key", detail: "the connection shows no key of the client") }
          let json = try JSON(
            parsing: try await request.body.collect(limit: limit), limits: .document(maxBytes: limit))
          return .json(try await handle(request, json, peer))
        } catch let problem as Problem {
          return problem.response
        } catch {
          let problem = Problem.of(error)
          if problem.status == 500 { report("broker \(path): \(error)") }
          return problem.response
        }
      }
    }
    on(BrokerMessages.Path.nonce, limit: 1024) { _, _, peer in try broker.nonce(for: peer) }
    on(BrokerMessages.Path.releases, limit: BrokerMessages.maxRequestBytes) { _, json, peer in
      try await broker.release(try ReleaseRequest(json: json), peer: peer).json
    }
    on("\(BrokerMessages.Path.releases)/{release}", limit: BrokerMessages.maxRequestBytes) { request, json, peer in
      guard let id = SHA256Digest(hex: request.parameters["release"] ?? "") else {
        throw Problem(status: 404, code: "no_release", detail: "a release is named by 64 lower-case hexadecimal digits")
      }
      return try await broker.poll(id, try ReleasePoll(json: json), peer: peer).json
    }
    on(BrokerMessages.Path.challenge, limit: 256 << 10) { _, json, peer in
      try await broker.challenge(try EnrolmentRequest(json: json), peer: peer)
    }
    on(BrokerMessages.Path.proof, limit: 4096) { _, json, peer in
      var reader = try ObjectReader(json)
      let id = try reader.hex("challenge", count: 16...16)
      let answer = SecretBytes(copying: try reader.hex("answer", count: 1...64))
      try reader.finish()
      return try await broker.proof(id, answer: answer, peer: peer)
    }
    self.router = router
  }

  func respond(to request: HTTPRequest) async -> HTTPResponse { await router.respond(to: request) }
}
