import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import JavaScript
import Runs
import Storage

/// Runs: start, watch, read, cancel, and what it takes to do them again.
struct RunRoutes: Sendable {
  static let maxWait: Int64 = 60
  static let maxPage: Int64 = 100
  /// Bytes of a request to start: the input and what stands around it.
  static let maxBytes = MachineLimits.maxValueBytes + 4096
  /// Bytes of a body that says nothing.
  static let maxEmptyBytes = 1024
  static let statuses: Set<String> = ["live", "finished", "failed", "cancelled"]

  let runs: @Sendable () throws -> BoxRuns

  var endpoints: [Endpoint] {
    let view = APISchemas.reference("Run")
    let id = Endpoint.Parameter(name: "id", place: .path, schema: APISchemas.digest, description: "The run")
    let wait = Endpoint.Parameter(
      name: "wait", place: .query, schema: APISchemas.integer,
      description: "Seconds (at most \(Self.maxWait)) to wait for the end")
    let one: [Endpoint.Answer] = [
      .init(status: 200, description: "It is over", schema: view),
      .init(status: 202, description: "It is under way", schema: view),
    ]
    return [
      Endpoint(
        method: "POST", path: "/v1/runs", operation: "startRun", summary: "Run a tool", access: .scope(.run),
        parameters: [
          .init(
            name: "Idempotency-Key", place: .header, schema: APISchemas.text,
            description: "A repetition under the same key is the same run"),
          .init(
            name: "Prefer", place: .header, schema: APISchemas.text,
            description: "`wait=SECONDS` waits for the end (RFC 7240)"),
        ],
        request: APISchemas.object(
          ["tool": APISchemas.text, "community": APISchemas.text], optional: ["input": [:]]),
        answers: one, bodyLimit: Self.maxBytes, handler: { try await start($0) }),
      Endpoint(
        method: "GET", path: "/v1/runs", operation: "listRuns", summary: "Runs, newest first", access: .scope(.read),
        parameters: [
          .init(
            name: "status", place: .query, schema: APISchemas.text,
            description: "Only these: live, finished, failed or cancelled"),
          .init(name: "cursor", place: .query, schema: APISchemas.text, description: "`next` of the page before"),
          .init(name: "limit", place: .query, schema: APISchemas.integer, description: "1-100; default 20"),
        ],
        answers: [
          .init(
            status: 200, description: "A page, without results",
            schema: APISchemas.object(["runs": APISchemas.list(of: view), "next": APISchemas.orNull(APISchemas.text)]))
        ],
        handler: { try await list($0) }),
      Endpoint(
        method: "GET", path: "/v1/runs/{id}", operation: "getRun", summary: "One run", access: .scope(.run),
        parameters: [id, wait], answers: one, handler: { try await show($0) }),
      Endpoint(
        method: "POST", path: "/v1/runs/{id}/cancel", operation: "cancelRun",
        summary: "End a run, its tasks with it, and withdraw what it has proposed", access: .scope(.run),
        parameters: [id], request: APISchemas.anyObject, answers: one, bodyLimit: Self.maxEmptyBytes,
        handler: { try await cancel($0) }),
      Endpoint(
        method: "POST", path: "/v1/runs/{id}/resume", operation: "resumeRun",
        summary: "Try again to take up a run that is stuck", access: .scope(.run),
        parameters: [id], request: APISchemas.anyObject, answers: one, bodyLimit: Self.maxEmptyBytes,
        handler: { try await resume($0) }),
      Endpoint(
        method: "GET", path: "/v1/runs/{id}/journal", operation: "getJournal",
        summary: "The host calls of a run, in words", access: .scope(.openings), parameters: [id],
        answers: [
          .init(
            status: 200, description: "In the order of delivery",
            schema: APISchemas.object(["calls": APISchemas.list(of: APISchemas.anyObject)]))
        ],
        handler: { try await journal($0) }),
      Endpoint(
        method: "GET", path: "/v1/runs/{id}/bundle", operation: "getBundle",
        summary: "All that it takes to do a run again", access: .scope(.openings), parameters: [id],
        answers: [.init(status: 200, description: "The bundle", schema: APISchemas.anyObject)],
        handler: { try await bundle($0) }),
      Endpoint(
        method: "DELETE", path: "/v1/runs/{id}/payloads", operation: "erasePayloads",
        summary: "Erase the words of a run that is over, for good; every proof goes on verifying",
        access: .scope(.erase), parameters: [id],
        answers: [
          .init(status: 200, description: "They are gone", schema: APISchemas.object(["erased": APISchemas.digest]))
        ],
        handler: { try await erase($0) }),
      Endpoint(
        method: "GET", path: "/v1/runs/{id}/events", operation: "watchRun",
        summary: "A run as it happens (server-sent events; `Last-Event-ID` resumes)", access: .scope(.run),
        parameters: [id],
        answers: [.init(status: 200, description: "Events", mediaType: "text/event-stream", schema: APISchemas.text)],
        handler: { try await watch($0) }),
    ]
  }

