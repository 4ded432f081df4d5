import CanonicalJSON
import HTTPServer

/// Why a request has no answer, before it takes the shape of a vendor.
enum InferenceFault: Error, Sendable, Hashable {
  /// A member that is missing, unknown or wrong.
  case invalid(FieldError)
  /// Something that the vendor's own service offers and this one does not.
  case unsupported(member: String, why: String)
  /// Not JSON, or JSON that two readers could read in two ways.
  case malformed(String)
  /// The body is longer than this many bytes.
  case tooLarge(limit: Int)
  /// The body did not arrive.
  case bodyIncomplete(String)
  /// No token, or nobody's.
  case unauthorized
  /// A client that may not.
  case forbidden(String)
  /// No approved model of this name is served, or the client may not use it: both look the same.
  case modelNotFound(String)
  /// The model is served, but not for this.
  case notServed(model: String, protocol: ModelProtocol)
  /// There is no such route.
  case noRoute(String)
  /// The route has another method.
  case methodNotAllowed(allow: String)
  /// The client has as many requests in flight as it may.
  case tooManyRequests(limit: Int)
  /// The client's budget is used up.
  case budgetExhausted
  /// The runner has no place left, or gave none in time.
  case overloaded(retryAfter: Int)
  /// The answer took longer than it may.
  case timedOut
  /// The runner refused the request as the client's fault.
  case runnerRefused(status: Int, message: String)
  /// The runner broke: no answer, a malformed one, or one cut short.
  case runnerFailed(String)
  /// The client left.
  case cancelled

  /// The HTTP status; what Anthropic numbers otherwise is left to its shape.
  var status: Int {
    switch self {
    case .invalid, .unsupported, .malformed, .bodyIncomplete: 400
    case .tooLarge: 413
    case .unauthorized: 401
    case .forbidden: 403
    case .modelNotFound, .noRoute: 404
    case .notServed: 400
    case .methodNotAllowed: 405
    case .tooManyRequests, .budgetExhausted: 429
    case .overloaded: 503
    case .timedOut: 504
    case .runnerRefused(let status, _): status
    case .runnerFailed: 502
    case .cancelled: 499
    }
  }

  /// A sentence for the one who asked. What a runner says of itself is not in it, except of the client's own faults.
  var message: String {
    switch self {
    case .invalid(let error): "\(error)"
    case .unsupported(let member, let why): "\(member) is not supported: \(why)"
    case .malformed(let why): "the body is not valid JSON: \(why)"
    case .tooLarge(let limit): "the body is longer than \(limit) bytes"
    case .bodyIncomplete(let why): why
    case .unauthorized:
      "no valid API key; send the client's token as `Authorization: Bearer ...` or as `x-api-key`"
    case .forbidden(let why): why
    case .modelNotFound(let name):
      "the model \(JSON.string(name).canonicalString()) does not exist or you do not have access to it"
    case .notServed(let model, let kind):
      "the model \(JSON.string(model).canonicalString()) does not serve \(kind.rawValue)"
    case .noRoute(let path): "there is nothing at \(JSON.string(path).canonicalString())"
    case .methodNotAllowed(let allow): "this path answers \(allow)"
    case .tooManyRequests(let limit): "more than \(limit) requests of this client are in flight"
    case .budgetExhausted: "the token budget of this client is used up"
    case .overloaded: "the model has no free place; try again"
    case .timedOut: "the answer took longer than the deadline"
    case .runnerRefused(_, let message): message
    case .runnerFailed(let why): "the runner of the model failed: \(why)"
    case .cancelled: "the request was cancelled"
    }
  }

  /// The member of the request at fault, where there is one.
  var member: String? {
    switch self {
    case .invalid(let error): error.field.isEmpty ? nil : error.field
    case .unsupported(let member, _): member
    case .modelNotFound, .notServed: "model"
    default: nil
    }
  }

  /// Seconds after which it is worth trying again.
  var retryAfter: Int? {
    switch self {
    case .overloaded(let seconds): seconds
    case .tooManyRequests: 1
    case .budgetExhausted: 60
    default: nil
    }
  }

  /// Whatever was thrown on the way of a request.
  init(_ error: any Error) {
    switch error {
    case let fault as InferenceFault: self = fault
    case let error as FieldError: self = .invalid(error)
    case let error as JSONError: self = .malformed("\(error)")
    case HTTPBodyError.tooLarge(let limit): self = .tooLarge(limit: limit)
    case HTTPBodyError.cancelled, is CancellationError, is HTTPStreamError: self = .cancelled
    case let error as HTTPBodyError: self = .bodyIncomplete(error.problem.detail ?? "the body did not arrive")
    default: self = .runnerFailed("it could not be asked")
    }
  }
}
