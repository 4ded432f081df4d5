import CanonicalJSON
import Cryptography
import Governance
import HTTPServer

/// What the privileged process looks after: models, runners, snapshots, and itself.
struct SystemRoutes: Sendable {
  let core: @Sendable () throws -> BoxCore
  /// Throws the problem that there is none.
  let process: @Sendable () throws -> PrivilegedProcess

  var endpoints: [Endpoint] {
    let name = Endpoint.Parameter(
      name: "name", place: .path, schema: APISchemas.text, description: "The runner's name")
    return [
      Endpoint(
        method: "GET", path: "/v1/system/models", operation: "listInstalledModels",
        summary: "The models that may be used, by name and version", access: .scope(.read),
        answers: [answer("All of them", ["models": APISchemas.list(of: APISchemas.anyObject)])],
        handler: { _ in try await models() }),
      Endpoint(
        method: "GET", path: "/v1/system/runners", operation: "listRunners",
        summary: "The runners that ought to run, and how they stand", access: .scope(.read),
        answers: [answer("All of them", ["runners": APISchemas.list(of: APISchemas.anyObject)])],
        handler: { _ in try await runners() }),
      Endpoint(
        method: "GET", path: "/v1/system/runners/{name}/log", operation: "getRunnerLog",
        summary: "The end of what a runner wrote", access: .scope(.read),
        parameters: [
          name,
          .init(name: "tail", place: .query, schema: APISchemas.integer, description: "Bytes; at most 1 MiB"),
        ],
        answers: [.init(status: 200, description: "Text", mediaType: "text/plain", schema: APISchemas.text)],
        handler: { try await log($0) }),
      Endpoint(
        method: "POST", path: "/v1/system/runners/{name}/restart", operation: "restartRunner",
        summary: "Start a runner again, as it was approved", access: .scope(.run), parameters: [name],
        request: APISchemas.anyObject,
        answers: [answer("How it stands", ["runner": APISchemas.anyObject])], bodyLimit: 1024,
        handler: { try await restart($0) }),
      Endpoint(
        method: "GET", path: "/v1/system/operations", operation: "listOperations",
        summary: "Everything that the privileged process can be made to do", access: .scope(.read),
        answers: [answer("All of it", ["operations": APISchemas.list(of: APISchemas.anyObject)])],
        handler: { _ in .json(try await process().operations()) }),
      Endpoint(
        method: "GET", path: "/v1/system/snapshots", operation: "listSnapshots",
        summary: "The snapshots, with the digests of what they hold", access: .scope(.read),
        answers: [answer("All of them", ["snapshots": APISchemas.list(of: APISchemas.anyObject)])],
        handler: { _ in .json(try await process().snapshots()) }),
      Endpoint(
        method: "GET", path: "/v1/system/status", operation: "getSystemStatus",
        summary: "How far the privileged process has followed, and what it works on", access: .scope(.read),
        answers: [.init(status: 200, description: "The status", schema: APISchemas.anyObject)],
        handler: { _ in .json(try await process().status()) }),
      Endpoint(
        method: "GET", path: "/v1/system/progress/{proposal}", operation: "getProgress",
        summary: "The newest word on what is being carried out", access: .scope(.read),
        parameters: [
          .init(name: "proposal", place: .path, schema: APISchemas.digest, description: "The action digest")
        ],
        answers: [answer("What it said", ["progress": APISchemas.orNull(APISchemas.anyObject)])],
        handler: { try await progress($0) }),
    ]
  }

  private func answer(_ description: String, _ members: JSONObject) -> Endpoint.Answer {
    .init(status: 200, description: description, schema: APISchemas.object(members))
  }

  private func models() async throws -> HTTPResponse {
    let (models, runners) = try await core().sequencer.inspect { state, _ in (state.models, state.runners) }
    return .json([
      "models": .array(
        models.map { model in
          var object = model.record.params
          object["proposal"] = .string(model.proposal.hex)
          object["index"] = .integer(Int64(model.index))
          object["runners"] = .array(
            runners.filter { $0.record.model == model.record.manifest }.map { .string($0.record.name) })
          return .object(object)
        })
    ])
  }

  private func runners() async throws -> HTTPResponse {
    let wanted = try await core().sequencer.inspect { state, _ in
      state.runners.map { ($0, state.model(digest: $0.record.model)) }
    }
    let states = try await process().runners()["runners"]?.array ?? []
    return .json([
      "runners": .array(
        wanted.map { runner, model in
          var object = states.first { $0["name"]?.string == runner.record.name }?.object ?? ["state": "absent"]
          for member in runner.record.params { object[member.key] = member.value }
          object["proposal"] = .string(runner.proposal.hex)
          object["modelName"] = model.map { .string($0.record.name) }
          object["modelVersion"] = model.map { .string($0.record.version) }
          return .object(object)
        })
    ])
  }

  private func log(_ call: Call) async throws -> HTTPResponse {
    let tail = try call.integer("tail", in: 1...1_048_576, default: 16_384)
    let bytes = try await process().log(of: try name(call), tail: Int(tail))
    return HTTPResponse(
      status: 200, headers: ["Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"],
      body: .bytes(bytes))
  }

  private func restart(_ call: Call) async throws -> HTTPResponse {
    _ = try await call.request.body.collect(limit: 1024)
    return .json(["runner": try await process().restart(try name(call))])
  }

  private func progress(_ call: Call) async throws -> HTTPResponse {
    let text = call.request.parameters["proposal"] ?? ""
    guard let digest = SHA256Digest(hex: text) else {
      throw FieldError(field: "proposal", expected: "64 lower-case hexadecimal digits", actual: text)
    }
    return .json(["progress": try process().progress[digest] ?? .null])
  }

  private func name(_ call: Call) throws -> String {
    let text = call.request.parameters["name"] ?? ""
    guard Name.isValid(text) else {
      throw FieldError(field: "name", expected: "the name of a runner", actual: JSON.string(text).summary)
    }
    return text
  }
}
