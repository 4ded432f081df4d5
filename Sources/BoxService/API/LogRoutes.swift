import CanonicalJSON
import Cryptography
import Governance
import HTTPServer
import Storage
import TransparencyLog

/// The log for anyone (C2SP tlog-tiles) and its entries as JSON.
struct LogRoutes: Sendable {
  static let maxPage: Int64 = 256

  let reader: LogReader
  let blocking: BlockingWork
  let events: EventHub

  var endpoints: [Endpoint] {
    [
      Endpoint(
        method: "GET", path: "/log/checkpoint", operation: "getCheckpoint", summary: "The newest signed checkpoint",
        access: .open,
        answers: [
          .init(status: 200, description: "A signed note", mediaType: "text/plain", schema: APISchemas.text)
        ],
        handler: { _ in try await checkpoint() }),
      Endpoint(
        method: "GET", path: "/log/tile/{path...}", operation: "getTile",
        summary: "A hash tile or an entry bundle (C2SP tlog-tiles)", access: .open,
        parameters: [
          .init(name: "path", place: .path, schema: APISchemas.text, description: "Level or `entries`, and index")
        ],
        answers: [.init(status: 200, description: "Tile bytes", mediaType: "application/octet-stream", schema: [:])],
        handler: { try await tile($0) }),
      Endpoint(
        method: "GET", path: "/v1/entries", operation: "listEntries", summary: "A page of entries",
        access: .scope(.read),
        parameters: [
          .init(name: "from", place: .query, schema: APISchemas.integer, description: "First index; default 0"),
          .init(name: "limit", place: .query, schema: APISchemas.integer, description: "1-256; default 100"),
        ],
        answers: [
          .init(
            status: 200, description: "Entries in order; `next` is where to go on, or null at the end of the log",
            schema: APISchemas.object([
              "entries": APISchemas.list(of: APISchemas.reference("Entry")),
              "next": APISchemas.orNull(APISchemas.integer),
            ]))
        ],
        handler: { try await entries($0) }),
      Endpoint(
        method: "GET", path: "/v1/entries/{index}", operation: "getEntry", summary: "One entry", access: .scope(.read),
        parameters: [Self.indexParameter],
        answers: [.init(status: 200, description: "The entry", schema: APISchemas.reference("Entry"))],
        handler: { try await entry($0) }),
      Endpoint(
        method: "GET", path: "/v1/entries/{index}/proof", operation: "proveEntry",
        summary: "An inclusion proof under the newest checkpoint", access: .scope(.read),
        parameters: [Self.indexParameter],
        answers: [
          .init(
            status: 200, description: "The proof",
            schema: APISchemas.object([
              "index": APISchemas.integer, "size": APISchemas.integer, "hashes": APISchemas.list(of: APISchemas.text),
              "checkpoint": APISchemas.text,
            ]))
        ],
        handler: { try await proof($0) }),
      Endpoint(
        method: "GET", path: "/v1/events", operation: "streamEvents",
        summary: "Entries as they become durable (server-sent events; `Last-Event-ID` resumes after that index)",
        access: .scope(.read),
        parameters: [
          .init(
            name: "from", place: .query, schema: APISchemas.integer, description: "First index; default: the next one")
        ],
        answers: [.init(status: 200, description: "Events", mediaType: "text/event-stream", schema: APISchemas.text)],
        handler: { try await stream($0) }),
    ]
  }

  private static let indexParameter = Endpoint.Parameter(
    name: "index", place: .path, schema: APISchemas.integer, description: "Zero-based index")

  private func checkpoint() async throws -> HTTPResponse {
    let reader = reader
    guard let signed = try await blocking.run({ try reader.latestCheckpoint() }) else {
      throw Problem(status: 404, code: "empty_log", detail: "the log has no entry yet")
    }
    return HTTPResponse(
      status: 200, headers: ["Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"],
      body: .bytes(signed.note.bytes))
  }

