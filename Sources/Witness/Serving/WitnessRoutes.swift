import HTTPServer
import TransparencyLog

extension CheckpointWitness {
  /// The two routes of C2SP tlog-witness, with submission and monitoring under one prefix.
  public nonisolated func router(prefix: String = "") -> Router {
    var router = Router()
    router.on("POST", "\(prefix)/add-checkpoint", bodyLimit: AddCheckpointRequest.maximumLength) { request in
      let body = try await request.body.collect(limit: AddCheckpointRequest.maximumLength)
      let answer = await self.addCheckpoint(body)
      return .bytes(answer.body, contentType: answer.contentType, status: answer.status)
    }
    router.on("GET", "\(prefix)/{origin}/checkpoint") { request in
      guard let hash = request.parameters["origin"], let note = await self.checkpoint(originHash: hash) else {
        return .text("no checkpoint of this log was ever cosigned\n", status: 404)
      }
      var response = HTTPResponse.bytes(note, contentType: "text/plain; charset=utf-8")
      response.headers.add("Cache-Control", "no-store")
      response.headers.add("Access-Control-Allow-Origin", "*")
      return response
    }
    return router
  }
}