  private func start(_ call: Call) async throws -> HTTPResponse {
    guard let client = call.client else { throw Problem(status: 401, code: "unauthorized") }
    var limits = JSONLimits(maxBytes: Self.maxBytes)
    limits.maxDepth = 64
    let json = try await call.json(limits: limits)
    var reader = try ObjectReader(json)
    let tool = try reader.string("tool", maxBytes: 128)
    let community = try reader.string("community", maxBytes: 64)
    guard Name.isValid(community) else {
      throw FieldError(
        field: "community", expected: "a name: 1-64 of a-z 0-9 . _ -", actual: JSON.string(community).summary)
    }
    let input = reader.optionalJSON("input") ?? .null
    try reader.finish()
    let seconds = try ProposalRoutes.preferredWait(call)
    let runs = try runs()
    let id = try await runs.start(
      tool: tool, input: input, community: community, client: client.name, key: try ProposalRoutes.idempotencyKey(call))
    let view =
      if let seconds { try await runs.wait(for: id, seconds: seconds) { $0.isOver } } else { try await runs.view(id) }
    var response = answer(view)
    response.headers["Location"] = "/v1/runs/\(id.hex)"
    return response
  }

  private func answer(_ view: RunView) -> HTTPResponse { .json(view.json, status: view.isOver ? 200 : 202) }

  private func list(_ call: Call) async throws -> HTTPResponse {
    let limit = Int(try call.integer("limit", in: 1...Self.maxPage, default: 20))
    let filter: RunIndex.Filter
    switch call.request.query("status") {
    case nil: filter = .all
    case "live": filter = .live
    case "finished": filter = .outcome("result")
    case "cancelled": filter = .outcome("cancelled")
    case "failed": filter = .failed
    case let other?:
      throw FieldError(
        field: "status", expected: "one of \(Self.statuses.sorted())", actual: JSON.string(other).summary)
    }
    var before = UInt64(Int64.max)
    if let cursor = call.request.query("cursor") {
      guard let index = UInt64(cursor), String(index) == cursor, index <= UInt64(Int64.max) else {
        throw FieldError(field: "cursor", expected: "`next` of an earlier page", actual: cursor)
      }
      before = index
    }
    let runs = try runs()
    let (index, cursor) = (runs.host.index, before)
    let rows = try await runs.core.blocking.run { try index.rows(filter, before: cursor, limit: limit) }
    var views: [JSON] = []
    for row in rows {
      var view = try await runs.view(row.run).json.object ?? [:]
      // What a run came to is for those who may start runs.
      view["result"] = nil
      view["failure"] = nil
      views.append(.object(view))
    }
    let next = rows.count == limit ? rows.last.map { JSON.string(String($0.started)) } : nil
    return .json(["runs": .array(views), "next": next ?? .null])
  }

  private func show(_ call: Call) async throws -> HTTPResponse {
    let id = try Self.id(call)
    let wait = try call.integer("wait", in: 0...Self.maxWait, default: 0)
    return answer(try await runs().wait(for: id, seconds: wait) { $0.isOver })
  }

  private func cancel(_ call: Call) async throws -> HTTPResponse {
    let id = try Self.id(call)
    let runs = try runs()
    _ = try await runs.outline(of: id)
    if try await runs.service.cancelRun(id) { _ = await runs.service.wait(for: id) }
    return answer(try await runs.view(id))
  }

  private func resume(_ call: Call) async throws -> HTTPResponse {
    let id = try Self.id(call)
    let runs = try runs()
    let outline = try await runs.outline(of: id)
    if outline.finished == nil { await runs.service.resume([(outline.started, outline.startedAt)]) }
    return answer(try await runs.view(id))
  }

  private func journal(_ call: Call) async throws -> HTTPResponse {
    let lines = try await runs().lines(of: try Self.id(call)).lines
    return .json(["calls": .array(lines.map(\.json))])
  }

  private func bundle(_ call: Call) async throws -> HTTPResponse {
    .json(try await runs().bundle(of: try Self.id(call)).json)
  }

  private func erase(_ call: Call) async throws -> HTTPResponse {
    let id = try Self.id(call)
    let runs = try runs()
    let outline = try await runs.outline(of: id)
    guard outline.finished != nil else {
      throw Problem(
        status: 409, code: "run_live", detail: "the run is under way and needs its journal; cancel it first")
    }
    let payloads = runs.host.payloads
    let community = outline.started.community
    guard try await runs.core.blocking.run({ try payloads.erase(id, community: community) }) else {
      throw Problem(status: 404, code: "no_payloads", detail: "nothing is kept of the run \(id)")
    }
    return .json(["erased": .string(id.hex)])
  }

  private func watch(_ call: Call) async throws -> HTTPResponse {
    let id = try Self.id(call)
    let runs = try runs()
    _ = try await runs.view(id)
    var first: UInt64 = 0
    if let last = call.request.headers["last-event-id"] {
      guard let number = UInt64(last) else {
        throw FieldError(field: "Last-Event-ID", expected: "an event's number", actual: last)
      }
      first = number
    }
    let after = first
    return EventStream.response { writer in
      var last = after
      if let events = await runs.service.events(of: id) {
        // A removed client hears nothing more.
        while !Task.isCancelled, call.isStillAllowed() {
          let new = await events.events(after: last)
          guard !new.isEmpty else { break }
          for event in new where event.kind != "finished" {
            try await writer.send(id: String(event.id), event: event.kind, data: event.data.canonicalString())
          }
          last = new.last?.id ?? last
          if new.contains(where: { $0.kind == "finished" }) { break }
        }
      }
      let view = try await runs.view(id)
      if view.isOver {
        try await writer.send(id: String(last + 1), event: "finished", data: view.json.canonicalString())
      }
    }
  }

  static func id(_ call: Call) throws(FieldError) -> RunID {
    let text = call.request.parameters["id"] ?? ""
    guard let id = RunID(hex: text) else {
      throw FieldError(field: "id", expected: "a run: 64 lower-case hexadecimal digits", actual: text)
    }
    return id
  }
}
