import CanonicalJSON
import Foundation
import TestSupport
import Testing

/// The HTTP API as programs meet it.
@Suite struct InterfaceTests {
  @Test func descriptionIsComplete() async throws {
    try await story {
      let box = try TestBox()
      let document = try HTTPExchange("GET", "/openapi.json", at: box.address).json()
      #expect(document["openapi"] == "3.1.0")
      #expect(document.at("info", "title") == "Safebox")
      let paths = try #require(document["paths"]?.object)
      let expected = [
        "/v1/status", "/v1/claims", "/v1/constitution", "/v1/policies", "/v1/policies/{name}", "/v1/committees",
        "/v1/proposals", "/v1/proposals/{id}", "/v1/proposals/{id}/openings", "/v1/proposals/{id}/approvals",
        "/v1/proposals/{id}/objections", "/v1/proposals/{id}/withdrawal", "/v1/proposals/{id}/receipt",
        "/v1/receipts/{id}", "/v1/receipts/{id}/tlog-proof", "/v1/entries", "/v1/entries/{index}",
        "/v1/entries/{index}/proof", "/v1/events", "/log/checkpoint", "/openapi.json",
      ]
      for path in expected { #expect(paths[path] != nil, "\(path)") }

      var names: [String] = []
      for (path, item) in paths {
        for (method, operation) in item.object ?? [:] {
          #expect(["get", "post", "delete"].contains(method))
          names.append(operation["operationId"]?.string ?? "")
          #expect(operation["summary"]?.string?.isEmpty == false)
          let parameters = operation["parameters"]?.array ?? []
          let inPath = parameters.filter { $0["in"] == "path" }
          #expect(inPath.allSatisfy { $0["required"] == true })
          let placeholders = path.split(separator: "{").dropFirst().map { $0.prefix { $0 != "}" && $0 != "." } }
          #expect(Set(inPath.compactMap { $0["name"]?.string }) == Set(placeholders.map(String.init)), "\(path)")
          #expect((operation["requestBody"] != nil) == (method == "post"), "\(path)")
          let responses = try #require(operation["responses"]?.object)
          #expect(responses["default"] != nil && responses.count > 1, "\(path)")
        }
      }
      #expect(Set(names).count == names.count && !names.contains(""))
      try checkReferences(document, in: document)
    }
  }

  private func checkReferences(_ json: JSON, in document: JSON) throws {
    switch json {
    case .array(let items): for item in items { try checkReferences(item, in: document) }
    case .object(let members):
      if let reference = members["$ref"]?.string {
        let names = reference.split(separator: "/").dropFirst().map(String.init)
        let target = names.reduce(document) { $0[$1] ?? .null }
        #expect(target != .null, "\(reference)")
      }
      for (_, member) in members { try checkReferences(member, in: document) }
    default: break
    }
  }

  /// What the description calls required is there.
  @Test func answersHaveTheirForm() async throws {
    try await story {
      let office = try Office()
      let box = office.box
      let id = try box.propose()
      try box.approve(id, by: "engineer")
      try box.approve(id, by: "auditor")
      try box.wait(for: "executed", of: id)
      _ = try box.propose(2)
      try office.register("reconcile")
      let run = try office.finished("reconcile")
      let kept = try HTTPExchange(
        "POST", "/v1/manifests?kind=model", at: box.address, token: box.token(),
        bytes: Array(ModelManifestTests.text.utf8))
      let manifest = try #require(try kept.json()["manifest"]?.string)
      let document = try box.ask("GET", "/openapi.json").json()
      let paths = try #require(document["paths"]?.object)
      for (template, item) in paths {
        guard let schema = item["get"]?.at("responses", "200", "content", "application/json", "schema"),
          schema != .null
        else { continue }
        var path = template.replacingOccurrences(of: "runs/{id}", with: "runs/\(run)")
          .replacingOccurrences(of: "communities/{name}", with: "communities/acme")
          .replacingOccurrences(of: "{id}", with: id).replacingOccurrences(of: "{index}", with: "0")
          .replacingOccurrences(of: "{name}", with: "payments").replacingOccurrences(of: "{digest}", with: manifest)
          .replacingOccurrences(of: "{proposal}", with: id)
        if template == "/v1/secrets" { path += "?community=acme" }
        let answer = try box.ask("GET", path, token: office.token)
        // This box has no privileged process to ask.
        if template.hasPrefix("/v1/system/"), template != "/v1/system/models" {
          #expect(answer.status == 409, "\(path)")
          #expect(try answer.json()["code"] == "no_system", "\(path)")
          continue
        }
        // No machine vouches for it, and it is no broker.
        if let code = ["/v1/identity": "no_attestation", "/v1/appraisals/{digest}": "no_broker"][template] {
          #expect([404, 409].contains(answer.status), "\(path)")
          #expect(try answer.json()["code"]?.string == code, "\(path)")
          continue
        }
        #expect(answer.status == 200, "\(path)")
        #expect(answer.headers["content-type"] == "application/json", "\(path)")
        let faults = faults(try answer.json(), schema, document, path)
        #expect(faults.isEmpty, "\(faults)")
      }
    }
  }

  /// As much of JSON Schema as the description uses.
  private func faults(_ json: JSON, _ schema: JSON, _ document: JSON, _ path: String) -> [String] {
    if let reference = schema["$ref"]?.string {
      let names = reference.split(separator: "/").dropFirst().map(String.init)
      return faults(json, names.reduce(document) { $0[$1] ?? .null }, document, path)
    }
    if let choices = schema["anyOf"]?.array {
      let each = choices.map { faults(json, $0, document, path) }
      return each.contains(where: \.isEmpty) ? [] : each.flatMap { $0 }
    }
    switch schema["type"]?.string {
    case "string":
      guard let text = json.string else { return ["\(path) is no string"] }
      let wantsDigest = schema["pattern"] != nil
      return wantsDigest && !(text.count == 64 && text.allSatisfy(\.isHexDigit)) ? ["\(path) is no digest"] : []
    case "integer": return (json.integer ?? -1) >= 0 ? [] : ["\(path) is no integer"]
    case "null": return json == .null ? [] : ["\(path) is not null"]
    case "array":
      guard let items = json.array else { return ["\(path) is no array"] }
      return items.flatMap { faults($0, schema["items"] ?? [:], document, path + "[]") }
    case "object":
      guard let object = json.object else { return ["\(path) is no object"] }
      var found = (schema["required"]?.array ?? []).compactMap(\.string).filter { object[$0] == nil }
        .map { "\(path).\($0) is missing" }
      for (name, member) in object {
        let rule = schema["properties"]?[name] ?? schema["additionalProperties"] ?? [:]
        found += faults(member, rule, document, "\(path).\(name)")
      }
      return found
    default: return []
    }
  }

  @Test func errorsAreProblems() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      func problem(_ answer: HTTPExchange, _ status: Int, _ code: String?) throws -> JSON {
        #expect(answer.status == status, "\(answer.text)")
        #expect(answer.headers["content-type"] == "application/problem+json")
        let json = try answer.json()
        #expect(json["status"] == .integer(Int64(status)))
        #expect(json["type"]?.string?.isEmpty == false && json["title"]?.string?.isEmpty == false)
        if let code { #expect(json["code"] == .string(code), "\(answer.text)") }
        return json
      }
      let nobody = String(repeating: "0", count: 64)
      _ = try problem(box.ask("GET", "/v1/nothing"), 404, nil)
      _ = try problem(box.ask("DELETE", "/v1/proposals"), 405, nil)
      _ = try problem(box.ask("GET", "/v1/proposals/\(nobody)"), 404, "no_proposal")
      _ = try problem(box.ask("GET", "/v1/policies/nobody"), 404, "no_policy")
      _ = try problem(box.ask("GET", "/v1/entries/99999"), 404, "no_entry")
      #expect(try problem(box.ask("GET", "/v1/proposals/xyz"), 422, "invalid_field")["field"] == "id")
      #expect(try problem(box.ask("GET", "/v1/proposals?limit=0"), 422, "invalid_field")["field"] == "limit")
      let early = try problem(box.ask("GET", "/v1/receipts/\(id)"), 404, "no_receipt_yet")
      #expect(early["action_digest"] == .string(id))
      #expect(early["missing_approvals"]?.array?.first?["count"] == 2)
      #expect(early["next_steps"]?.array?.isEmpty == false)

      func open(_ body: JSON) throws -> HTTPExchange { try box.ask("POST", "/v1/proposals", body: body) }
      let action: JSON = ["type": "http.request", "params": box.payment()]
      _ = try problem(
        HTTPExchange("POST", "/v1/proposals", at: box.address, token: box.token(), bytes: Array("{".utf8)), 400,
        "invalid_json")
      #expect(
        try problem(open(["action": action, "expire": 1]), 422, "invalid_field")["field"]?.string?.contains("expire")
          == true)
      #expect(try problem(open(["action": ["type": "http.request"]]), 422, "invalid_field")["field"] != nil)
      _ = try problem(open(["action": action, "expires": 1]), 422, nil)
      let denied = try problem(
        open(["action": ["type": "http.request", "params": ["method": "GET", "url": "http://example.com/"]]]), 403,
        "denied")
      #expect(denied["next_steps"]?.array?.isEmpty == false)
      let big = [UInt8](repeating: UInt8(ascii: " "), count: (1 << 20) + 1)
      _ = try problem(
        HTTPExchange("POST", "/v1/proposals", at: box.address, token: box.token(), bytes: big), 413, nil)
    }
  }

  @Test func repetitionsUnderOneKeyAreOneProposal() async throws {
    try await story {
      let box = try TestBox()
      let body: JSON = ["action": ["type": "http.request", "params": box.payment()]]
      let other: JSON = ["action": ["type": "http.request", "params": box.payment(2)]]
      func open(_ body: JSON, key: String?, token: String? = nil) throws -> HTTPExchange {
        try box.ask(
          "POST", "/v1/proposals", token: token, headers: key.map { ["Idempotency-Key": $0] } ?? [:], body: body)
      }
      let first = try open(body, key: "k1")
      let id = try #require(try first.json()["proposal"]?.string)
      #expect(first.status == 202)
      #expect(first.headers["location"] == "/v1/proposals/\(id)")
      #expect(try open(body, key: "k1").json()["proposal"] == .string(id))
      let reused = try open(other, key: "k1")
      #expect(reused.status == 422)
      #expect(try reused.json()["code"] == "idempotency_key_reused")
      // Another key, no key, and another client under the same key: other proposals.
      let stranger = try box.token(client: "stranger", ["propose"])
      let more = [try open(body, key: "k2"), try open(body, key: nil), try open(body, key: "k1", token: stranger)]
      let ids = Set(try more.map { try #require(try $0.json()["proposal"]?.string) } + [id])
      #expect(ids.count == 4)
      // The keys outlive the process.
      try box.stop()
      try box.start()
      #expect(try open(body, key: "k1").json()["proposal"] == .string(id))
      #expect(try box.ask("GET", "/v1/status").json()["size"] == 5)
    }
  }

  @Test func pagesHoldEveryProposalOnce() async throws {
    try await story {
      let box = try TestBox()
      let ids = try (1...5).map { try box.propose($0) }
      try box.safebox("withdraw", ids[2])
      var seen: [String] = []
      var path = "/v1/proposals?limit=2"
      while true {
        let page = try box.ask("GET", path).json()
        seen += (page["proposals"]?.array ?? []).compactMap { $0["proposal"]?.string }
        guard let cursor = page["next"]?.string else { break }
        path = "/v1/proposals?limit=2&cursor=\(cursor)"
        try #require(seen.count <= ids.count)
      }
      #expect(seen == ids.reversed())
      let open = try box.safebox("proposals", "--status", "open", "--json").json.array ?? []
      #expect(open.compactMap { $0["proposal"]?.string } == ids.reversed().filter { $0 != ids[2] })
      #expect(try box.safebox("proposals").output.contains("withdrawn"))
    }
  }

  @Test func eventsComeInOrderAndResume() async throws {
    try await story {
      let box = try TestBox()
      let token = try box.token()
      let reader = try EventReader("/v1/events?from=0", at: box.address, token: token)
      let created = try #require(try reader.next())
      #expect(created.id == "0" && created.kind == "box.created")
      let live = try EventReader("/v1/events", at: box.address, token: token)
      let id = try box.propose()
      try box.approve(id, by: "engineer")
      try box.approve(id, by: "auditor")
      let kinds = [
        "proposal.opened", "proposal.approved", "proposal.approved", "execution.started", "execution.finished",
      ]
      for stream in [reader, live] {
        for (index, kind) in kinds.enumerated() {
          let event = try #require(try stream.next())
          #expect(event.id == "\(index + 1)" && event.kind == kind)
          let data = try JSON(parsing: Array(event.data.utf8), limits: .document(maxBytes: 1 << 20))
          let entry = try box.ask("GET", "/v1/entries/\(index + 1)").json()
          #expect(data == entry, "an event carries the entry as logged")
        }
      }
      let resumed = try EventReader("/v1/events", at: box.address, token: token, lastEventID: "3")
      #expect(try resumed.next()?.kind == "execution.started")
      // Stopping ends the streams; it does not wait for them.
      try box.stop()
      #expect(try resumed.next()?.kind == "execution.finished")
      #expect((try? resumed.next()) == nil)
    }
  }

  @Test func anyoneCanReadAndProveTheLog() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      let checkpoint = try HTTPExchange("GET", "/log/checkpoint", at: box.address)
      let lines = checkpoint.text.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.first == Substring(TestBox.origin) && lines[1] == "2")
      #expect(try HTTPExchange("GET", "/log/tile/entries/000.p/2", at: box.address).text.contains(id))
      #expect(try HTTPExchange("GET", "/log/tile/0/000.p/2", at: box.address).body.count == 64)
      #expect(try HTTPExchange("GET", "/log/tile/0/000.p/3", at: box.address).status == 404)
      #expect(try box.safebox("log", "checkpoint").output == checkpoint.text)
      try box.safebox("log", "prove", "1")
      #expect(try box.safebox("log", "tail").output.contains("proposal.opened"))
    }
  }

  @Test func callersCanWaitForTheOutcome() async throws {
    try await story {
      let box = try TestBox()
      let id = try box.propose()
      try box.approve(id, by: "engineer")
      let stream = try HTTPStream(box.address)
      try stream.request("GET", "/v1/proposals/\(id)?wait=30", token: try box.token(), headers: [:], body: nil)
      try box.approve(id, by: "auditor")
      let (status, headers) = try stream.head()
      #expect(status == 200)
      let proposal = try JSON(parsing: stream.body(headers), limits: .document(maxBytes: 1 << 20))
      #expect(proposal["approvals"]?.array?.count == 2, "the answer came with the change")
    }
  }
}
