import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import OpenClaims
import Storage

/// Proposals: open, read, vote.
struct ProposalRoutes: Sendable {
  static let maxWait: Int64 = 60
  static let maxPage: Int64 = 100
  /// Rows looked at for one page of a filtered list.
  static let maxScan = 2000
  static let maxClaimBytes = 65536
  static let maxKeyBytes = 255
  static let statuses: Set<String> = [
    "open", "approved", "locked", "objected", "denied", "withdrawn", "expired", "executing", "executed", "failed",
    "unknown", "stale",
  ]

  /// Throws the problem that says why the box takes nothing.
  let core: @Sendable () throws -> BoxCore
  private var box: BoxCore { get throws { try core() } }

  var endpoints: [Endpoint] {
    let proposal = APISchemas.reference("Proposal")
    let id = Endpoint.Parameter(name: "id", place: .path, schema: APISchemas.digest, description: "Action digest")
    let wait = Endpoint.Parameter(
      name: "wait", place: .query, schema: APISchemas.integer,
      description: "Seconds (at most \(Self.maxWait)) to wait for something to be decided")
    let pendingOrDone: [Endpoint.Answer] = [
      .init(status: 200, description: "Nothing more can come", schema: proposal),
      .init(status: 202, description: "Pending", schema: proposal),
    ]
    func vote(_ verdict: Verdict, _ path: String, _ operation: String, _ summary: String) -> Endpoint {
      Endpoint(
        method: "POST", path: "/v1/proposals/{id}/\(path)", operation: operation, summary: summary,
        access: .scope(verdict == .withdraw ? .propose : .vote), parameters: [id], request: APISchemas.anyObject,
        answers: pendingOrDone, bodyLimit: Self.maxClaimBytes, handler: { try await self.vote($0, verdict) })
    }
    return [
      Endpoint(
        method: "POST", path: "/v1/proposals", operation: "openProposal", summary: "Propose an action",
        access: .scope(.propose),
        parameters: [
          .init(
            name: "Idempotency-Key", place: .header, schema: APISchemas.text,
            description: "A repetition under the same key is the same proposal"),
          .init(
            name: "Prefer", place: .header, schema: APISchemas.text,
            description: "`wait=SECONDS` waits for the outcome (RFC 7240)"),
        ],
        request: APISchemas.reference("ProposalRequest"), answers: pendingOrDone, bodyLimit: ProposalRequest.maxBytes,
        handler: { try await open($0) }),
      Endpoint(
        method: "GET", path: "/v1/proposals", operation: "listProposals", summary: "Proposals, newest first",
        access: .scope(.read),
        parameters: [
          .init(name: "status", place: .query, schema: APISchemas.text, description: "Only this status"),
          .init(name: "cursor", place: .query, schema: APISchemas.text, description: "`next` of the page before"),
          .init(name: "limit", place: .query, schema: APISchemas.integer, description: "1-100; default 20"),
        ],
        answers: [
          .init(
            status: 200, description: "A page",
            schema: APISchemas.object([
              "proposals": APISchemas.list(of: proposal), "next": APISchemas.orNull(APISchemas.text),
            ]))
        ],
        handler: { try await list($0) }),
      Endpoint(
        method: "GET", path: "/v1/proposals/{id}", operation: "getProposal", summary: "One proposal",
        access: .scope(.read), parameters: [id, wait],
        answers: [.init(status: 200, description: "The proposal", schema: proposal)],
        handler: { try await show($0) }),
      Endpoint(
        method: "GET", path: "/v1/proposals/{id}/openings", operation: "getOpenings",
        summary: "The private values behind its commitments", access: .scope(.openings), parameters: [id],
        answers: [
          .init(
            status: 200, description: "Openings by commitment",
            schema: APISchemas.object([
              "openings": ["type": "object", "additionalProperties": APISchemas.reference("Opening")]
            ]))
        ],
        handler: { try await openings($0) }),
      Endpoint(
        method: "DELETE", path: "/v1/openings/{digest}", operation: "eraseOpening",
        summary: "Erase the private value behind a commitment, for good; every proof goes on verifying",
        access: .scope(.erase),
        parameters: [
          .init(name: "digest", place: .path, schema: APISchemas.digest, description: "The commitment's digest")
        ],
        answers: [
          .init(
            status: 200, description: "It is gone", schema: APISchemas.object(["erased": APISchemas.digest]))
        ],
        handler: { try await erase($0) }),
      vote(.approve, "approvals", "approve", "Hand in an approval: a signed claim"),
      vote(.object, "objections", "object", "Hand in an objection: a signed claim"),
      vote(
        .withdraw, "withdrawal", "withdraw",
        "Withdraw: the proposing client with an empty object, a proposing signer with a signed claim"),
    ]
  }

