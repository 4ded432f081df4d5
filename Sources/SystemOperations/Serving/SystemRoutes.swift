import CanonicalJSON
import Cryptography
import Governance
import HTTPServer

/// The routes of the socket (docs/system-operations.md).
struct SystemRoutes: Sendable {
  let desk: OperationDesk
  let runners: (any RunnerControl)?
  let version: String

  /// The most bytes of a runner's output that one request gets.
  static let maxTail = 1 << 20

  func router() -> Router {
    var router = Router()
    router.on("GET", "/v1/position") { _ in .json(try await desk.standing().position.json.canonicalBytes()) }
    router.on("POST", "/v1/log", bodyLimit: LogPush.maxBytes) { try await follow($0) }
    router.on("POST", "/v1/operations", bodyLimit: OperationRequest.maxBytes) { try await operate($0) }
    router.on("GET", "/v1/operations") { _ in .json(OperationsPage.json.canonicalBytes()) }
    router.on("GET", "/v1/status") { _ in .json(try await status().canonicalBytes()) }
    router.on("GET", "/v1/snapshots") { _ in
      let snapshots = try await desk.parts.snapshots?.list() ?? []
      return .json(JSON.object(["snapshots": .array(snapshots.map(JSON.object))]).canonicalBytes())
    }
    router.on("GET", "/v1/runners") { _ in
      .json(JSON.object(["runners": .array(try await control().list().map(JSON.object))]).canonicalBytes())
    }
    router.on("GET", "/v1/runners/{name}/log") { try await log($0) }
    router.on("POST", "/v1/runners/{name}/restart") { try await restart($0) }
    router.onError = { _, error in desk.parts.report("a request could not be answered: \(error)") }
    return router
  }

  private func body(_ request: HTTPRequest, limit: Int) async throws -> JSON {
    let bytes = try await request.body.collect(limit: limit)
    do {
      return try JSON(parsing: bytes, limits: JSONLimits(maxBytes: limit, maxDepth: 16, integersOnly: true))
    } catch {
      throw Problem(status: 400, code: "json", detail: "\(error)")
    }
  }

  private func follow(_ request: HTTPRequest) async throws -> HTTPResponse {
    let json = try await body(request, limit: LogPush.maxBytes)
    do {
      return .json(try await desk.follow(LogPush(json: json)).json.canonicalBytes())
    } catch {
      throw try await SystemProblem.problem(for: error, desk)
    }
  }

  private func operate(_ request: HTTPRequest) async throws -> HTTPResponse {
    let json = try await body(request, limit: OperationRequest.maxBytes)
    let admission: OperationDesk.Admission
    do {
      admission = try await desk.admit(OperationRequest(json: json))
    } catch {
      throw try await SystemProblem.problem(for: error, desk)
    }
    return HTTPResponse(
      status: 200, headers: ["Content-Type": "application/jsonl"],
      body: .stream { writer in
        switch admission {
        case .recorded(let result): try await writer.write(Self.line(result.line))
        case .running(let operation):
          for await progress in operation.progress { try await writer.write(Self.line(["progress": progress])) }
          // When it could not be recorded the stream is cut: the caller has no result, which is the truth.
          try await writer.write(Self.line(try await operation.result().line))
        }
      })
  }

  private static func line(_ object: JSONObject) -> [UInt8] { JSON.object(object).canonicalBytes() + [0x0A] }

  private func status() async throws -> JSON {
    let standing = try await desk.standing()
    let available = Operation.allCases.filter { operation in
      operation == .restartRunner ? runners != nil : desk.parts.executors[operation] != nil
    }
    var object: JSONObject = [
      "box": .string(desk.parts.pins.log.origin), "genesis": .string(desk.parts.pins.genesis.hex),
      "key": .string(desk.parts.key.text), "version": .string(version), "position": standing.position.json,
      "halted": .bool(standing.isHalted), "available": .array(available.map { .string($0.rawValue) }),
      "witnessed": .bool(desk.parts.pins.witnesses?.quorum != nil),
    ]
    if let present = desk.present {
      object["present"] = [
        "operation": .string(present.operation.rawValue), "subject": .string(present.subject),
        "since": .integer(present.since),
      ]
    }
    return .object(object)
  }

  private func control() throws -> any RunnerControl {
    guard let runners else {
      throw Problem(status: 501, code: "not_available", detail: "This installation has no runners.")
    }
    return runners
  }

  private func name(_ request: HTTPRequest) throws -> String {
    guard let name = request.parameters["name"], Name.isValid(name) else {
      throw Problem(status: 404, code: "no_runner", detail: "There is no such runner.")
    }
    return name
  }

  private func log(_ request: HTTPRequest) async throws -> HTTPResponse {
    let text = request.query("tail") ?? "65536"
    guard let bytes = Int(text), (1...Self.maxTail).contains(bytes) else {
      throw Problem(status: 400, code: "tail", detail: "tail: expected 1 to \(Self.maxTail) bytes")
    }
    let name = try name(request)
    guard let output = try await control().log(name, tail: bytes) else {
      throw Problem(status: 404, code: "no_runner", detail: "There is no runner \(name) with output.")
    }
    return .bytes(output, contentType: "application/octet-stream")
  }

  private func restart(_ request: HTTPRequest) async throws -> HTTPResponse {
    let name = try name(request)
    do {
      return .json(JSON.object(try await desk.restart(name, by: control())).canonicalBytes())
    } catch {
      throw try await SystemProblem.problem(for: error, desk)
    }
  }
}

/// Refusals as answers (RFC 9457).
enum SystemProblem {
  static func problem(for error: any Error, _ desk: OperationDesk) async throws -> Problem {
    switch error {
    case let problem as Problem: return problem
    case let error as FieldError:
      return field(Problem(status: 400, code: "field", detail: "\(error)"), error.field)
    case let fault as FollowFault:
      let isConflict = if case .position = fault { true } else { false }
      // Whoever was refused learns where to begin again.
      return Problem(status: isConflict ? 409 : 422, code: fault.code, detail: "\(fault)")
        .with("position", encodedJSON: try await desk.standing().position.json.canonicalString())
    case let fault as MandateFault:
      return field(Problem(status: 403, code: fault.code, detail: "\(fault)"), fault.field)
    case let fault as OperationFault:
      return field(
        Problem(status: fault.code == "not_available" ? 501 : 422, code: fault.code, detail: fault.detail), fault.field)
    case DeskRefusal.busy(let seconds, let why): return waiting(503, "busy", why, seconds)
    case DeskRefusal.churn(let object, let seconds):
      return waiting(429, "churn", "\(object) is left alone for another \(seconds) seconds", seconds)
    case DeskRefusal.noRunner(let name):
      return Problem(status: 404, code: "no_runner", detail: "By the log there ought to be no runner \(name).")
    case DeskRefusal.broken:
      return Problem(status: 503, code: "journal", detail: "The journal could not be written; restart the process.")
    default: throw error
    }
  }

  private static func field(_ problem: Problem, _ name: String?) -> Problem {
    guard let name else { return problem }
    return problem.with("field", encodedJSON: JSON.string(name).canonicalString())
  }

  private static func waiting(_ status: Int, _ code: String, _ detail: String, _ seconds: Int) -> Problem {
    var problem = Problem(status: status, code: code, detail: detail)
    problem.headers["Retry-After"] = "\(seconds)"
    return problem
  }
}
