import CanonicalJSON
import HTTPServer

/// One operation of the HTTP API: route, access rule, limits, description and handler in one place, so that neither the
/// router nor `/openapi.json` can know an operation that the other does not.
struct Endpoint: Sendable {
  /// Who may call.
  enum Access: Sendable, Hashable {
    /// Anyone who reaches the listener.
    case open
    /// A client whose token has the scope.
    case scope(Scope)
  }

  /// A parameter in the path or the query.
  struct Parameter: Sendable {
    enum Place: String, Sendable {
      case path
      case query
      case header
    }
    var name: String
    var place: Place
    var schema: JSON
    var description: String
  }

  /// One possible answer.
  struct Answer: Sendable {
    var status: Int
    var description: String
    var mediaType: String = "application/json"
    var schema: JSON = [:]
  }

  var method: String
  /// OpenAPI path template, as in `/v1/proposals/{id}`.
  var path: String
  var operation: String
  var summary: String
  var access: Access
  var parameters: [Parameter] = []
  /// Schema of the request body, or `nil` where there is none.
  var request: JSON?
  var requestMediaType = "application/json"
  var answers: [Answer]
  /// Most bytes of request body that are read.
  var bodyLimit = 0
  var handler: @Sendable (Call) async throws -> HTTPResponse
}

/// A request on its way through an endpoint.
struct Call: Sendable {
  var request: HTTPRequest
  /// Who calls; `nil` on an open endpoint without a token.
  var client: APIClient?
  /// Whether the client still may call, asked again: an answer can take longer than a token lives.
  var isStillAllowed: @Sendable () -> Bool = { true }

  /// The request body as JSON.
  func json(limits: JSONLimits) async throws -> JSON {
    try JSON(parsing: try await request.body.collect(limit: limits.maxBytes), limits: limits)
  }

  /// An integer from the query; `fallback` where it is absent.
  func integer(_ name: String, in range: ClosedRange<Int64>, default fallback: Int64) throws(FieldError) -> Int64 {
    guard let text = request.query(name) else { return fallback }
    guard let value = Int64(text), String(value) == text, range.contains(value) else {
      throw FieldError(field: name, expected: "an integer in \(range)", actual: text)
    }
    return value
  }
}
