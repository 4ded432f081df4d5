import CanonicalJSON
import Governance
import HTTPServer
import Runs
import Storage

/// The API listener's handler: finds the endpoint, checks the token, and turns whatever an endpoint throws into a problem.
struct APIHandler: HTTPHandler {
  private let router: Router

  private let metrics: Metrics

  /// - Parameters:
  ///   - clients: asked at every request, so that a removed client is locked out at once.
  ///   - report: told of what is answered with 500; the caller is not.
  init(
    endpoints: [Endpoint], clients: @escaping @Sendable () -> APIClients, metrics: Metrics,
    report: @escaping @Sendable (String) -> Void
  ) {
    var router = Router()
    for endpoint in endpoints {
      router.on(endpoint.method, endpoint.path, bodyLimit: endpoint.bodyLimit) { request in
        do {
          let client = try Self.authenticate(request, for: endpoint.access, among: clients)
          let isStillAllowed: @Sendable () -> Bool = {
            (try? Self.authenticate(request, for: endpoint.access, among: clients)) != nil
          }
          return try await endpoint.handler(Call(request: request, client: client, isStillAllowed: isStillAllowed))
        } catch let problem as Problem {
          return problem.response
        } catch {
          let problem = Problem.of(error)
          if problem.status == 500 { report("\(endpoint.method) \(endpoint.path): \(error)") }
          return problem.response
        }
      }
    }
    self.router = router
    self.metrics = metrics
  }

  var routes: [Router.Route] { router.routes }

  func respond(to request: HTTPRequest) async -> HTTPResponse {
    let response = await router.respond(to: request)
    metrics.count("safebox_requests_total", ("class", "\(response.status / 100)xx"))
    return response
  }

  private static func authenticate(
    _ request: HTTPRequest, for access: Endpoint.Access, among clients: @Sendable () -> APIClients
  ) throws(Problem) -> APIClient? {
    let values = request.headers.all("authorization")
    guard !values.isEmpty else {
      if case .open = access { return nil }
      throw unauthorized("send `Authorization: Bearer <token>`; `safebox client add` makes a token")
    }
    guard values.count == 1, values[0].utf8.count <= 256, values[0].hasPrefix("Bearer "),
      let client = clients().client(presenting: String(values[0].dropFirst(7)))
    else {
      throw unauthorized("the token is not one of this box's")
    }
    if case .scope(let scope) = access, !client.scopes.contains(scope) {
      throw Problem(
        status: 403, code: "scope_missing", detail: "client \(client.name) lacks the scope \(scope.rawValue)")
    }
    return client
  }

  private static func unauthorized(_ detail: String) -> Problem {
    var problem = Problem(status: 401, code: "unauthorized", detail: detail)
    problem.headers = ["WWW-Authenticate": "Bearer"]
    return problem
  }
}

extension Problem {
  /// An input error names the field; anything else is ours and says no more than that.
  static func of(_ error: any Error) -> Problem {
    switch error {
    case let error as FieldError:
      return Problem(status: 422, code: "invalid_field", detail: "\(error)")
        .with("field", .string(error.field))
    case let error as JSONError:
      return Problem(status: 400, code: "invalid_json", detail: "\(error)")
    case let fault as Fault:
      return of(fault)
    case let refusal as Refusal:
      return Problem(status: 409, code: refusal.code, detail: "\(refusal)")
    case let failure as RunService.Failure:
      return of(failure)
    case let missing as PayloadMissing:
      return Problem(status: 410, code: "payload_missing", detail: "\(missing)")
    case let fault as RunFault:
      return of(.run(fault))
    case EntryError.tooLarge(let limit, let actual):
      return Problem(
        status: 413, code: "entry_too_large",
        detail: "this would be an entry of \(actual) bytes, at most \(limit) are taken; put long values into private "
          + "members or behind commitments"
      )
      .with("limit", .integer(Int64(limit)))
    case let error as EntryError:
      return Problem(status: 422, code: "entry_malformed", detail: "\(error)")
    case let error as EntryDraft.Failure:
      return Problem(status: 413, code: "entry_too_large", detail: "\(error)")
    case SubmissionError.overloaded, SubmissionError.busy:
      var problem = Problem(status: 503, code: "overloaded", detail: "\(error)")
      problem.headers = ["Retry-After": "1"]
      return problem
    case let error as SubmissionError:
      return Problem(status: 503, code: "stopping", detail: "\(error)")
    case let error as HTTPBodyError:
      return error.problem
    default:
      return Problem(status: 500, code: "internal", detail: "the box could not answer; see its log")
    }
  }

  /// What the fold refuses: the caller's fault, or a conflict with what has happened since.
  private static func of(_ fault: Fault) -> Problem {
    let status =
      switch fault {
      case .statement(.undecidable(.noPolicy)): 403
      case .statement(.quotaOpen), .statement(.quotaCount), .statement(.tooManyOpen): 429
      case .statement(.sealed), .statement(.repeated), .order, .execution: 409
      case .vote(.unknownProposal): 404
      case .vote(.notOpen), .vote(.duplicate), .vote(.afterObjection): 409
      case .vote, .claim: 403
      default: 422
      }
    let code: String = if case .statement(.undecidable(.noPolicy)) = fault { "denied" } else { fault.code }
    var problem = Problem(status: status, code: code, detail: "\(fault)")
    if status == 429 { problem.headers = ["Retry-After": "10"] }
    return problem.with("fault", .string(fault.code))
  }

  private static func of(_ failure: RunService.Failure) -> Problem {
    switch failure {
    case .tooMany, .tooManyTasks:
      var problem = Problem(status: 429, code: "too_many_runs", detail: "\(failure)")
      problem.headers = ["Retry-After": "10"]
      return problem
    case .noTool: return Problem(status: 404, code: "no_tool", detail: "\(failure)")
    case .noSource: return Problem(status: 409, code: "no_source", detail: "\(failure)")
    case .tooLarge: return Problem(status: 413, code: "input_too_large", detail: "\(failure)")
    case .isolation:
      return Problem(status: 503, code: "isolation", detail: "\(failure)")
        .with("next_steps", ["safebox status shows the backends of this machine and what is missing"])
    case .stopping: return Problem(status: 503, code: "stopping", detail: "\(failure)")
    case .tooDeep: return Problem(status: 422, code: "too_deep", detail: "\(failure)")
    case .over: return Problem(status: 409, code: "run_over", detail: "\(failure)")
    }
  }

  func with(_ name: String, _ value: JSON) -> Problem { with(name, encodedJSON: value.canonicalString()) }
}

extension HTTPResponse {
  static func json(_ value: JSON, status: Int = 200) -> HTTPResponse {
    .json(value.canonicalBytes(), status: status)
  }
}