  private func open(_ call: Call) async throws -> HTTPResponse {
    let box = try box
    let json = try await call.json(limits: .document(maxBytes: ProposalRequest.maxBytes))
    guard let client = call.client else { throw Problem(status: 401, code: "unauthorized") }
    let salts = try saltSource(call, client: client)
    let wait = try Self.preferredWait(call)
    let id: SHA256Digest
    do {
      id = try await box.open(json, by: .client(client.name), salts: salts)
      box.metrics.count("safebox_proposals_total", ("outcome", "opened"))
    } catch {
      box.metrics.count("safebox_proposals_total", ("outcome", "refused"))
      throw error
    }
    var view = try await box.view(id)
    if let wait, !view.isFinal { view = try await box.wait(for: id, seconds: wait) { $0.isFinal } }
    var response = HTTPResponse.json(view.json, status: view.isFinal ? 200 : 202)
    response.headers["Location"] = "/v1/proposals/\(id.hex)"
    if case .denied = view.status { throw Self.denied(view) }
    return response
  }

  private func list(_ call: Call) async throws -> HTTPResponse {
    let limit = Int(try call.integer("limit", in: 1...Self.maxPage, default: 20))
    let status = call.request.query("status")
    guard status.map(Self.statuses.contains) ?? true else {
      throw FieldError(
        field: "status", expected: "one of \(Self.statuses.sorted())", actual: JSON.string(status ?? "").summary)
    }
    var before = UInt64(Int64.max)
    if let cursor = call.request.query("cursor") {
      guard let index = UInt64(cursor), String(index) == cursor, index <= UInt64(Int64.max) else {
        throw FieldError(field: "cursor", expected: "`next` of an earlier page", actual: cursor)
      }
      before = index
    }
    var views: [ProposalView] = []
    var scanned = 0
    var isEnd = false
    while views.count < limit, scanned < Self.maxScan, !isEnd {
      let rows = try await box.rows(before: before, limit: limit)
      isEnd = rows.count < limit
      for view in try await box.views(rows) where views.count < limit {
        if status == nil || view.statusName == status { views.append(view) }
        before = view.row.opened
        scanned += 1
      }
    }
    return .json([
      "proposals": .array(views.map(\.json)), "next": isEnd && views.count < limit ? .null : .string(String(before)),
    ])
  }

  private func show(_ call: Call) async throws -> HTTPResponse {
    let id = try Self.id(call)
    var view = try await box.view(id)
    let wait = try call.integer("wait", in: 0...Self.maxWait, default: 0)
    if wait > 0, !view.isFinal {
      let before = view.json
      view = try await box.wait(for: id, seconds: wait) { $0.json != before }
    }
    return .json(view.json)
  }

  private func openings(_ call: Call) async throws -> HTTPResponse {
    let view = try await box.view(try Self.id(call))
    var object: JSONObject = [:]
    for (digest, opening) in try await box.shownOpenings(of: view.opened.statement.action) {
      object[digest.hex] = opening.json
    }
    return HTTPResponse.json(["openings": .object(object)])
  }