  private func tile(_ call: Call) async throws -> HTTPResponse {
    let reader = reader
    guard let path = TilePath(parsing: "tile/" + (call.request.parameters["path"] ?? "")),
      let bytes = try await blocking.run({ try reader.tile(path) })
    else {
      throw Problem(status: 404, code: "no_tile", detail: "the log has no such tile")
    }
    // A tile's bytes never change, a partial one's neither: a longer one has another name.
    return HTTPResponse(
      status: 200,
      headers: ["Content-Type": "application/octet-stream", "Cache-Control": "public, max-age=604800, immutable"],
      body: .bytes(bytes))
  }

  private func entries(_ call: Call) async throws -> HTTPResponse {
    let from = try call.integer("from", in: 0...JSON.maxSafeInteger, default: 0)
    let limit = try call.integer("limit", in: 1...Self.maxPage, default: 100)
    let reader = reader
    let page = try await blocking.run { try reader.entries(from: UInt64(from), limit: Int(limit)) }
    let next = page.last.map { Int64($0.index) + 1 }
    return .json([
      "entries": .array(page.map(Self.view)),
      "next": page.count == Int(limit) ? next.map { .integer($0) } ?? .null : .null,
    ])
  }

  private func entry(_ call: Call) async throws -> HTTPResponse {
    let index = try Self.index(call)
    let reader = reader
    guard let entry = try await blocking.run({ try reader.entry(index) }) else { throw Self.noEntry(index) }
    return .json(Self.view(entry))
  }

  private func proof(_ call: Call) async throws -> HTTPResponse {
    let index = try Self.index(call)
    let reader = reader
    return try await blocking.run {
      guard let signed = try reader.latestCheckpoint(), index < signed.checkpoint.size else {
        throw Self.noEntry(index)
      }
      let proof = try reader.inclusionProof(index: index, size: signed.checkpoint.size)
      return .json([
        "index": .integer(Int64(index)), "size": .integer(Int64(signed.checkpoint.size)),
        "hashes": .array(proof.hashes.map { .string(Base64.encode($0.bytes)) }),
        "checkpoint": .string(String(decoding: signed.note.bytes, as: UTF8.self)),
      ])
    }
  }

  private func stream(_ call: Call) async throws -> HTTPResponse {
    let reader = reader
    var next = try await blocking.run { try reader.size() }
    if call.request.query("from") != nil {
      next = UInt64(try call.integer("from", in: 0...JSON.maxSafeInteger, default: 0))
    }
    if let last = call.request.headers["last-event-id"] {
      guard let index = UInt64(last), index < UInt64(JSON.maxSafeInteger) else {
        throw FieldError(field: "Last-Event-ID", expected: "an entry's index", actual: last)
      }
      next = index + 1
    }
    let first = next
    let (blocking, events) = (blocking, events)
    return EventStream.response { writer in
      var next = first
      // A removed client hears nothing more.
      while !Task.isCancelled, call.isStillAllowed() {
        let from = next
        let page = try await blocking.run { try reader.entries(from: from, limit: 100) }
        for entry in page {
          let kind = (try? Entry(parsing: entry.bytes))?.kind.rawValue ?? "entry"
          try await writer.send(id: String(entry.index), event: kind, data: Self.view(entry).canonicalString())
          next = entry.index + 1
        }
        if page.isEmpty, await events.growth(beyond: next) == nil { return }
      }
    }
  }

  static func view(_ entry: StoredEntry) -> JSON {
    ["index": .integer(Int64(entry.index)), "entry": .string(String(decoding: entry.bytes, as: UTF8.self))]
  }

  private static func index(_ call: Call) throws(FieldError) -> UInt64 {
    let text = call.request.parameters["index"] ?? ""
    guard let index = UInt64(text), String(index) == text, index <= UInt64(JSON.maxSafeInteger) else {
      throw FieldError(field: "index", expected: "a zero-based index", actual: text)
    }
    return index
  }

  private static func noEntry(_ index: UInt64) -> Problem {
    Problem(status: 404, code: "no_entry", detail: "the log has no entry \(index) yet")
  }
}
