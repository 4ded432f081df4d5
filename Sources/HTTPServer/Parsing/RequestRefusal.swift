/// Why the bytes of a client are no acceptable request. The connection is closed after the answer: where the next
/// request would begin can no longer be told (request smuggling).
struct RequestRefusal: Error, Hashable {
  let status: Int
  let code: String
  let detail: String

  init(_ status: Int, _ code: String, _ detail: String) {
    self.status = status
    self.code = code
    self.detail = detail
  }

  static func badRequest(_ detail: String) -> RequestRefusal { RequestRefusal(400, "bad_request", detail) }

  var problem: Problem { Problem(status: status, code: code, detail: detail) }
}