  private func erase(_ call: Call) async throws -> HTTPResponse {
    let text = call.request.parameters["digest"] ?? ""
    guard let digest = SHA256Digest(hex: text) else {
      throw FieldError(field: "digest", expected: "64 lower-case hexadecimal digits", actual: text)
    }
    guard try await box.openings.erase(digest) else {
      throw Problem(status: 404, code: "no_opening", detail: "nothing is kept for the commitment \(digest)")
    }
    return .json(["erased": .string(digest.hex)])
  }

  private func vote(_ call: Call, _ verdict: Verdict) async throws -> HTTPResponse {
    let box = try box
    let id = try Self.id(call)
    let body = try await call.request.body.collect(limit: Self.maxClaimBytes)
    let json: JSON = verdict == .withdraw && body.isEmpty ? [:] : try JSON(parsing: body, limits: .claim)
    let voice: ProposalVote.Voice
    if verdict == .withdraw, json == [:] {
      guard let client = call.client else { throw Problem(status: 401, code: "unauthorized") }
      voice = .client(client.name)
    } else {
      guard let signer = json["iss"]?.string else {
        throw FieldError(field: "iss", expected: "the name of the signer", actual: json["iss"]?.summary ?? "nothing")
      }
      voice = .signer(signer, claim: json)
    }
    let vote = ProposalVote(verdict: verdict, proposal: id, voice: voice)
    do {
      try await box.vote(vote)
      box.metrics.count("safebox_votes_total", ("verdict", verdict.rawValue), ("outcome", "recorded"))
    } catch Fault.vote(.duplicate(let signer)) {
      // Handing in the same vote again is no error: the first answer may have been lost.
      guard try await box.view(id).votes.contains(where: { $0.kind == verdict.kind && $0.voice == signer }) else {
        throw Fault.vote(.duplicate(signer: signer))
      }
    } catch {
      box.metrics.count("safebox_votes_total", ("verdict", verdict.rawValue), ("outcome", "refused"))
      throw error
    }
    let view = try await box.view(id)
    return .json(view.json, status: view.isFinal ? 200 : 202)
  }

  private func saltSource(_ call: Call, client: APIClient) throws -> SaltSource {
    guard let key = try Self.idempotencyKey(call) else { return .random }
    return .derived(try box.idempotencyKey(client: client.name, key: key))
  }

  static func idempotencyKey(_ call: Call) throws(FieldError) -> String? {
    let keys = call.request.headers.all("idempotency-key")
    guard let key = keys.first else { return nil }
    guard keys.count == 1, (1...maxKeyBytes).contains(key.utf8.count) else {
      throw FieldError(field: "Idempotency-Key", expected: "1-\(maxKeyBytes) bytes, once", actual: key)
    }
    return key
  }

  static func preferredWait(_ call: Call) throws -> Int64? {
    for value in call.request.headers.all("prefer") {
      for part in value.split(separator: ",") {
        let token = part.trimmingBlanks
        if token.hasPrefix("wait="), let seconds = Int64(token.dropFirst(5)), seconds >= 0 {
          return min(seconds, maxWait)
        }
      }
    }
    return nil
  }

  static func id(_ call: Call) throws(FieldError) -> SHA256Digest {
    let text = call.request.parameters["id"] ?? ""
    guard let id = SHA256Digest(hex: text) else {
      throw FieldError(field: "id", expected: "an action digest: 64 lower-case hexadecimal digits", actual: text)
    }
    return id
  }

  private static func denied(_ view: ProposalView) -> Problem {
    var problem = Problem(status: 403, code: "denied")
    if case .denied(let why) = view.status { problem.detail = "\(why)" }
    return problem.with("action_digest", .string(view.row.proposal.hex))
      .with("next_steps", ["ask the owners for a policy that allows it"])
  }
}

extension Substring {
  var trimmingBlanks: Substring {
    var text = self
    while text.first == " " || text.first == "\t" { text.removeFirst() }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return text
  }
}
